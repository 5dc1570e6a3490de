//! Where the key of a store comes from.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest;
use zeroize::Zeroizing;

pub const KEY_BYTES: usize = 32;
/// Of a ring: the present one, and those that it replaced.
pub const KEYS_MAX: usize = 16;
/// Every key of a ring in hexadecimal, with room for comments.
const TEXT_BYTES_MAX: u64 = 16 * 1024;
const PRIVATE_FILE: u32 = 0o600;
/// `o+r`.
const READABLE_BY_OTHERS: u32 = 0o004;

/// In [`KeyPlaces::variable`]: the ring itself.
const VARIABLE: &str = "POINTSMAN_STORE_KEY";
/// systemd's folder of credentials, and the name of ours.
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";
const CREDENTIAL: &str = "store-key";

/// The keys of a store, the present one first. As text they are lines of 64 hexadecimal digits.
pub struct KeyRing(Vec<Zeroizing<[u8; KEY_BYTES]>>);

/// Where a key is looked for, in the order of the fields.
pub struct KeyPlaces<'p> {
    /// Given on the command line.
    pub given: Option<&'p Path>,
    /// Reads the environment: `CREDENTIALS_DIRECTORY/store-key`, then `POINTSMAN_STORE_KEY`.
    pub variable: &'p dyn Fn(&str) -> Option<String>,
    /// The store's own, which is made for a new store if there is no other.
    pub own: &'p Path,
}

/// Where a key was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyOrigin {
    File {
        path: PathBuf,
        readable_by_others: bool,
    },
    Credential(PathBuf),
    Environment,
    /// There was none: it was made.
    Made(PathBuf),
}

/// Names a key without telling it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct KeyId(pub [u8; 8]);

#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("cannot read the store's key `{path}`", path = .path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("cannot keep the store's key in `{path}`", path = .path.display())]
    Unwritable { path: PathBuf, source: io::Error },
    #[error("{origin} holds no key")]
    Empty { origin: KeyOrigin },
    #[error("key {number} of {origin} is not 64 hexadecimal digits")]
    Malformed { origin: KeyOrigin, number: usize },
    #[error("{origin} holds more than {KEYS_MAX} keys")]
    TooMany { origin: KeyOrigin },
    #[error("the store is sealed, and its key `{path}` is gone", path = .path.display())]
    Gone { path: PathBuf },
}

impl fmt::Display for KeyOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeyOrigin::File { path, .. } | KeyOrigin::Made(path) => {
                write!(f, "`{}`", path.display())
            }
            KeyOrigin::Credential(path) => write!(f, "the credential `{}`", path.display()),
            KeyOrigin::Environment => write!(f, "${VARIABLE}"),
        }
    }
}

impl KeyError {
    /// The remedy.
    pub fn hint(&self) -> String {
        match self {
            KeyError::Unreadable { path, .. } => {
                format!("let the user that Pointsman runs as read `{}`", path.display())
            }
            KeyError::Unwritable { .. } => {
                "the state directory must be writable for the user that \
                                            Pointsman runs as"
                    .into()
            }
            KeyError::Empty { .. } | KeyError::Malformed { .. } => {
                "a key is made by `openssl rand -hex 32`; older ones follow, one a line".into()
            }
            KeyError::TooMany { .. } => "leave out the oldest".into(),
            KeyError::Gone { .. } => {
                "restore it from a backup; without it, move the state directory \
                                      aside, and certificates are ordered or imported anew \
                                      (docs/state.md)"
                    .into()
            }
        }
    }
}

// === impl KeyRing ===

impl KeyRing {
    /// Lines of 64 hexadecimal digits, the present key first; empty lines and `#` lines are skipped.
    /// In a variable, spaces and commas part keys as well.
    fn parse(text: &str, origin: &KeyOrigin) -> Result<KeyRing, KeyError> {
        let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
        let words = lines
            .flat_map(|line| line.split(|c: char| c == ',' || c.is_ascii_whitespace()))
            .filter(|word| !word.is_empty());
        let mut keys = Vec::with_capacity(KEYS_MAX);
        for word in words {
            let origin = || origin.clone();
            let number = keys.len() + 1;
            if number > KEYS_MAX {
                return Err(KeyError::TooMany { origin: origin() });
            }
            keys.push(
                from_hex(word).ok_or_else(|| KeyError::Malformed { origin: origin(), number })?,
            );
        }
        match keys.is_empty() {
            true => Err(KeyError::Empty { origin: origin.clone() }),
            false => Ok(KeyRing(keys)),
        }
    }

    /// For a store that has a key already: a new one would open nothing.
    pub fn find(places: &KeyPlaces<'_>) -> Result<(KeyRing, KeyOrigin), KeyError> {
        match KeyRing::look(places)? {
            Some(found) => Ok(found),
            None => Err(KeyError::Gone { path: places.own.to_owned() }),
        }
    }

    /// For a store that has none yet.
    pub fn find_or_make(places: &KeyPlaces<'_>) -> Result<(KeyRing, KeyOrigin), KeyError> {
        if let Some(found) = KeyRing::look(places)? {
            return Ok(found);
        }
        let path = places.own;
        let made =
            make(path).map_err(|source| KeyError::Unwritable { path: path.to_owned(), source })?;
        // If another process was faster, its key is the one.
        let (ring, origin) = from_file(path)?;
        Ok((ring, if made { KeyOrigin::Made(path.to_owned()) } else { origin }))
    }

    fn look(places: &KeyPlaces<'_>) -> Result<Option<(KeyRing, KeyOrigin)>, KeyError> {
        let set = |name| (places.variable)(name).filter(|value| !value.is_empty());
        if let Some(path) = places.given {
            return from_file(path).map(Some);
        }
        if let Some(folder) = set(CREDENTIALS) {
            let path = Path::new(&folder).join(CREDENTIAL);
            if path.exists() {
                let (ring, _) = from_file(&path)?;
                return Ok(Some((ring, KeyOrigin::Credential(path))));
            }
        }
        if let Some(text) = set(VARIABLE) {
            let text = Zeroizing::new(text);
            let ring = KeyRing::parse(&text, &KeyOrigin::Environment)?;
            return Ok(Some((ring, KeyOrigin::Environment)));
        }
        match places.own.exists() {
            true => from_file(places.own).map(Some),
            false => Ok(None),
        }
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &[u8; KEY_BYTES]> {
        self.0.iter().map(|key| &**key)
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.keys().map(KeyId::of)).finish()
    }
}

fn from_file(path: &Path) -> Result<(KeyRing, KeyOrigin), KeyError> {
    let unreadable = |source| KeyError::Unreadable { path: path.to_owned(), source };
    let file = File::open(path).map_err(unreadable)?;
    let mode = file.metadata().map_err(unreadable)?.mode();
    let readable_by_others = mode & READABLE_BY_OTHERS != 0;
    let origin = KeyOrigin::File { path: path.to_owned(), readable_by_others };
    let size = usize::try_from(TEXT_BYTES_MAX).unwrap_or(usize::MAX);
    let mut text = Zeroizing::new(String::with_capacity(size));
    file.take(TEXT_BYTES_MAX).read_to_string(&mut text).map_err(unreadable)?;
    let ring = KeyRing::parse(&text, &origin)?;
    Ok((ring, origin))
}

/// Whole and on the disk before anything is sealed with it. `false`: there is one already.
fn make(path: &Path) -> io::Result<bool> {
    let key = Zeroizing::new(net::random::os_bytes::<KEY_BYTES>());
    let mine = u64::from_ne_bytes(net::random::os_bytes());
    let aside = path.with_extension(format!("{mine:x}.new"));
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(PRIVATE_FILE).open(&aside)?;
    file.write_all(to_hex(&key).as_bytes())?;
    file.sync_all()?;
    // Unlike a renaming, a link does not replace what is there.
    let linked = fs::hard_link(&aside, path);
    fs::remove_file(&aside)?;
    if let Some(folder) = path.parent() {
        File::open(folder)?.sync_all()?;
    }
    match linked {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}

fn from_hex(text: &str) -> Option<Zeroizing<[u8; KEY_BYTES]>> {
    let digits = text.as_bytes();
    if digits.len() != 2 * KEY_BYTES {
        return None;
    }
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    for (byte, [high, low]) in key.iter_mut().zip(digits.as_chunks::<2>().0) {
        let digit = |c: u8| char::from(c).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(key)
}

fn to_hex(key: &[u8; KEY_BYTES]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(2 * KEY_BYTES + 1));
    for byte in key {
        for digit in [byte >> 4, byte & 15] {
            text.push(char::from_digit(u32::from(digit), 16).unwrap_or_default());
        }
    }
    text.push('\n');
    text
}

// === impl KeyId ===

impl KeyId {
    pub(super) fn of(key: &[u8; KEY_BYTES]) -> KeyId {
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(b"pointsman store key id\0");
        context.update(key);
        let digest = context.finish();
        let mut id = [0; 8];
        id.copy_from_slice(&digest.as_ref()[..8]);
        KeyId(id)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "key {self}")
    }
}
