use std::fs;

use model::{Place, Severity};
use rcgen::{CertificateParams, KeyPair};

use super::*;

const NOW: i64 = 1_790_000_000;

fn declared(name: &str, names: &[&str], source: CertificateSource) -> Certificate {
    Certificate {
        name: name.into(),
        names: names.iter().map(|name| name.to_string()).collect(),
        source,
        place: Place::new("edge.hcl", 7, 1),
    }
}

/// An instance that keeps nothing.
struct Nothing;

impl Shelf for Nothing {
    fn kept(&self, _: &Certificate) -> Result<Option<KeptPem>, ShelfError> {
        Ok(None)
    }
}

#[test]
fn a_bad_certificate_does_not_take_the_good_ones_down() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("both.pem");
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["shop.example".to_owned()]).unwrap();
    let pem = certificate.self_signed(&key).unwrap().pem() + &key.serialize_pem();
    fs::write(&path, pem).unwrap();
    let files = |path: &Path| CertificateSource::Files {
        chain: path.into(),
        key: path.into(),
        ocsp_response: None,
    };
    let certificates = [
        declared("good", &["shop.example", "other.example"], files(&path)),
        declared("bad", &[], files(Path::new("/nowhere/at/all.pem"))),
        declared("dev", &["a.test"], CertificateSource::Development),
        declared("dev-bad", &["a b"], CertificateSource::Development),
    ];
    let (store, findings) = CertificateStore::load(&certificates, directory.path(), &Nothing, NOW);
    let loaded: Vec<_> = (0..5).map(|id| store.get(CertificateId(id)).is_some()).collect();
    assert_eq!(loaded, [true, false, true, false, false]);
    assert!(store.development_authority().unwrap().is_file());

    let told: Vec<_> = findings.iter().map(|f| (f.severity, f.code)).collect();
    let expected = [
        (Severity::Warning, "certificate/key-readable-by-others"),
        (Severity::Warning, "certificate/name-not-covered"),
        (Severity::Error, "certificate/unreadable"),
        (Severity::Error, "certificate/development"),
    ];
    assert_eq!(told, expected);
    assert_eq!(findings[1].hint.as_deref(), Some("it covers `shop.example`"));
    assert_eq!(
        findings[2].message,
        "cannot read `/nowhere/at/all.pem`: No such file or directory (os error 2)"
    );
    assert!(findings.iter().all(|finding| finding.hint.is_some() && finding.place.line == 7));
}

#[test]
fn a_check_makes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let certificates = [declared("dev", &[], CertificateSource::Development)];
    let (store, findings) = CertificateStore::check(&certificates, NOW);
    assert_eq!(findings, []);
    assert!(store.get(CertificateId(0)).is_none() && store.development_authority().is_none());
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
}
