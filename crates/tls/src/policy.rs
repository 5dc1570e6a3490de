//! Security policies as rustls settings (ALB.md §3a).

use std::sync::{Arc, OnceLock};

use model::TlsPolicy;
use rustls::crypto::aws_lc_rs::{self, cipher_suite, kx_group};
use rustls::crypto::{CryptoProvider, SupportedKxGroup};
use rustls::version::{TLS12, TLS13};
use rustls::{SupportedCipherSuite, SupportedProtocolVersion};

/// ALB.md §3a, groups 13 and G, in the order in which ALB prefers them.
static SUITES: [SupportedCipherSuite; 7] = [
    cipher_suite::TLS13_AES_128_GCM_SHA256,
    cipher_suite::TLS13_AES_256_GCM_SHA384,
    cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
    cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    cipher_suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    cipher_suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
];

/// Hybrid ones would only make the hello of those larger who did not ask for them.
static GROUPS: [&dyn SupportedKxGroup; 3] =
    [kx_group::X25519, kx_group::SECP256R1, kx_group::SECP384R1];

/// ALB.md §3a, as far as rustls has them: SecP384r1MLKEM1024 is missing (DECISIONS 21).
static POST_QUANTUM_GROUPS: [&dyn SupportedKxGroup; 5] = [
    kx_group::X25519MLKEM768,
    kx_group::SECP256R1MLKEM768,
    kx_group::X25519,
    kx_group::SECP256R1,
    kx_group::SECP384R1,
];

/// Both that rustls has.
pub static VERSIONS: [&SupportedProtocolVersion; 2] = [&TLS13, &TLS12];

pub fn versions(policy: TlsPolicy) -> &'static [&'static SupportedProtocolVersion] {
    match policy {
        TlsPolicy::Tls12And13 | TlsPolicy::Tls12And13PostQuantum => &VERSIONS,
        TlsPolicy::Tls13 | TlsPolicy::Tls13PostQuantum => &VERSIONS[..1],
        TlsPolicy::Tls12 => &VERSIONS[1..],
    }
}

/// What listeners negotiate; each policy takes the suites of its versions.
pub fn provider_of(policy: TlsPolicy) -> &'static Arc<CryptoProvider> {
    static POST_QUANTUM: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    match policy.is_post_quantum() {
        false => provider(),
        true => POST_QUANTUM.get_or_init(|| with_groups(&POST_QUANTUM_GROUPS)),
    }
}

/// Without hybrid groups.
pub fn provider() -> &'static Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    PROVIDER.get_or_init(|| with_groups(&GROUPS))
}

fn with_groups(groups: &[&'static dyn SupportedKxGroup]) -> Arc<CryptoProvider> {
    Arc::new(CryptoProvider {
        cipher_suites: SUITES.to_vec(),
        kx_groups: groups.to_vec(),
        ..aws_lc_rs::default_provider()
    })
}
