use super::*;
use proptest::prelude::*;

const NOW: i64 = 1_800_000_000;
const DAY: Seconds = Seconds(86_400);
const KEYS: [[u8; KEY_LEN]; 3] = [[1; KEY_LEN], [2; KEY_LEN], [3; KEY_LEN]];

fn ring() -> KeyRing {
    KeyRing::new(KEYS[0])
}

fn lines(cookie: &Cookie, key: u64) -> Vec<String> {
    let mut out = Vec::new();
    cookie.write_set_cookie(&mut out, &ring(), key, NOW, DAY, [9; NONCE_LEN]);
    let text = String::from_utf8(out).unwrap();
    assert!(text.ends_with("\r\n"));
    text.lines().map(str::to_owned).collect()
}

/// `name=value` as a client would send it back.
fn pair(cookie: &Cookie, key: u64) -> String {
    let lines = lines(cookie, key);
    let pair = lines[0].strip_prefix("Set-Cookie: ").unwrap().split(';').next().unwrap();
    pair.to_owned()
}

fn value(cookie: &Cookie, key: u64) -> String {
    pair(cookie, key).split_once('=').unwrap().1.to_owned()
}

fn find(cookie: &Cookie, headers: &[&str], now: i64) -> Result<u64, NotSticky> {
    cookie.find(headers.iter().map(|header| header.as_bytes()), &ring(), now)
}

#[test]
fn header_lines_are_albs() {
    let expires = "Expires=Fri, 22 Jan 2027 08:00:00 GMT; Path=/";
    let cross = "; SameSite=None; Secure";
    let rows: [(&Cookie, &[(&str, &str)]); 4] = [
        (&LOAD_BALANCER, &[("AWSALB", ""), ("AWSALBCORS", cross)]),
        (&TARGET_GROUP, &[("AWSALBTG", ""), ("AWSALBTGCORS", cross)]),
        (&APP, &[("AWSALBAPP-0", "")]),
        (&APP_CROSS_SITE, &[("AWSALBAPP-0", cross)]),
    ];
    for (cookie, expected) in rows {
        let value = value(cookie, 5);
        let expected: Vec<_> = expected
            .iter()
            .map(|(name, more)| format!("Set-Cookie: {name}={value}; {expires}{more}"))
            .collect();
        assert_eq!(lines(cookie, 5), expected, "{cookie:?}");
    }
}

#[test]
fn reading() {
    let (own, other) = (value(&LOAD_BALANCER, 1), value(&LOAD_BALANCER, 2));
    let group = value(&TARGET_GROUP, 1);
    let rows: &[(&[&str], Result<u64, NotSticky>)] = &[
        (&[], Err(NotSticky::Absent)),
        (&["a=b; AWSALBX=1; awsalb=2; XAWSALB=3"], Err(NotSticky::Absent)),
        (&[&format!("a=b; AWSALB={own}; c=d")], Ok(1)),
        (&["a=b", &format!("AWSALB={own}")], Ok(1)),
        (&[&format!("AWSALBCORS={own}")], Ok(1)),
        (&[&format!("AWSALB={own}; AWSALBCORS={other}")], Ok(2)),
        (&[&format!("AWSALBCORS={other}"), &format!("AWSALB={own}")], Ok(2)),
        (&[&format!("AWSALB={own}; AWSALB={other}")], Ok(1)),
        (&[&format!("AWSALB={own}; AWSALBCORS=x")], Err(NotSticky::Undecodable)),
        (&["AWSALB="], Err(NotSticky::Undecodable)),
        (&[&format!("AWSALB={own}=")], Err(NotSticky::Undecodable)),
        (&[&format!("AWSALB=\"{own}\"")], Err(NotSticky::Undecodable)),
        (&[&format!("AWSALB={group}")], Err(NotSticky::Undecodable)),
    ];
    for (headers, expected) in rows {
        assert_eq!(find(&LOAD_BALANCER, headers, NOW), *expected, "{headers:?}");
    }
}

#[test]
fn the_period_ends_inside() {
    let header = pair(&TARGET_GROUP, 4);
    let end = NOW + i64::from(DAY.0);
    assert_eq!(find(&TARGET_GROUP, &[&header], end - 1), Ok(4));
    assert_eq!(find(&TARGET_GROUP, &[&header], end), Err(NotSticky::Expired));
}

#[test]
fn the_app_cookie_must_come_too() {
    let ours = pair(&APP, 6);
    let read = |header: &str| find_app([header.as_bytes()], "SESSION", &ring(), NOW);
    assert_eq!(read(&format!("SESSION=x; {ours}")), Ok(6));
    assert_eq!(read(&format!("{ours}; SESSION=")), Ok(6));
    assert_eq!(read(&format!("{ours}; session=x")), Err(NotSticky::AppCookieAbsent));
    assert_eq!(read("SESSION=x"), Err(NotSticky::Absent));
}

#[test]
fn what_a_target_sets() {
    let rows = [
        ("SESSION=x; Path=/", true),
        ("SESSION=", true),
        ("SESSIONS=x", false),
        ("SESSION", false),
        ("session=x", false),
        ("a=b; SESSION=x", false),
    ];
    for (set_cookie, expected) in rows {
        assert_eq!(sets_app_cookie(set_cookie.as_bytes(), "SESSION"), expected, "{set_cookie}");
    }
}

#[test]
fn chromium_from_80_takes_cross_site() {
    let rows = [
        ("Mozilla/5.0 (X11) AppleWebKit/537.36 (KHTML) Chrome/80.0.3987.87 Safari/537.36", true),
        ("Mozilla/5.0 Chrome/138.0.0.0", true),
        ("Mozilla/5.0 Chromium/99", true),
        ("Mozilla/5.0 Chrome/79.9", false),
        ("Chrome/", false),
        ("Mozilla/5.0 Firefox/130.0", false),
        ("", false),
    ];
    for (agent, expected) in rows {
        assert_eq!(takes_cross_site(agent.as_bytes()), expected, "{agent}");
    }
}

#[test]
fn keys_rotate_once() {
    let header = pair(&LOAD_BALANCER, 8);
    let read = |ring: &KeyRing| LOAD_BALANCER.read([header.as_bytes()], ring, NOW);
    let once = ring().rotated(KEYS[1]);
    assert_eq!(read(&once), Some(8));
    assert_eq!(read(&once.rotated(KEYS[2])), None);
    assert_eq!(read(&KeyRing::new(KEYS[1])), None);
    assert_eq!(format!("{once:?}"), "KeyRing { .. }");
}

proptest! {
    #[test]
    fn round_trip(key: u64, nonce: [u8; NONCE_LEN], seconds in 1..=604_800_u32, age in 0..604_800_u32) {
        for cookie in [&LOAD_BALANCER, &TARGET_GROUP, &APP] {
            let mut out = Vec::new();
            cookie.write_set_cookie(&mut out, &ring(), key, NOW, Seconds(seconds), nonce);
            let header = &out["Set-Cookie: ".len()..];
            let found = cookie.find([header], &ring(), NOW + i64::from(age));
            prop_assert_eq!(found, if age < seconds { Ok(key) } else { Err(NotSticky::Expired) });
        }
    }

    #[test]
    fn any_flipped_bit_is_refused(key: u64, at in 0..VALUE_LEN * 8) {
        let mut header = pair(&LOAD_BALANCER, key).into_bytes();
        let value_at = header.len() - VALUE_LEN;
        header[value_at + at / 8] ^= 1 << (at % 8);
        let found = LOAD_BALANCER.find([&header[..]], &ring(), NOW);
        prop_assert_eq!(found, Err(NotSticky::Undecodable));
    }

    #[test]
    fn garbage_is_refused(headers in proptest::collection::vec(".{0,100}", 0..4), value in "[A-Za-z0-9_-]{60}") {
        let bytes = || headers.iter().map(|header| header.as_bytes());
        prop_assert!(LOAD_BALANCER.find(bytes(), &ring(), NOW).is_err());
        prop_assert!(find_app(bytes(), "a", &ring(), NOW).is_err());
        let made_up = find(&LOAD_BALANCER, &[&format!("AWSALB={value}")], NOW);
        prop_assert_eq!(made_up, Err(NotSticky::Undecodable));
    }
}
