//! Certificates by reference.

use hcl_edit::structure::Block;
use model::{Certificate, CertificateSource};

use crate::authority;
use crate::section::Section;

const SOURCES: &str = "add `chain = \"site.pem\"` and `key = \"site.key\"`, `authority = authority.name`, \
                       `imported = true`, or `development = true`";

pub fn read<'s>(section: Section<'s>, block: &'s Block) -> Certificate {
    let name = section.label(block, true).unwrap_or_default().to_owned();
    let development = section.flag("development").unwrap_or(false);
    let imported = section.flag("imported").unwrap_or(false);
    let chain = section.optional_text("chain");
    let key = section.optional_text("key");
    let ocsp_response = section.optional_text("ocsp_response");
    let names = section.value("names").map_or(Vec::new(), |value| {
        section
            .texts("names", value)
            .into_iter()
            .map(|(text, _)| text.to_ascii_lowercase())
            .collect()
    });
    let ordered = authority::ordered(&section, &names);
    let folder = &section.origin.folder;
    let wrong = |text: String, hint: &str| {
        section.push(section.error("config/certificate-source", text).hint(hint));
        CertificateSource::Development
    };
    let title = &section.title;
    if imported && (development || chain.is_some() || key.is_some() || ordered.is_some()) {
        wrong(
            format!("{title} is imported and comes from elsewhere"),
            "remove `imported`, or `development`, `authority`, `chain` and `key`",
        );
    }
    let source = match (development, chain, key, ordered) {
        _ if imported => CertificateSource::Imported,
        (false, Some(chain), Some(key), None) => {
            let ocsp_response = ocsp_response.as_ref().map(|path| folder.join(path));
            CertificateSource::Files {
                chain: folder.join(chain),
                key: folder.join(key),
                ocsp_response,
            }
        }
        (true, None, None, None) => CertificateSource::Development,
        (false, None, None, Some(ordered)) => CertificateSource::Authority(ordered),
        (true, _, _, None) => wrong(
            format!("{title} is made for development and has files"),
            "remove `development`, or `chain` and `key`",
        ),
        (_, _, _, Some(_)) => wrong(
            format!("{title} comes from an authority and from elsewhere"),
            "remove `authority`, or `development`, `chain` and `key`; what kind of key the authority is \
             asked for says `key_kind`",
        ),
        (false, None, None, None) => wrong(format!("{title} has no source"), SOURCES),
        (false, Some(_), None, None) | (false, None, Some(_), None) => wrong(
            format!("{title} needs both `chain` and `key`"),
            "add the one that is missing; both may name the same file",
        ),
    };
    if ocsp_response.is_some() && !matches!(source, CertificateSource::Files { .. }) {
        section.push(
            section
                .error("config/conflict", "`ocsp_response` is for a certificate from files")
                .hint("remove it, or add `chain` and `key`"),
        );
    }
    let certificate = Certificate { name, names, source, place: section.place() };
    section.finish();
    certificate
}
