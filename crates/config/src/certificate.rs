//! Certificates by reference.

use hcl_edit::structure::Block;
use model::{Certificate, CertificateSource};

use crate::section::Section;

pub fn read<'s>(section: Section<'s>, block: &'s Block) -> Certificate {
    let name = section.label(block, true).unwrap_or_default().to_owned();
    let development = section.flag("development").unwrap_or(false);
    let imported = section.flag("imported").unwrap_or(false);
    let chain = section.optional_text("chain");
    let key = section.optional_text("key");
    let names = section.value("names").map_or(Vec::new(), |value| {
        section
            .texts("names", value)
            .into_iter()
            .map(|(text, _)| text.to_ascii_lowercase())
            .collect()
    });
    let folder = &section.origin.folder;
    if imported && (development || chain.is_some() || key.is_some()) {
        section.push(
            section
                .error(
                    "config/certificate-source",
                    format!("{} is imported and comes from elsewhere", section.title),
                )
                .hint("remove `imported`, or `development`, `chain` and `key`"),
        );
    }
    let source = match (development, chain, key) {
        _ if imported => CertificateSource::Imported,
        (false, Some(chain), Some(key)) => {
            CertificateSource::Files { chain: folder.join(chain), key: folder.join(key) }
        }
        (true, None, None) => CertificateSource::Development,
        (true, _, _) => {
            section.push(
                section
                    .error(
                        "config/certificate-source",
                        format!("{} is made for development and has files", section.title),
                    )
                    .hint("remove `development`, or `chain` and `key`"),
            );
            CertificateSource::Development
        }
        (false, None, None) => {
            section.push(
                section
                    .error("config/certificate-source", format!("{} has no source", section.title))
                    .hint(
                        "add `chain = \"site.pem\"` and `key = \"site.key\"`, or `imported = true`, or \
                         `development = true`",
                    ),
            );
            CertificateSource::Development
        }
        (false, Some(_), None) | (false, None, Some(_)) => {
            section.push(
                section
                    .error(
                        "config/certificate-source",
                        format!("{} needs both `chain` and `key`", section.title),
                    )
                    .hint("add the one that is missing; both may name the same file"),
            );
            CertificateSource::Development
        }
    };
    let certificate = Certificate { name, names, source, place: section.place() };
    section.finish();
    certificate
}
