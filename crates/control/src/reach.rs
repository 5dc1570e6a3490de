//! The folders a running instance needs (DECISIONS 23: landlock on declared directories).

use std::path::{Path, PathBuf};

use model::{CertificateSource, Model, SecretSource, TargetAuthorities};
use net::confine::{Confined, Reach};
use signal::Journal;

use crate::load::Source;

/// Folders that a service manager made for the instance (systemd.exec(5)); several are separated by
/// colons.
const MANAGED_WRITABLE: &[&str] = &["LOGS_DIRECTORY", "RUNTIME_DIRECTORY", "CACHE_DIRECTORY"];
const MANAGED_READABLE: &[&str] = &["CONFIGURATION_DIRECTORY", "CREDENTIALS_DIRECTORY"];

/// What the configuration names, and what the service manager declared. Whatever else a later
/// configuration names cannot be had without a restart.
pub fn reach(source: &Source, model: &Model, state: &Path) -> Reach {
    let mut reach = Reach { writable: vec![state.to_owned()], readable: Vec::new() };
    if let Source::Path(path) = source
        && path.as_os_str() != "-"
    {
        reach.readable.push(if path.is_dir() { path.clone() } else { folder(path) });
    }
    for certificate in &model.certificates {
        match &certificate.source {
            CertificateSource::Files { chain, key, ocsp_response } => {
                reach.readable.extend([folder(chain), folder(key)]);
                reach.readable.extend(ocsp_response.iter().map(|file| folder(file)));
            }
            CertificateSource::Development
            | CertificateSource::Imported
            | CertificateSource::Authority(_) => {}
        }
    }
    for authority in &model.authorities {
        let key = authority.external_account.as_ref().map(|account| &account.key);
        if let Some(SecretSource::File(path)) = key {
            reach.readable.push(folder(path));
        }
        reach.readable.extend(authority.roots.iter().map(|roots| folder(roots)));
    }
    for store in &model.trust_stores {
        let lists = store.revocation_lists.iter().chain([&store.authorities]);
        reach.readable.extend(lists.map(|file| folder(file)));
    }
    for group in &model.target_groups {
        match group.verification.as_ref().map(|verification| &verification.authorities) {
            Some(TargetAuthorities::File(path)) => reach.readable.push(folder(path)),
            Some(TargetAuthorities::System) => {
                reach.readable.extend(tls::Trusted::bundle_of_machine().map(|file| folder(&file)));
            }
            None => {}
        }
    }
    for load_balancer in &model.load_balancers {
        let attributes = &load_balancer.attributes;
        let logs = attributes.access_log.iter().chain(&attributes.connection_log);
        reach.writable.extend(logs.map(|log| folder(Path::new(log))));
    }
    let managed = |names: &[&str]| -> Vec<PathBuf> {
        let values = names.iter().filter_map(std::env::var_os);
        values.flat_map(|value| std::env::split_paths(&value).collect::<Vec<_>>()).collect()
    };
    reach.writable.extend(managed(MANAGED_WRITABLE));
    reach.readable.extend(managed(MANAGED_READABLE));
    for folders in [&mut reach.readable, &mut reach.writable] {
        folders.sort();
        folders.dedup();
    }
    reach
}

/// Not being able to is no reason not to serve, but a reason to say so.
pub fn confine(reach: &Reach, journal: &Journal) {
    match net::confine::confine(reach) {
        Ok(Confined::Fully) => {
            let folders = reach.readable.len() + reach.writable.len();
            journal.info("instance/confined", &[("folders", &folders)]);
        }
        Ok(Confined::Partly) => {
            let reason = "this kernel knows only some of the rights";
            journal.warn("instance/partly-confined", &[("reason", &reason)]);
        }
        Ok(Confined::Not) => {
            let reason = "this kernel has no landlock";
            journal.warn("instance/not-confined", &[("reason", &reason)]);
        }
        Err(error) => journal.warn("instance/not-confined", &[("reason", &error)]),
    }
}

fn folder(file: &Path) -> PathBuf {
    match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        Some(_) | None => PathBuf::from("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folders_of_everything_that_is_named() {
        let text = r#"
            certificate "site" {
              chain = "/tls/site.pem"
              key   = "/keys/site.pem"
            }
            target_group "app" {
              targets = ["127.0.0.1:3000"]
            }
            load_balancer "edge" {
              access_log     = "/logs/access.log"
              connection_log = "other/connection.log"
              listener "http" {
                port     = 8080
                protocol = "HTTP"
                default {
                  forward = target_group.app
                }
              }
            }
        "#;
        let sources = config::Sources::single("/conf/site.hcl", text);
        let (model, findings) = config::parse(&sources, &config::RealEnvironment);
        assert!(findings.iter().all(|f| f.severity != model::Severity::Error), "{findings:?}");
        let source = Source::Path("/conf/site.hcl".into());
        let reach = reach(&source, &model, Path::new("/state"));
        assert_eq!(reach.readable, ["/conf", "/keys", "/tls"].map(PathBuf::from));
        let logs = reach.writable.iter().any(|path| path == Path::new("/logs"));
        let state = reach.writable.iter().any(|path| path == Path::new("/state"));
        assert!(logs && state, "{reach:?}");
    }
}
