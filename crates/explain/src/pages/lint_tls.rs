//! What listeners say of TLS.

use super::Page;

pub const PAGES: &[Page] = &[Page {
    sees: "nothing: clients that offer X25519MLKEM768, as browsers do, are protected by it",
    causes: &[
        "ALB's post-quantum policies have three hybrid groups; this program has X25519MLKEM768 and SecP256r1MLKEM768, and not SecP384r1MLKEM1024.",
    ],
    confirm: &[("grep -c MLKEM connection.log", "how many handshakes used a hybrid group")],
    remedy: &[
        "If no client insists on SecP384r1MLKEM1024, say so: `silence \"lint/post-quantum-partial\" { reason = \"browsers only\" }`.",
        "A client that offers that group alone among the hybrid ones is served with x25519 or a curve that it offers.",
    ],
    related: &["tls/handshake-failed"],
    ..Page::new(
        "lint/post-quantum-partial",
        "a post-quantum policy is served with two of its three hybrid groups",
    )
}];
