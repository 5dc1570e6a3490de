use std::os::unix::fs::MetadataExt;

use super::*;

const NOW: i64 = 1_790_000_000;

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| name.to_string()).collect()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o777
}

fn leaf(identity: &Identity) -> Vec<u8> {
    identity.key.cert.first().unwrap().to_vec()
}

#[test]
fn everything_is_private_but_the_certificate() {
    let state = tempfile::tempdir().unwrap();
    let state = state.path().join("not/yet/there");
    let authority = LocalAuthority::open_or_create(&state, NOW).unwrap();
    authority.issue("dev", &[], NOW).unwrap();
    let directory = state.join("development");
    assert_eq!(mode(&directory), 0o700);
    let mut count = 0;
    for entry in fs::read_dir(&directory).unwrap() {
        let path = entry.unwrap().path();
        let expected = if path == authority.certificate_path() { 0o644 } else { 0o600 };
        assert_eq!(mode(&path), expected, "{}", path.display());
        count += 1;
    }
    assert_eq!(count, 4, "key, certificate, leaf and lock, and nothing left aside");
    fs::set_permissions(&directory, Permissions::from_mode(0o755)).unwrap();
    LocalAuthority::open_or_create(&state, NOW).unwrap();
    assert_eq!(mode(&directory), 0o700);
}

#[test]
fn many_at_once_make_one_authority_and_one_leaf() {
    let state = tempfile::tempdir().unwrap();
    let made: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    let authority = LocalAuthority::open_or_create(state.path(), NOW).unwrap();
                    let identity = authority.issue("dev", &names(&["a.test"]), NOW).unwrap();
                    (authority.certificate.to_vec(), leaf(&identity))
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(made.iter().all(|other| *other == made[0]));
}

#[test]
fn a_leaf_is_used_again_until_names_or_time_or_the_authority_change() {
    let state = tempfile::tempdir().unwrap();
    let open = |now| LocalAuthority::open_or_create(state.path(), now).unwrap();
    let issue = |list: &[&str], now| {
        let identity = open(now).issue("dev", &names(list), now).unwrap();
        (leaf(&identity), identity.facts)
    };
    let (first, facts) = issue(&["b.test", "A.test", "::0001"], NOW);
    assert_eq!(facts.names, ["::1", "a.test", "b.test"]);
    assert_eq!(facts.not_after, NOW + LEAF_SECONDS);
    assert!(facts.not_before < NOW);
    assert_eq!(issue(&["a.test", "b.test", "::1", "a.test"], NOW).0, first, "another order");
    assert_eq!(issue(&["a.test", "b.test", "::1"], NOW + 59 * DAY_SECONDS).0, first, "in time");
    assert_ne!(issue(&["a.test"], NOW).0, first, "other names");
    let late = issue(&["a.test", "b.test", "::1"], NOW + 61 * DAY_SECONDS).0;
    assert_ne!(late, first, "near its end");

    // An authority that cannot outlast what it would issue is made anew.
    let authority = open(NOW).certificate;
    assert_eq!(open(NOW + 3000 * DAY_SECONDS).certificate, authority);
    assert_ne!(open(NOW + 3600 * DAY_SECONDS).certificate, authority);
    assert_ne!(issue(&["a.test", "b.test", "::1"], NOW + 61 * DAY_SECONDS).0, late);
}

#[test]
fn files_that_do_not_belong_together_are_replaced() {
    let state = tempfile::tempdir().unwrap();
    let open = || LocalAuthority::open_or_create(state.path(), NOW);
    let directory = state.path().join("development");
    let key = || fs::read(directory.join(KEY_FILE)).unwrap();
    for broken in [&b""[..], b"\xff\xfe", b"-----BEGIN PRIVATE KEY-----\n"] {
        for file in [KEY_FILE, CERTIFICATE_FILE] {
            let before = open().unwrap().certificate;
            fs::write(directory.join(file), broken).unwrap();
            let after = open().unwrap();
            assert_ne!(after.certificate, before, "{file} {}", broken.escape_ascii());
            after.issue("dev", &[], NOW).unwrap();
        }
    }
    // A process killed between the two files left a key of a later authority.
    open().unwrap();
    fs::write(directory.join(KEY_FILE), KeyPair::generate().unwrap().serialize_pem()).unwrap();
    let stray = key();
    open().unwrap();
    assert_ne!(key(), stray);
    // And a leaf that was cut.
    let authority = open().unwrap();
    authority.issue("dev", &[], NOW).unwrap();
    let path = directory.join(authority.leaf_file(&normal(&[]).unwrap()));
    fs::write(&path, "-----BEGIN").unwrap();
    fs::write(path.with_extension("new"), "left over").unwrap();
    authority.issue("dev", &[], NOW).unwrap();
}

#[test]
fn names_that_no_client_would_accept_are_refused() {
    let state = tempfile::tempdir().unwrap();
    let authority = LocalAuthority::open_or_create(state.path(), NOW).unwrap();
    let too_many: Vec<String> = (0..=NAMES_MAX).map(|n| format!("n{n}.test")).collect();
    let rows = [
        (names(&["a b"]), "cannot be issued for `a b`"),
        (names(&[""]), "cannot be issued for ``"),
        (names(&["*"]), "cannot be issued for `*`"),
        (names(&["a.*.test"]), "cannot be issued for `a.*.test`"),
        (names(&["bücher.test"]), "cannot be issued for `bücher.test`"),
        (too_many, "more than 100 names"),
    ];
    for (list, message) in rows {
        let error = authority.issue("dev", &list, NOW).expect_err(message);
        assert!(error.to_string().contains(message), "{error}");
    }
    let long = format!("{}.{}.test", "a".repeat(63), "b".repeat(63));
    for good in ["*.a.test", "localhost", "127.0.0.1", "2001:db8::1", "under_score.test", &long] {
        authority.issue("dev", &names(&[good]), NOW).expect(good);
    }
}

#[test]
fn old_leaves_are_removed() {
    let state = tempfile::tempdir().unwrap();
    let authority = LocalAuthority::open_or_create(state.path(), NOW).unwrap();
    for n in 0..LEAVES_MAX + 3 {
        authority.issue("dev", &[format!("n{n}.test")], NOW).unwrap();
    }
    let entries = fs::read_dir(state.path().join("development")).unwrap();
    let leaves = entries.filter(|entry| {
        entry.as_ref().unwrap().file_name().to_string_lossy().starts_with(LEAF_PREFIX)
    });
    assert_eq!(leaves.count(), LEAVES_MAX);
}

#[test]
fn a_state_directory_that_is_a_file_is_named() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let error = LocalAuthority::open_or_create(file.path(), NOW).unwrap_err();
    assert!(error.to_string().contains("development"), "{error}");
}
