//! Client certificates (ALB.md §3d): whom they are asked of, and whom they are taken from.

use hcl_edit::structure::Block;
use model::{
    ClientCertificateMode, ClientCertificates, ListenerProtocol, TrustStore, TrustStoreId,
};

use crate::names::Kind;
use crate::section::Section;

/// ALB.md §3d.
const REVOCATION_LISTS_MAX: usize = 30;

pub fn store<'s>(section: Section<'s>, block: &'s Block) -> TrustStore {
    let name = section.label(block, true).unwrap_or_default().to_owned();
    let folder = &section.origin.folder;
    let authorities = section
        .required("authorities", "\"authorities.pem\"")
        .and_then(|value| section.text("authorities", value));
    let lists = section.value("revocation_lists").map_or(Vec::new(), |value| {
        let lists = section.texts("revocation_lists", value);
        if lists.len() > REVOCATION_LISTS_MAX {
            section.invalid(
                value,
                format!("{} has more than {REVOCATION_LISTS_MAX} revocation lists", section.title),
                "one file may hold the lists of several authorities",
            );
        }
        lists.into_iter().map(|(text, _)| folder.join(text)).collect()
    });
    let store = TrustStore {
        name,
        authorities: folder.join(authorities.unwrap_or_default()),
        revocation_lists: lists,
        place: section.place(),
    };
    section.finish();
    store
}

pub fn client_certificates(
    outer: &Section<'_>,
    protocol: ListenerProtocol,
) -> Option<ClientCertificates> {
    let block = outer.block("client_certificates")?;
    let section = Section::new(outer.context, outer.origin, "client_certificates", block);
    section.label(block, false);
    let verifies = section
        .required("mode", "\"verify\"")
        .and_then(|_| section.choice("mode", &[("passthrough", false), ("verify", true)]));
    let store = section
        .value("trust_store")
        .map(|value| section.reference("trust_store", value, Kind::TrustStore).map(TrustStoreId));
    let ignore_expiry = section.flag("ignore_expiry");
    let advertise_names = section.flag("advertise_names");
    if protocol != ListenerProtocol::Https {
        section.push(
            section
                .error("config/conflict", "only an HTTPS listener can ask for client certificates")
                .hint("write `protocol = \"HTTPS\"`, or remove `client_certificates`"),
        );
    }
    let mode = match (verifies?, store) {
        (true, Some(trust_store)) => Some(ClientCertificateMode::Verify {
            trust_store: trust_store?,
            ignore_expiry: ignore_expiry.unwrap_or(false),
            advertise_names: advertise_names.unwrap_or(false),
        }),
        (true, None) => {
            section.push(
                section
                    .error("config/missing-attribute", "whom to trust is not said")
                    .hint("add `trust_store = trust_store.name`"),
            );
            None
        }
        (false, None) if ignore_expiry.is_none() && advertise_names.is_none() => {
            Some(ClientCertificateMode::Passthrough)
        }
        (false, _) => {
            section.push(
                section
                    .error("config/conflict", "`passthrough` judges nothing")
                    .hint("write `mode = \"verify\"`, or leave `mode` alone"),
            );
            None
        }
    };
    let place = section.place();
    section.finish();
    Some(ClientCertificates { mode: mode?, place })
}
