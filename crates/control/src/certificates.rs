//! Certificates whose sources move by themselves: files that are written anew, what is imported,
//! development certificates that near their end.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

use model::{Certificate, CertificateId, CertificateSource, Model, TrustStore, TrustStoreId};
use store::{Event, Failure, Key, Revision, Store, Watch};
use tls::{CertificateStore, Identity};

use crate::imported;

/// A development certificate that could not be made is tried again so much later.
const RETRY_SECONDS: i64 = 3600;

/// What the files of every certificate and of every trust store looked like before they were read.
#[derive(Clone, Debug, Default)]
pub struct Stamps {
    /// By [`CertificateId`].
    certificates: Vec<Vec<FileStamp>>,
    /// By [`TrustStoreId`].
    trust_stores: Vec<Vec<FileStamp>>,
}

/// Changes with every way to replace a file: written over, renamed into place, linked anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct FileStamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    /// Of owner and mode, too: a file that becomes readable is worth another look.
    changed: (i64, i64),
}

/// The certificates that are served, and what they were made from.
pub struct Followed {
    store: CertificateStore,
    stamps: Stamps,
    imports: Watch,
    development_tried: i64,
}

impl Stamps {
    pub fn of(model: &Model) -> Stamps {
        Stamps {
            certificates: model.certificates.iter().map(stamps).collect(),
            trust_stores: model.trust_stores.iter().map(stamps_of_store).collect(),
        }
    }
}

fn stamps(certificate: &Certificate) -> Vec<FileStamp> {
    match &certificate.source {
        CertificateSource::Files { chain, key, ocsp_response } => {
            let files = [chain, key].into_iter().chain(ocsp_response);
            files.map(|file| FileStamp::of(file)).collect()
        }
        CertificateSource::Development
        | CertificateSource::Imported
        | CertificateSource::Authority(_) => Vec::new(),
    }
}

fn stamps_of_store(store: &TrustStore) -> Vec<FileStamp> {
    let files = std::iter::once(&store.authorities).chain(&store.revocation_lists);
    files.map(|file| FileStamp::of(file)).collect()
}

impl FileStamp {
    /// Of the file that a link leads to; of no file: a stamp that no file has.
    fn of(path: &Path) -> FileStamp {
        fs::metadata(path).map_or_else(
            |_| FileStamp::default(),
            |file| FileStamp {
                device: file.dev(),
                inode: file.ino(),
                size: file.size(),
                modified: (file.mtime(), file.mtime_nsec()),
                changed: (file.ctime(), file.ctime_nsec()),
            },
        )
    }
}

impl Followed {
    pub fn new(certificates: CertificateStore, stamps: Stamps, store: Arc<dyn Store>) -> Followed {
        // From the beginning: what came while they were loaded is looked at once more.
        let imports = Watch::new(store, imported::prefix(), Revision::ZERO);
        Followed { store: certificates, stamps, imports, development_tried: 0 }
    }

    pub fn store(&self) -> &CertificateStore {
        &self.store
    }

    /// Those of another generation.
    pub fn replace(&mut self, certificates: CertificateStore, stamps: Stamps) {
        self.store = certificates;
        self.stamps = stamps;
    }

    pub fn take_over(&mut self, certificates: CertificateStore) {
        self.store = certificates;
    }

    /// Those whose source has changed since it was looked at last. Each change is told once.
    pub fn due(&mut self, model: &Model, now_unix: i64) -> Result<Vec<CertificateId>, Failure> {
        let ids = (0..).map(CertificateId).zip(model.certificates.iter());
        let mut due = Vec::new();
        let again = now_unix - self.development_tried >= RETRY_SECONDS;
        for (id, certificate) in ids.clone() {
            match &certificate.source {
                CertificateSource::Files { .. } => {
                    let now = stamps(certificate);
                    let Some(was) = self.stamps.certificates.get_mut(id.0 as usize) else {
                        continue;
                    };
                    // What is stapled is taken off before it is out of date.
                    let until = self.store.get(id).and_then(|identity| identity.stapled_until);
                    if *was != now || until.is_some_and(|until| until <= now_unix) {
                        *was = now;
                        due.push(id);
                    }
                }
                CertificateSource::Development => {
                    let ends = self.store.get(id).map(|identity| identity.facts.not_after);
                    if again && ends.is_some_and(|ends| tls::development_is_due(ends, now_unix)) {
                        due.push(id);
                    }
                }
                // The keeper of orders tells that one came.
                CertificateSource::Imported | CertificateSource::Authority(_) => {}
            }
        }
        if due.iter().any(|id| model[*id].source == CertificateSource::Development) {
            self.development_tried = now_unix;
        }
        let names = self.imported()?;
        due.extend(ids.filter_map(|(id, certificate)| {
            let imported = certificate.source == CertificateSource::Imported;
            (imported && names.contains(&Key::segment(&certificate.name))).then_some(id)
        }));
        Ok(due)
    }

    /// Trust stores of which a file has changed since it was looked at last. Each change is told once.
    pub fn due_trust_stores(&mut self, model: &Model) -> Vec<TrustStoreId> {
        let declared = (0..).map(TrustStoreId).zip(model.trust_stores.iter());
        let due = declared.filter_map(|(id, store)| {
            let now = stamps_of_store(store);
            let was = self.stamps.trust_stores.get_mut(id.0 as usize)?;
            (std::mem::replace(was, now.clone()) != now).then_some(id)
        });
        due.collect()
    }

    /// Names, as segments of keys, that were imported since the last look.
    fn imported(&mut self) -> Result<Vec<String>, Failure> {
        let events = self.imports.catch_up()?;
        let put = events.iter().filter_map(|event| match event {
            Event::Put(entry) => imported::name_in(&entry.key),
            Event::Deleted { .. } => None,
        });
        Ok(put.collect())
    }
}

/// Whether clients would see no difference.
pub fn is_same(one: &Identity, other: &Identity) -> bool {
    one.name == other.name && one.key.cert == other.key.cert && one.key.ocsp == other.key.ocsp
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stapled_makes_its_certificate_due_when_it_ends() {
        let text = "certificate \"site\" {\n  chain = \"site.pem\"\n  key = \"site.key\"\n  ocsp_response = \"site.ocsp\"\n}\n";
        let sources = config::Sources::single("site.hcl", text);
        let (model, findings) = config::parse(&sources, &config::RealEnvironment);
        assert_eq!(model.certificates.len(), 1, "{findings:?}");
        let folder = tempfile::tempdir().unwrap();
        let store = store::Sqlite::open(&folder.path().join("pointsman.db")).unwrap();
        let (id, now) = (CertificateId(0), net::clock::unix_seconds());
        let mut identity = tls::placeholder("site", &["a.test".to_owned()], now).unwrap();
        identity.stapled_until = Some(now + 100);
        let (empty, _) = CertificateStore::check(&model.certificates, now);
        let certificates = empty.with(id, Arc::new(identity.clone()));
        let mut followed = Followed::new(certificates, Stamps::of(&model), Arc::new(store));
        let rows = [
            ("at first", 0, vec![]),
            ("just before", 99, vec![]),
            ("at its end", 100, vec![id]),
            ("later", 1000, vec![id]),
        ];
        for (row, later, expected) in rows {
            assert_eq!(followed.due(&model, now + later).unwrap(), expected, "{row}");
        }
        identity.stapled_until = None;
        let bare = followed.store().clone().with(id, Arc::new(identity));
        followed.take_over(bare);
        assert_eq!(followed.due(&model, now + 1000).unwrap(), [], "it was taken off");
    }
}
