//! Certificates of clients as text.

use model::{ClientCertificateMode, ClientCertificates, Model, TrustStore};

use super::writer::{Writer, quoted};

pub fn store(out: &mut Writer, store: &TrustStore) {
    out.block(&format!("trust_store {}", quoted(&store.name)), |out| {
        out.text("authorities", &store.authorities.display().to_string());
        if !store.revocation_lists.is_empty() {
            let lists = store.revocation_lists.iter();
            out.list("revocation_lists", lists.map(|list| quoted(&list.display().to_string())));
        }
    });
}

pub fn client_certificates(out: &mut Writer, model: &Model, clients: &ClientCertificates) {
    out.block("client_certificates", |out| match clients.mode {
        ClientCertificateMode::Passthrough => out.text("mode", "passthrough"),
        ClientCertificateMode::Verify { trust_store, ignore_expiry, advertise_names } => {
            out.text("mode", "verify");
            out.set("trust_store", format!("trust_store.{}", model[trust_store].name));
            out.set("ignore_expiry", ignore_expiry);
            out.set("advertise_names", advertise_names);
        }
    });
}
