//! Certificates that clients show, or do not.

use model::Refusal;

use super::Page;

pub const PAGES: &[Page] = &[
    Page {
        sees: "ERR_BAD_SSL_CLIENT_AUTH_CERT, or a browser that asks for a certificate and has none to offer; curl: \"certificate required\" (56)",
        causes: &[
            "The client was never given a certificate, or the program was not told to use it.",
            "Its certificate is by an authority that the listener does not name: with `advertise_names` browsers offer only those that fit.",
            "A checker or a bot that comes without: harmless.",
        ],
        confirm: &[
            (
                "curl --cert client.pem --key client.key https://HOST/",
                "works: only the certificate was missing",
            ),
            (
                "grep tls/client-certificate-missing connection.log",
                "who comes without; one address again and again is a checker",
            ),
        ],
        remedy: &[
            "Give the client its certificate and key.",
            "If some may come without, write `mode = \"passthrough\"`, and let the application judge what it is told.",
        ],
        related: &["tls/client-certificate-untrusted", "tls/handshake-failed"],
        ..Page::refusal(Refusal::TlsClientCertificateMissing)
    },
    Page {
        sees: "ERR_BAD_SSL_CLIENT_AUTH_CERT; curl: \"unknown ca\" (56)",
        causes: &[
            "The client's certificate was issued by another authority than those in `authorities` of the trust store.",
            "The client sends its own certificate without the intermediate one that issued it.",
            "The authority was made anew under the same name, and the trust store has the old one.",
        ],
        confirm: &[
            (
                "openssl verify -CAfile authorities.pem -untrusted chain.pem client.pem",
                "OK, or the first issuer that is missing",
            ),
            (
                "openssl x509 -noout -issuer -in client.pem",
                "must be the subject of an authority in the trust store",
            ),
        ],
        remedy: &[
            "Add the authority that issued it to `authorities`, or its intermediate certificate to what the client sends.",
            "Have the client's certificate issued by an authority that the store has.",
        ],
        related: &["tls/client-certificate-missing", "certificate/not-an-authority"],
        ..Page::refusal(Refusal::TlsClientCertificateUntrusted)
    },
    Page {
        sees: "ERR_BAD_SSL_CLIENT_AUTH_CERT; curl: \"certificate expired\" (56)",
        causes: &[
            "Nobody renewed the client's certificate.",
            "The certificate of the authority has expired: then all clients at once.",
            "The clock of this machine is ahead.",
        ],
        confirm: &[
            ("openssl x509 -noout -enddate -in client.pem", "when it ended"),
            ("date -u", "on this machine"),
        ],
        remedy: &[
            "Renew the certificate.",
            "Until that is done, `ignore_expiry = true` takes it as on its last day.",
        ],
        related: &["tls/client-certificate-not-yet-valid", "tls/client-certificate-revoked"],
        ..Page::refusal(Refusal::TlsClientCertificateExpired)
    },
    Page {
        sees: "ERR_BAD_SSL_CLIENT_AUTH_CERT; curl: \"bad certificate\" (56)",
        causes: &[
            "The certificate was just made by a machine whose clock is ahead.",
            "The clock of this machine is behind.",
        ],
        confirm: &[
            ("openssl x509 -noout -startdate -in client.pem", "when it begins"),
            ("date -u", "on this machine"),
        ],
        remedy: &[
            "Set the clock (NTP), or have the authority date its certificates back by a few minutes.",
        ],
        related: &["tls/client-certificate-expired"],
        ..Page::refusal(Refusal::TlsClientCertificateNotYetValid)
    },
    Page {
        sees: "ERR_BAD_SSL_CLIENT_AUTH_CERT; curl: \"certificate revoked\" (56)",
        causes: &[
            "A key was lost or a person has left, and the certificate is in a revocation list of the trust store.",
            "The certificate of an authority in between was revoked: then all that it issued.",
        ],
        confirm: &[
            ("openssl x509 -noout -serial -in client.pem", "its number"),
            (
                "openssl crl -noout -text -in revoked.pem",
                "the number is in the list, with the day and the reason",
            ),
        ],
        remedy: &[
            "If it was revoked by mistake, it is issued anew: a revocation is not taken back.",
            "If the list is old, fetch it again and reload.",
        ],
        related: &["tls/client-certificate-revocation-unknown", "certificate/list-out-of-date"],
        ..Page::refusal(Refusal::TlsClientCertificateRevoked)
    },
    Page {
        sees: "ERR_BAD_SSL_CLIENT_AUTH_CERT, for all clients of one authority",
        causes: &[
            "A revocation list of that authority does not bear its signature: it is damaged, or by another key under the same name.",
            "The certificate of the authority may not sign revocation lists.",
        ],
        confirm: &[
            (
                "openssl crl -noout -verify -CAfile authorities.pem -in revoked.pem",
                "\"verify OK\", or what is wrong with it",
            ),
            ("openssl x509 -noout -ext keyUsage -in authority.pem", "must have \"CRL Sign\""),
        ],
        remedy: &[
            "Fetch the list again from the authority, and reload.",
            "If the authority was made anew, replace its certificate in `authorities` too.",
        ],
        related: &["tls/client-certificate-revoked", "certificate/bad-list"],
        ..Page::refusal(Refusal::TlsClientCertificateRevocationUnknown)
    },
    Page {
        sees: "ERR_BAD_SSL_CLIENT_AUTH_CERT; curl: \"unsupported certificate\" (56)",
        causes: &[
            "The client uses a certificate for servers: its extended key usage has \"TLS Web Server Authentication\" only. Public authorities issue no others any more.",
        ],
        confirm: &[(
            "openssl x509 -noout -ext extendedKeyUsage -in client.pem",
            "must have \"TLS Web Client Authentication\", or nothing",
        )],
        remedy: &["Have it issued for clients (`extendedKeyUsage = clientAuth`)."],
        related: &["tls/client-certificate-untrusted"],
        ..Page::refusal(Refusal::TlsClientCertificatePurpose)
    },
    Page {
        sees: "ERR_BAD_SSL_CLIENT_AUTH_CERT; curl: \"bad certificate\" (56)",
        causes: &[
            "The key is neither RSA nor ECDSA on P-256, P-384 or P-521, such as Ed25519.",
            "The certificate is of version 1, as `openssl x509 -req` makes without `-extfile`.",
            "It is signed with SHA-1.",
        ],
        confirm: &[(
            "openssl x509 -noout -text -in client.pem",
            "\"Version\", \"Public Key Algorithm\" and \"Signature Algorithm\"",
        )],
        remedy: &[
            "Have it issued as version 3 for an RSA key of 2048 to 8192 bits or an ECDSA key, signed with SHA-256 or better.",
        ],
        related: &["tls/client-certificate-invalid"],
        ..Page::refusal(Refusal::TlsClientCertificateUnsupported)
    },
    Page {
        sees: "ERR_BAD_SSL_CLIENT_AUTH_CERT; curl: \"bad certificate\" (56)",
        causes: &[
            "The client sends a whole bundle of authorities with its certificate.",
            "There are more than four certificates from the client's own to one that an authority of the trust store has issued.",
        ],
        confirm: &[("grep -c BEGIN chain.pem", "of what the client sends: more than 4")],
        remedy: &[
            "Send the client's certificate and the intermediate ones only; the root is not needed.",
            "Put an intermediate authority into `authorities`: it is trusted as it stands.",
        ],
        related: &["tls/client-certificate-too-large"],
        ..Page::refusal(Refusal::TlsClientCertificateChainTooLong)
    },
    Page {
        sees: "ERR_BAD_SSL_CLIENT_AUTH_CERT, or a connection that is closed",
        causes: &[
            "The client sends a bundle of authorities, or a certificate with very many names.",
        ],
        confirm: &[("wc -c chain.pem", "over 88,000: more than 64 KB in binary")],
        remedy: &["Send the client's certificate and the intermediate ones only."],
        related: &["tls/client-certificate-chain-too-long"],
        ..Page::refusal(Refusal::TlsClientCertificateTooLarge)
    },
    Page {
        sees: "ERR_BAD_SSL_CLIENT_AUTH_CERT; curl: \"bad certificate\" (56)",
        causes: &[
            "The certificate cannot be read, or has an extension that must be understood and is not.",
            "The client does not hold the key of the certificate it shows: a stolen certificate looks like this.",
        ],
        confirm: &[
            (
                "openssl x509 -noout -text -in client.pem",
                "an error, or an extension marked \"critical\" that is no standard one",
            ),
            (
                "openssl pkey -pubout -in client.key",
                "must print the same as `openssl x509 -noout -pubkey -in client.pem`",
            ),
        ],
        remedy: &[
            "Have it issued again, without unusual extensions.",
            "Give the client the key that belongs to its certificate.",
        ],
        related: &["tls/client-certificate-unsupported", "tls/handshake-failed"],
        ..Page::refusal(Refusal::TlsClientCertificateInvalid)
    },
];
