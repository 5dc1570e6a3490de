use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::*;
use crate::Sqlite;

const FIRST: &str = "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF";
const SECOND: &str = "ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100";

/// A state directory and its environment.
struct Bench {
    folder: tempfile::TempDir,
    store: Sqlite,
    environment: Vec<(&'static str, String)>,
}

impl Bench {
    fn new() -> Bench {
        let folder = tempfile::tempdir().unwrap();
        let store = Sqlite::open(&folder.path().join("pointsman.db")).unwrap();
        Bench { folder, store, environment: Vec::new() }
    }

    fn own(&self) -> PathBuf {
        self.folder.path().join("store.key")
    }

    fn open(&self, given: Option<&Path>) -> Result<Opened, VaultError> {
        let variable = |name: &str| {
            self.environment.iter().find(|(known, _)| *known == name).map(|(_, v)| v.clone())
        };
        let own = self.own();
        Vault::open(&self.store, &KeyPlaces { given, variable: &variable, own: &own })
    }

    fn put(&self, vault: &Vault, name: &str, secret: &[u8]) {
        let key = key(name);
        self.store.commit(&[Change::put(key.clone(), vault.seal(&key, secret))]).unwrap();
    }

    fn read(&self, vault: &Vault, name: &str) -> Result<Vec<u8>, UnsealError> {
        let entry = self.store.get(&key(name)).unwrap().unwrap();
        vault.unseal(&entry).map(|secret| secret.expose().to_vec())
    }
}

fn key(text: &str) -> Key {
    Key::new(text).unwrap()
}

#[test]
fn what_is_sealed_is_opened_and_not_read() {
    let bench = Bench::new();
    let Opened { vault, origin, resealed } = bench.open(None).unwrap();
    assert_eq!((origin, resealed), (KeyOrigin::Made(bench.own()), 0));
    assert_eq!(fs::metadata(bench.own()).unwrap().permissions().mode() & 0o777, 0o600);
    for secret in [&b""[..], b"a", &[7; 100_000]] {
        bench.put(&vault, "a", secret);
        assert_eq!(bench.read(&vault, "a").unwrap(), secret);
    }
    let secret = b"-----BEGIN PRIVATE KEY-----";
    let (one, other) = (vault.seal(&key("a"), secret), vault.seal(&key("a"), secret));
    assert_ne!(one, other, "a nonce is used once");
    assert!(is_sealed(&one) && !is_sealed(secret) && !is_sealed(b""));
    assert!(!one.windows(5).any(|window| window == b"BEGIN"));
    let again = bench.open(None).unwrap();
    let own = KeyOrigin::File { path: bench.own(), readable_by_others: false };
    assert_eq!(again.origin, own);
    assert_eq!(bench.read(&again.vault, "a").unwrap(), [7; 100_000]);
}

#[test]
fn what_was_altered_does_not_open() {
    let bench = Bench::new();
    let vault = bench.open(None).unwrap().vault;
    let sealed = vault.seal(&key("a"), b"secret");
    type Alter = fn(&mut Vec<u8>);
    let rows: &[(&str, &str, Alter, UnsealError)] = &[
        ("another name", "b", |_| {}, UnsealError::Altered(key("b"))),
        ("a byte of the text", "a", |v| v[HEAD] ^= 1, UnsealError::Altered(key("a"))),
        ("the nonce", "a", |v| v[HEAD - 1] ^= 1, UnsealError::Altered(key("a"))),
        ("the tag", "a", |v| *v.last_mut().unwrap() ^= 1, UnsealError::Altered(key("a"))),
        ("cut short", "a", |v| v.truncate(HEAD + 4), UnsealError::Altered(key("a"))),
        ("cut to its head", "a", |v| v.truncate(HEAD - 1), UnsealError::NotSealed(key("a"))),
        ("the magic", "a", |v| v[0] = b'x', UnsealError::NotSealed(key("a"))),
        ("nothing", "a", |v| v.clear(), UnsealError::NotSealed(key("a"))),
    ];
    for (name, at, alter, expected) in rows {
        let mut value = sealed.clone();
        alter(&mut value);
        bench.store.commit(&[Change::put(key(at), value)]).unwrap();
        assert_eq!(bench.read(&vault, at).unwrap_err(), *expected, "{name}");
    }
    let mut value = sealed.clone();
    value[MAGIC.len()] ^= 1;
    bench.store.commit(&[Change::put(key("a"), value)]).unwrap();
    let error = bench.read(&vault, "a").unwrap_err();
    assert!(matches!(error, UnsealError::UnknownKey { .. }), "{error}");
}

#[test]
fn where_the_key_comes_from() {
    let bench = |environment: &[(&'static str, &str)]| {
        let mut bench = Bench::new();
        let folder = bench.folder.path().to_str().unwrap().to_owned();
        let value = |value: &str| value.replace("FOLDER", &folder);
        bench.environment = environment.iter().map(|(name, v)| (*name, value(v))).collect();
        bench
    };
    let given = bench(&[("POINTSMAN_STORE_KEY", SECOND)]);
    let path = given.folder.path().join("given");
    fs::write(&path, FIRST).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let file = KeyOrigin::File { path: path.clone(), readable_by_others: true };
    assert_eq!(given.open(Some(&path)).unwrap().origin, file);

    let credential = bench(&[("CREDENTIALS_DIRECTORY", "FOLDER"), ("POINTSMAN_STORE_KEY", SECOND)]);
    let path = credential.folder.path().join("store-key");
    fs::write(&path, FIRST).unwrap();
    assert_eq!(credential.open(None).unwrap().origin, KeyOrigin::Credential(path));

    let variable = bench(&[("CREDENTIALS_DIRECTORY", "FOLDER"), ("POINTSMAN_STORE_KEY", SECOND)]);
    assert_eq!(variable.open(None).unwrap().origin, KeyOrigin::Environment);
    assert!(!variable.own().exists(), "no key is made beside one that was given");
}

#[test]
fn keys_that_cannot_be_used() {
    let many = format!("{FIRST}\n").repeat(KEYS_MAX + 1);
    let comments = format!("# the present one\n{FIRST}\n\n# until 2026\n{SECOND}\n");
    let rows: &[(&str, &str, Option<&str>)] = &[
        ("one", FIRST, None),
        ("two with comments", &comments, None),
        ("empty", "\n", Some("holds no key")),
        ("short", &FIRST[1..], Some("key 1 of `FOLDER/given` is not 64 hexadecimal digits")),
        ("no digit", &FIRST.replace('0', "g"), Some("key 1 of `FOLDER/given` is not 64")),
        ("the second", &format!("{FIRST}\nx"), Some("key 2 of `FOLDER/given` is not 64")),
        ("too many", &many, Some("holds more than 16 keys")),
    ];
    for (name, text, expected) in rows {
        let bench = Bench::new();
        let path = bench.folder.path().join("given");
        fs::write(&path, text).unwrap();
        match (bench.open(Some(&path)), expected) {
            (Ok(_), None) => {}
            (Err(error), Some(expected)) => {
                let expected = expected.replace("FOLDER", bench.folder.path().to_str().unwrap());
                assert!(error.to_string().contains(&expected), "{name}: {error}");
                assert!(!error.hint().is_empty());
                assert!(!format!("{error} {error:?}").contains(&FIRST[2..20]), "{name}");
            }
            (outcome, _) => panic!("{name}: {outcome:?}"),
        }
    }
}

#[test]
fn a_wrong_key_and_one_that_is_gone() {
    let mut bench = Bench::new();
    let vault = bench.open(None).unwrap().vault;
    bench.put(&vault, "a", b"secret");
    bench.environment = vec![("POINTSMAN_STORE_KEY", SECOND.into())];
    let error = bench.open(None).unwrap_err();
    let expected = "the store was sealed with another key than $POINTSMAN_STORE_KEY holds";
    assert_eq!(error.to_string(), expected);
    bench.environment.clear();
    fs::remove_file(bench.own()).unwrap();
    let error = bench.open(None).unwrap_err();
    assert!(matches!(error, VaultError::Key(KeyError::Gone { .. })), "{error}");
    assert!(!bench.own().exists(), "a new key would open nothing");
}

#[test]
fn keys_rotate() {
    let mut bench = Bench::new();
    bench.environment = vec![("POINTSMAN_STORE_KEY", FIRST.into())];
    let vault = bench.open(None).unwrap().vault;
    let names: Vec<String> = (0..CHANGES_MAX + 2).map(|at| format!("many/{at}")).collect();
    for name in &names {
        bench.put(&vault, name, name.as_bytes());
    }
    let lease = bench.store.grant(std::time::Duration::from_secs(60)).unwrap();
    let leased = Change::put_leased(key("leased"), vault.seal(&key("leased"), b"l"), lease);
    bench.store.commit(&[leased, Change::put(key("plain"), b"text".to_vec())]).unwrap();

    bench.environment = vec![("POINTSMAN_STORE_KEY", format!("{SECOND},{FIRST}"))];
    let opened = bench.open(None).unwrap();
    assert_eq!(opened.resealed, names.len() + 1);
    assert_eq!(bench.store.get(&key("leased")).unwrap().unwrap().lease, Some(lease));
    assert_eq!(bench.open(None).unwrap().resealed, 0, "once");

    bench.environment = vec![("POINTSMAN_STORE_KEY", SECOND.into())];
    let vault = bench.open(None).unwrap().vault;
    for name in &names {
        assert_eq!(bench.read(&vault, name).unwrap(), name.as_bytes());
    }
    assert_eq!(bench.store.get(&key("plain")).unwrap().unwrap().value, b"text");
    bench.environment = vec![("POINTSMAN_STORE_KEY", FIRST.into())];
    assert!(matches!(bench.open(None).unwrap_err(), VaultError::WrongKey { .. }));
}

#[test]
fn nothing_is_shown_of_a_secret() {
    let bench = Bench::new();
    let opened = bench.open(None).unwrap();
    let key_text = fs::read_to_string(bench.own()).unwrap();
    bench.put(&opened.vault, "a", b"secret");
    let entry = bench.store.get(&key("a")).unwrap().unwrap();
    let secret = opened.vault.unseal(&entry).unwrap();
    let shown = format!("{opened:?} {secret:?} {entry:?} {:?}", bench.store);
    assert!(!shown.contains("secret") && !shown.contains(&key_text[..16]), "{shown}");
    assert!(!shown.contains(&format!("{:?}", &b"secret"[..])), "{shown}");
}

#[test]
fn processes_that_start_at_once_agree_on_a_key() {
    let bench = Bench::new();
    std::thread::scope(|scope| {
        let opened: Vec<_> = (0..4).map(|_| scope.spawn(|| bench.open(None))).collect();
        for opened in opened {
            opened.join().unwrap().unwrap();
        }
    });
}
