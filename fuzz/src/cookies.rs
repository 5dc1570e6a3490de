//! Stickiness cookies: nothing that we did not seal opens, and what we sealed opens as one kind only.

use std::sync::LazyLock;

use machine::stickiness::{self, KEY_LEN, KeyRing, NONCE_LEN};
use model::Seconds;

const NOW: i64 = 1_795_435_200;
const KEY: u64 = 0x1234_5678_9abc_def0;

static RING: LazyLock<KeyRing> = LazyLock::new(|| KeyRing::new([7; KEY_LEN]));
/// A cookie of the target kind, sealed by the ring.
static SEALED: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut line = Vec::new();
    let (duration, nonce) = (Seconds(3600), [9; NONCE_LEN]);
    stickiness::LOAD_BALANCER.write_set_cookie(&mut line, &RING, KEY, NOW, duration, nonce);
    let value = line.split(|byte| *byte == b'=').nth(1).unwrap_or_default();
    value.split(|byte| *byte == b';').next().unwrap_or_default().to_vec()
});

pub fn check(bytes: &[u8]) {
    // Any header: whatever opens was sealed by us.
    let sealed = |text: &[u8]| text.windows(SEALED.len()).any(|part| part == SEALED.as_slice());
    let opened = stickiness::LOAD_BALANCER.read([bytes], &RING, NOW);
    assert!(opened.is_none() || sealed(bytes), "forged: {}", bytes.escape_ascii());
    assert_eq!(stickiness::TARGET_GROUP.read([bytes], &RING, NOW), None, "another kind");
    let _ = stickiness::read_app([bytes], "session", &RING, NOW);
    let _ = stickiness::sets_app_cookie(bytes, "session");
    let _ = stickiness::takes_cross_site(bytes);
    // Ours among other cookies, before them.
    let header = [b"AWSALB=", SEALED.as_slice(), b"; ", bytes].concat();
    let opened = stickiness::LOAD_BALANCER.read([header.as_slice()], &RING, NOW);
    let twin = bytes.windows(10).any(|part| part == b"AWSALBCORS");
    assert!(opened == Some(KEY) || twin, "{}", header.escape_ascii());
    // Ours with one byte changed.
    if let [at, flip, ..] = *bytes {
        let mut forged = SEALED.clone();
        let at = usize::from(at) % forged.len();
        forged[at] ^= flip;
        let header = [b"AWSALB=", forged.as_slice()].concat();
        let opened = stickiness::LOAD_BALANCER.read([header.as_slice()], &RING, NOW);
        assert!(opened.is_none() || flip == 0, "byte {at} changed by {flip:#x}");
    }
}
