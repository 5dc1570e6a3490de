//! The local development authority: HTTPS on this machine without asking anybody.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use aws_lc_rs::digest;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PublicKeyData, date_time_ymd,
};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, DnsName};

use crate::facts;
use crate::{Identity, LoadError};

/// What a development certificate is for where nothing else was declared.
pub const DEVELOPMENT_NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// How long a development certificate is good for.
pub const DEVELOPMENT_DAYS: i64 = 90;

/// Whether a development certificate that ends then is to be made anew by now.
pub fn development_is_due(not_after: i64, now_unix: i64) -> bool {
    not_after - now_unix <= RENEW_SECONDS
}

/// What every such authority is called, before what tells it from others.
pub const AUTHORITY_NAME: &str = "Pointsman development authority";

/// Of one certificate.
const NAMES_MAX: usize = 100;
/// Kept on disk; the least recently written go first.
const LEAVES_MAX: usize = 64;
const DAY_SECONDS: i64 = 24 * 60 * 60;
const AUTHORITY_SECONDS: i64 = 3650 * DAY_SECONDS;
const LEAF_SECONDS: i64 = DEVELOPMENT_DAYS * DAY_SECONDS;
/// What has less left than this is made anew.
const RENEW_SECONDS: i64 = 30 * DAY_SECONDS;
/// Clocks that are a little behind accept what was just made.
const BACKDATE_SECONDS: i64 = 60 * 60;

const DIRECTORY: &str = "development";
const KEY_FILE: &str = "authority.key";
const CERTIFICATE_FILE: &str = "authority.pem";
const LOCK_FILE: &str = "lock";
const LEAF_PREFIX: &str = "leaf-";
const PRIVATE_DIRECTORY: u32 = 0o700;
const PRIVATE_FILE: u32 = 0o600;

/// A P-256 authority in a directory of its own, mode 0700, keys 0600.
///
/// It is in no trust store until a person says so (`pointsman trust`); clients are shown it (`curl
/// --cacert`). It bears no name constraints: which names it is asked for is the operator's declaration, made after the authority
/// and changed without it, and constraints that follow the declarations would mean a new file to
/// trust with every change.
pub struct LocalAuthority {
    directory: PathBuf,
    certificate: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

/// Why the authority could not be opened, or could not issue.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    #[error("cannot use `{path}` for the development authority", path = .path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("a certificate cannot be issued for `{name}`")]
    Name { name: String },
    #[error("a certificate cannot be issued for more than {NAMES_MAX} names")]
    TooManyNames,
    #[error("the development authority could not make a certificate")]
    Make(#[source] rcgen::Error),
    #[error("what the development authority made cannot be used")]
    Load(#[source] LoadError),
}

// === impl LocalAuthority ===

impl LocalAuthority {
    /// Opens the authority below `state`, or makes it: at first, when it nears its end, and when its
    /// files do not belong together. Processes that do this at once end up with the same one.
    pub fn open_or_create(state: &Path, now_unix: i64) -> Result<LocalAuthority, AuthorityError> {
        let directory = state.join(DIRECTORY);
        private_directory(&directory).map_err(at(&directory))?;
        let _lock = lock(&directory)?;
        let (certificate, key) = match existing(&directory, now_unix)? {
            Some(pair) => pair,
            None => create(&directory, now_unix)?,
        };
        let issuer = Issuer::from_ca_cert_der(&certificate, key).map_err(AuthorityError::Make)?;
        Ok(LocalAuthority { directory, certificate, issuer })
    }

    /// Where the certificate of the authority of a state directory is, once it has been made.
    pub fn certificate_below(state: &Path) -> PathBuf {
        state.join(DIRECTORY).join(CERTIFICATE_FILE)
    }

    /// What clients have to trust, as for `curl --cacert`.
    pub fn certificate_path(&self) -> PathBuf {
        self.directory.join(CERTIFICATE_FILE)
    }

    /// A certificate for `names`, which are host names, wildcards and addresses; none means
    /// [`DEVELOPMENT_NAMES`]. The last one issued for them is used again until it nears its end.
    pub fn issue(
        &self,
        name: &str,
        names: &[String],
        now_unix: i64,
    ) -> Result<Identity, AuthorityError> {
        let names = normal(names)?;
        let path = self.directory.join(self.leaf_file(&names));
        let _lock = lock(&self.directory)?;
        if let Ok(loaded) = Identity::from_files(name, &path, &path, now_unix)
            && !development_is_due(loaded.identity.facts.not_after, now_unix)
            && loaded.identity.facts.not_before <= now_unix
        {
            return Ok(loaded.identity);
        }
        let pem = self.make_leaf(&names, now_unix).map_err(AuthorityError::Make)?;
        write(&path, pem.as_bytes(), PRIVATE_FILE)?;
        self.prune(&path);
        let loaded = Identity::from_files(name, &path, &path, now_unix);
        loaded.map(|loaded| loaded.identity).map_err(AuthorityError::Load)
    }

    /// A chain and its key as PEM, which nothing keeps: for a story that needs an old one.
    pub fn issue_pem(&self, names: &[String], now_unix: i64) -> Result<String, AuthorityError> {
        self.make_leaf(&normal(names)?, now_unix).map_err(AuthorityError::Make)
    }

    /// Named by the digest of the authority and the names, so that a change of either is a new file.
    fn leaf_file(&self, names: &[String]) -> String {
        use std::fmt::Write;
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(&self.certificate);
        for name in names {
            context.update(&[0]);
            context.update(name.as_bytes());
        }
        let mut file = String::from(LEAF_PREFIX);
        for byte in context.finish().as_ref().iter().take(16) {
            let _ = write!(file, "{byte:02x}");
        }
        file + ".pem"
    }

    fn make_leaf(&self, names: &[String], now_unix: i64) -> Result<String, rcgen::Error> {
        let key = KeyPair::generate()?;
        // `CertificateParams` tells addresses from names by itself.
        let mut leaf = CertificateParams::new(names)?;
        let common = names.first().map_or("localhost", String::as_str);
        // RFC 5280, upper bound of a common name; it is for people only.
        leaf.distinguished_name.push(DnType::CommonName, common.get(..64).unwrap_or(common));
        set_validity(&mut leaf, now_unix, LEAF_SECONDS);
        leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        leaf.use_authority_key_identifier_extension = true;
        let certificate = leaf.signed_by(&key, &self.issuer)?;
        Ok(certificate.pem() + &key.serialize_pem())
    }

    /// Best effort: a leaf too many harms nobody.
    fn prune(&self, keep: &Path) {
        let Ok(entries) = fs::read_dir(&self.directory) else { return };
        let mut leaves: Vec<_> = entries
            .flatten()
            .filter(|entry| entry.file_name().to_string_lossy().starts_with(LEAF_PREFIX))
            .filter(|entry| entry.path() != keep)
            .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
            .collect();
        leaves.sort_unstable_by(|a, b| b.cmp(a));
        for (_, path) in leaves.iter().skip(LEAVES_MAX - 1) {
            let _ = fs::remove_file(path);
        }
    }
}

impl std::fmt::Debug for LocalAuthority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LocalAuthority").field("directory", &self.directory).finish_non_exhaustive()
    }
}

// === impl AuthorityError ===

impl AuthorityError {
    /// The remedy.
    pub fn hint(&self) -> String {
        match self {
            AuthorityError::File { .. } => {
                "the state directory must be writable for the user that Pointsman runs as".into()
            }
            AuthorityError::Name { .. } => {
                "names are host names, `*.` and a host name, or addresses".into()
            }
            AuthorityError::TooManyNames => "declare several certificates, or a wildcard".into(),
            AuthorityError::Make(_) | AuthorityError::Load(_) => {
                "remove the directory `development` in the state directory, and start again".into()
            }
        }
    }
}

/// The authority on disk, unless there is none, it is near its end, or key and certificate do not
/// belong together.
fn existing(
    directory: &Path,
    now_unix: i64,
) -> Result<Option<(CertificateDer<'static>, KeyPair)>, AuthorityError> {
    let certificate = read(&directory.join(CERTIFICATE_FILE))?;
    let key = read(&directory.join(KEY_FILE))?;
    let (Some(certificate), Some(key)) = (certificate, key) else { return Ok(None) };
    let Ok(certificate) = CertificateDer::from_pem_slice(&certificate) else { return Ok(None) };
    let Ok(key) = String::from_utf8(key) else { return Ok(None) };
    let Ok(key) = KeyPair::from_pem(&key) else { return Ok(None) };
    let Ok(facts) = facts::read(&certificate) else { return Ok(None) };
    let together = facts::public_key(&certificate)
        .is_some_and(|public| public.info == key.subject_public_key_info());
    let lasts = facts.not_after - now_unix > LEAF_SECONDS;
    Ok((together && lasts).then_some((certificate, key)))
}

fn create(
    directory: &Path,
    now_unix: i64,
) -> Result<(CertificateDer<'static>, KeyPair), AuthorityError> {
    let key = KeyPair::generate().map_err(AuthorityError::Make)?;
    let mut authority = CertificateParams::default();
    // Trust stores list authorities by name: two machines' must differ.
    let id = authority.key_identifier(&key);
    let id: String = id.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    let name = format!("{AUTHORITY_NAME} {id}");
    authority.distinguished_name.push(DnType::CommonName, name);
    set_validity(&mut authority, now_unix, AUTHORITY_SECONDS);
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let certificate = authority.self_signed(&key).map_err(AuthorityError::Make)?;
    // The key first: alone it is an authority that is still to be made.
    write(&directory.join(KEY_FILE), key.serialize_pem().as_bytes(), PRIVATE_FILE)?;
    write(&directory.join(CERTIFICATE_FILE), certificate.pem().as_bytes(), 0o644)?;
    Ok((certificate.der().clone(), key))
}

/// Lower case, addresses in their usual form, sorted, each once.
fn normal(names: &[String]) -> Result<Vec<String>, AuthorityError> {
    if names.is_empty() {
        return Ok(DEVELOPMENT_NAMES.map(str::to_owned).to_vec());
    }
    let mut normal = Vec::with_capacity(names.len().min(NAMES_MAX));
    for name in names {
        let san = match name.parse::<std::net::IpAddr>() {
            Ok(address) => address.to_string(),
            Err(_) => {
                let host = name.strip_prefix("*.").unwrap_or(name);
                if DnsName::try_from(host).is_err() {
                    return Err(AuthorityError::Name { name: name.clone() });
                }
                name.to_ascii_lowercase()
            }
        };
        normal.push(san);
    }
    normal.sort_unstable();
    normal.dedup();
    if normal.len() > NAMES_MAX { Err(AuthorityError::TooManyNames) } else { Ok(normal) }
}

/// From an hour ago until `seconds` from now.
fn set_validity(certificate: &mut CertificateParams, now_unix: i64, seconds: i64) {
    let since_1970 = |unix: i64| Duration::from_secs(u64::try_from(unix).unwrap_or(0));
    let epoch = date_time_ymd(1970, 1, 1);
    certificate.not_before = epoch + since_1970(now_unix - BACKDATE_SECONDS);
    certificate.not_after = epoch + since_1970(now_unix + seconds);
}

// === Files ===

fn at(path: &Path) -> impl FnOnce(io::Error) -> AuthorityError {
    let path = path.to_owned();
    move |source| AuthorityError::File { path, source }
}

/// Makes it, or takes it away from everybody else.
fn private_directory(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(PRIVATE_DIRECTORY).create(path)?;
    let mode = fs::metadata(path)?.permissions().mode();
    if mode & 0o777 != PRIVATE_DIRECTORY {
        fs::set_permissions(path, Permissions::from_mode(PRIVATE_DIRECTORY))?;
    }
    Ok(())
}

/// Held until it is dropped. Whoever holds it does nothing but read and write a few small files.
fn lock(directory: &Path) -> Result<File, AuthorityError> {
    let path = directory.join(LOCK_FILE);
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(PRIVATE_FILE);
    let file = options.open(&path).map_err(at(&path))?;
    file.lock().map_err(at(&path))?;
    Ok(file)
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, AuthorityError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(at(path)(error)),
    }
}

/// All or nothing, even if the machine stops: written aside, then renamed. The caller holds the
/// lock, so the name aside is its own; what a killed process left there is replaced.
fn write(path: &Path, bytes: &[u8], mode: u32) -> Result<(), AuthorityError> {
    let aside = path.with_extension("new");
    let written = || -> io::Result<()> {
        match fs::remove_file(&aside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create_new(true).mode(mode).open(&aside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&aside, path)
    };
    written().map_err(at(path))
}

#[cfg(test)]
mod tests;
