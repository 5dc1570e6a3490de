//! Certificates of every kind, made once for a run.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

const DAY: Duration = Duration::from_secs(86_400);

/// A pair of files and what they are.
#[derive(Clone)]
pub struct Paper {
    pub name: &'static str,
    pub chain: PathBuf,
    pub key: PathBuf,
}

/// The authority that clients trust, and what it issued.
pub struct Papers {
    pub authority: PathBuf,
    pub all: Vec<Paper>,
    /// For targets: nobody looks at it.
    pub target: Paper,
}

impl Papers {
    pub fn make(folder: &Path) -> Papers {
        let now = SystemTime::now();
        let (past, future) = (now - 10 * DAY, now + 30 * DAY);
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "law");
        let certificate = params.self_signed(&key).unwrap();
        let authority = folder.join("authority.pem");
        std::fs::write(&authority, certificate.pem()).unwrap();
        let issuer = Issuer::new(params, key);
        let make = |name: &'static str, names: &[&str], from, to, trusted: bool| {
            let key = KeyPair::generate().unwrap();
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            let mut params = CertificateParams::new(names).unwrap();
            params.distinguished_name.push(DnType::CommonName, name);
            (params.not_before, params.not_after) = (SystemTime::into(from), SystemTime::into(to));
            let made = if trusted {
                params.signed_by(&key, &issuer).unwrap()
            } else {
                params.self_signed(&key).unwrap()
            };
            let paper = Paper {
                name,
                chain: folder.join(format!("{name}.pem")),
                key: folder.join(format!("{name}.key")),
            };
            std::fs::write(&paper.chain, made.pem()).unwrap();
            std::fs::write(&paper.key, key.serialize_pem()).unwrap();
            std::fs::set_permissions(&paper.key, std::fs::Permissions::from_mode(0o600)).unwrap();
            paper
        };
        let all = vec![
            make("shop", &["shop.example", "api.shop.example"], past, future, true),
            make("wildcard", &["*.shop.example"], past, future, true),
            make("blog", &["blog.example"], past, future, true),
            make("expired", &["shop.example", "blog.example"], past, now - DAY, true),
            make("early", &["api.shop.example", "shop.example"], now + DAY, future, true),
            make("alone", &["shop.example", "blog.example"], past, future, false),
        ];
        let target = make("target", &["target.internal"], past, future, false);
        Papers { authority, all, target }
    }
}
