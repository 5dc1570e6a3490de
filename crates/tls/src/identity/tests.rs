use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rcgen::{
    CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384,
    PKCS_ECDSA_P521_SHA512, PKCS_ED25519, PKCS_RSA_SHA256, RsaKeySize, SignatureAlgorithm,
    date_time_ymd,
};
use verdict::certificate::KeyKind;

use super::*;

const IN_2026: i64 = 1_790_000_000;

/// Key and self-signed certificate for `names`, in PEM, good in 2026 only.
fn made(key: &KeyPair, names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|name| name.to_string()).collect();
    let mut certificate = CertificateParams::new(names).unwrap();
    certificate.not_before = date_time_ymd(2026, 1, 1);
    certificate.not_after = date_time_ymd(2027, 1, 1);
    certificate.self_signed(key).unwrap().pem()
}

fn key(algorithm: &'static SignatureAlgorithm) -> KeyPair {
    KeyPair::generate_for(algorithm).unwrap()
}

struct Files(tempfile::TempDir);

impl Files {
    fn new() -> Files {
        Files(tempfile::tempdir().unwrap())
    }

    /// Written with mode 0600.
    fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path
    }
}

fn load(chain: &Path, key: &Path) -> Result<Loaded, LoadError> {
    Identity::from_files("test", chain, key, IN_2026)
}

#[test]
fn the_facts_of_every_kind_of_key() {
    let rows = [
        (key(&PKCS_ECDSA_P256_SHA256), KeyKind::Ecdsa, 256, 3),
        (key(&PKCS_ECDSA_P384_SHA384), KeyKind::Ecdsa, 384, 4),
        (key(&PKCS_ECDSA_P521_SHA512), KeyKind::Ecdsa, 521, 5),
        (
            KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap(),
            KeyKind::Rsa,
            2048,
            3,
        ),
    ];
    let files = Files::new();
    for (key, kind, bits, rank) in rows {
        let text = made(&key, &["A.Example", "*.b.example", "127.0.0.1", "::1"]);
        let both = files.write("both.pem", text + &key.serialize_pem());
        let Loaded { identity, warnings } = load(&both, &both).unwrap();
        let facts = &identity.facts;
        assert_eq!((facts.key, facts.key_bits), (kind, bits));
        assert_eq!(facts.signature_hash_rank, rank, "{kind:?} {bits}");
        assert_eq!(facts.names, ["a.example", "*.b.example", "127.0.0.1", "::1"], "{kind:?}");
        assert_eq!(facts.not_before, 1_767_225_600, "{kind:?}");
        assert_eq!(facts.not_after, 1_798_761_600, "{kind:?}");
        assert_eq!(warnings, [], "{kind:?}");
        assert_eq!(&*identity.name, "test");
    }
}

#[test]
fn what_cannot_be_loaded_says_which_file_and_why() {
    let files = Files::new();
    let (mine, other) = (key(&PKCS_ECDSA_P256_SHA256), key(&PKCS_ECDSA_P256_SHA256));
    let edwards = key(&PKCS_ED25519);
    let (mine_pem, other_pem) = (made(&mine, &["a"]), made(&other, &["b"]));
    let good = files.write("good.pem", &mine_pem);
    let good_key = files.write("good.key", mine.serialize_pem());
    let encrypted =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let encrypted_old = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n";
    let rubbish = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let chain = |name, text: &str| (files.write(name, text), good_key.clone());
    let keyed = |name, text: &str| (good.clone(), files.write(name, text));
    let missing = files.0.path().join("missing");
    let rows = [
        ("certificate/unreadable", (missing.clone(), good_key.clone()), "missing"),
        ("certificate/unreadable", (good.clone(), missing), "missing"),
        ("certificate/unreadable", (files.0.path().to_owned(), good_key.clone()), "cannot read"),
        ("certificate/empty", chain("empty.pem", " \n"), "empty.pem"),
        ("certificate/empty", keyed("empty.key", ""), "empty.key"),
        ("certificate/too-large", chain("large.pem", &" x".repeat(1024 * 1024)), "large.pem"),
        ("certificate/none", chain("text.pem", "no pem"), "text.pem"),
        ("certificate/none", (good_key.clone(), good_key.clone()), "good.key"),
        ("certificate/not-pem", chain("cut.pem", &mine_pem[..80]), "cut.pem"),
        ("certificate/chain-too-long", chain("long.pem", &mine_pem.repeat(17)), "long.pem"),
        ("certificate/malformed", chain("bad.pem", rubbish), "certificate 1 of"),
        (
            "certificate/malformed",
            chain("bad2.pem", &(mine_pem.clone() + rubbish)),
            "certificate 2 of",
        ),
        ("certificate/key-kind", chain("ed.pem", &made(&edwards, &["a"])), "ed.pem"),
        ("certificate/no-key", (good.clone(), good.clone()), "good.pem"),
        ("certificate/encrypted-key", keyed("8.key", encrypted), "8.key"),
        ("certificate/encrypted-key", keyed("1.key", encrypted_old), "1.key"),
        (
            "certificate/bad-key",
            keyed("b.key", &rubbish.replace("CERTIFICATE", "PRIVATE KEY")),
            "b.key",
        ),
        ("certificate/key-mismatch", keyed("other.key", &other.serialize_pem()), "other.key"),
        (
            "certificate/chain-order",
            chain("order.pem", &(other_pem + &mine_pem)),
            "certificate 2 of",
        ),
    ];
    for (code, (chain, key), message) in rows {
        let error = load(&chain, &key).expect_err(code);
        assert_eq!(error.code(), code, "{} {}", chain.display(), key.display());
        assert!(error.to_string().contains(message), "{code}: {error}");
        assert!(!error.hint().is_empty(), "{code}");
    }
    assert!(load(&good, &good_key).is_ok());
}

#[test]
fn what_is_in_memory_is_judged_like_a_file() {
    let (mine, other) = (key(&PKCS_ECDSA_P256_SHA256), key(&PKCS_ECDSA_P256_SHA256));
    let (pem, mine, other) = (made(&mine, &["a"]), mine.serialize_pem(), other.serialize_pem());
    let load = |chain: &str, key: &str| {
        Identity::from_pem("site", chain.as_bytes(), key.as_bytes(), IN_2026)
    };
    assert_eq!(load(&pem, &mine).unwrap().identity.facts.names, ["a"]);
    let rows = [
        (load(&pem, &other), "certificate/key-mismatch"),
        (load("", &mine), "certificate/none"),
        (load(&pem, ""), "certificate/no-key"),
    ];
    for (loaded, code) in rows {
        let error = loaded.expect_err(code);
        assert_eq!(error.code(), code, "{error}");
        assert!(error.to_string().contains("`site`"), "{error}");
    }
}

#[test]
fn what_is_doubtful_is_told_and_served() {
    let files = Files::new();
    let mine = key(&PKCS_ECDSA_P256_SHA256);
    let chain = files.write("chain.pem", made(&mine, &["a.example"]));
    let key = files.write("key.pem", mine.serialize_pem());
    let codes = |now| {
        let loaded = Identity::from_files("test", &chain, &key, now).unwrap();
        loaded.warnings.iter().map(LoadWarning::code).collect::<Vec<_>>()
    };
    assert_eq!(codes(IN_2026), Vec::<&str>::new());
    assert_eq!(codes(IN_2026 + 31_536_000), ["certificate/expired"]);
    assert_eq!(codes(IN_2026 - 31_536_000), ["certificate/not-yet-valid"]);
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(codes(IN_2026), ["certificate/key-readable-by-others"]);
}

#[test]
fn a_common_name_counts_where_there_is_no_other() {
    let files = Files::new();
    let mine = key(&PKCS_ECDSA_P256_SHA256);
    let mut certificate = CertificateParams::default();
    certificate.distinguished_name.push(rcgen::DnType::CommonName, "Old.Example");
    let pem = certificate.self_signed(&mine).unwrap().pem();
    let both = files.write("both.pem", pem + &mine.serialize_pem());
    assert_eq!(load(&both, &both).unwrap().identity.facts.names, ["old.example"]);
}
