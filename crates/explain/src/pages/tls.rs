//! The handshake, and the browser's judgement of the certificate.

use model::{Obstacle, Refusal};

use super::Page;

pub const PAGES: &[Page] = &[
    Page {
        sees: "a long wait, then \"the connection was reset\" or \"took too long to respond\"; curl: \"SSL connection timeout\" (28)",
        causes: &[
            "A port scanner or a TCP health check that connects and says nothing: harmless.",
            "A network that lets small packets through and loses large ones (MTU, often a VPN): the handshake stops half-way.",
            "A client that waits for the server to speak first, as SMTP or SSH clients do.",
        ],
        confirm: &[
            (
                "grep tls/handshake-timeout connection.log",
                "who it was: one address again and again is a scanner or a checker",
            ),
            (
                "openssl s_client -connect HOST:443 -servername HOST",
                "from the client's network: hangs after CONNECTED; elsewhere it ends at once",
            ),
            (
                "ping -M do -s 1400 HOST",
                "\"message too long\" or no answer, while `-s 1200` is answered: the MTU",
            ),
        ],
        remedy: &[
            "Mend the MTU of the VPN or tunnel (usually 1380 or less), or clamp the MSS there.",
            "Let TCP checkers ask over http, or pass the count over: it costs nothing.",
            "For clients that are truly slow, raise `handshake_timeout` (10s).",
        ],
        related: &["tls/handshake-failed", "request/head-timeout"],
        ..Page::refusal(Refusal::TlsHandshakeTimeout)
    },
    Page {
        sees: "ERR_SSL_VERSION_OR_CIPHER_MISMATCH or ERR_SSL_PROTOCOL_ERROR; curl: \"SSL connect error\" (35)",
        causes: &[
            "An old client: nothing here speaks TLS 1.0 or 1.1, and TLS 1.2 only with ECDHE and AES-GCM.",
            "A client that does not trust the certificate hangs up during the handshake: then the connection log has it, and the browser says why.",
            "Something that is not TLS on the HTTPS port, or a checker that connects and hangs up.",
        ],
        confirm: &[
            (
                "grep tls/handshake-failed connection.log",
                "which clients; all of one kind: an old library",
            ),
            (
                "openssl s_client -connect HOST:443 -servername HOST -tls1_2",
                "an alert with `-tls1_2` and success with `-tls1_3`: the policy speaks 1.3 only",
            ),
            (
                "curl -sv -o /dev/null https://HOST/",
                "the line with `alert` or `error` names the side that gave up",
            ),
        ],
        remedy: &[
            "Choose a `tls_policy` that the client speaks: `ELBSecurityPolicy-TLS13-1-2-Res-2021-06` has 1.2 and 1.3.",
            "Renew the client's TLS library: those of the last ten years know ECDHE with AES-GCM.",
            "If the client does not trust the certificate, see `tls/untrusted` and `tls/name-mismatch`.",
        ],
        related: &["tls/untrusted", "tls/name-mismatch", "tls/plain-http", "tls/handshake-timeout"],
        ..Page::refusal(Refusal::TlsHandshakeFailed)
    },
    Page {
        sees: "400 Bad Request, \"The plain HTTP request was sent to HTTPS port\"",
        causes: &[
            "A link or a setting says `http://HOST:443`, or `http://` with your own https port.",
            "A proxy in front ends TLS and passes plain HTTP to the HTTPS port.",
            "A checker asks the HTTPS port over http.",
        ],
        confirm: &[
            (
                "curl -sv -o /dev/null http://HOST:443/",
                "400 there, and `https://HOST/` works: only the scheme is wrong",
            ),
            ("grep tls/plain-http connection.log", "who asks so"),
        ],
        remedy: &[
            "Write `https://` in the link, or point the proxy in front to the HTTP port.",
            "Let the proxy in front speak TLS to the HTTPS port.",
        ],
        related: &["tls/not-spoken", "lint/redirect-protocol"],
        ..Page::refusal(Refusal::TlsPlainHttp)
    },
    Page {
        sees: "ERR_SSL_UNRECOGNIZED_NAME_ALERT; curl: \"unrecognized name\" (35); a little later it works",
        causes: &[
            "The first client came for a name that is ordered on demand, and the authority took longer than the handshake may.",
            "The order fails: the authority was not convinced, or we asked ourselves first and did not ask it.",
            "The guard that `ask` names is down or has a fault: nothing is ordered without its word.",
            "`orders_per_hour` or `max_names` of the certificate is reached.",
        ],
        confirm: &[
            ("pointsman cert list", "the name as `CERTIFICATE/NAME`, with what the authority said"),
            (
                "curl -i 'http://127.0.0.1:9000/allowed?domain=NAME'",
                "the guard, asked as we ask it: 200 allows it",
            ),
        ],
        remedy: &[
            "Come again: the order goes on without the client.",
            "Start the guard again; it is asked at the next visit, after 5 seconds at the earliest.",
            "Raise the limit in `on_demand`, below what the authority allows.",
        ],
        related: &["tls/certificate-denied", "certificate/not-issued"],
        ..Page::refusal(Refusal::TlsCertificatePending)
    },
    Page {
        sees: "ERR_SSL_UNRECOGNIZED_NAME_ALERT; curl: \"unrecognized name\" (35)",
        causes: &[
            "The guard that `ask` names answered something else than 200: no customer has this name.",
            "The name was set up a moment ago: a refusal is remembered for a minute.",
            "A scanner tries names: harmless, and nothing is ordered.",
        ],
        confirm: &[(
            "curl -i 'http://127.0.0.1:9000/allowed?domain=NAME'",
            "the guard, asked as we ask it: 200 allows it",
        )],
        remedy: &["Have the guard answer 200 for the name, and come again after a minute."],
        related: &["tls/certificate-pending"],
        ..Page::refusal(Refusal::TlsCertificateDenied)
    },
];

pub const OBSTACLES: &[Page] = &[
    Page {
        sees: "\"your connection is not private\" (NET::ERR_CERT_COMMON_NAME_INVALID); curl: \"no alternative certificate subject name matches\" (60)",
        causes: &[
            "The name was added to rules or DNS, and not to the certificate: the default certificate is served.",
            "`example.com` and `www.example.com` are two names, and the certificate has one of them.",
            "`*.example.com` covers one label: neither `example.com` nor `a.b.example.com`.",
            "Asked by bare address: no certificate covers that.",
        ],
        confirm: &[
            (
                "openssl s_client -connect HOST:443 -servername HOST </dev/null | openssl x509 -noout -subject -ext subjectAltName",
                "the names that it is for",
            ),
            (
                "curl -kv -o /dev/null https://HOST/",
                "works with `-k`: the rest of the path is fine",
            ),
            (
                "pointsman check FILE",
                "`lint/certificate-does-not-cover` names the rule and the host",
            ),
        ],
        remedy: &[
            "Get a certificate with the name, and list it in `certificates` of the listener; the first is the default.",
            "Or redirect the name, on plain http and in links, to one that is covered. A redirect over https does not help: the browser stops before it.",
        ],
        related: &["lint/certificate-does-not-cover", "lint/default-certificate", "tls/untrusted"],
        ..Page::obstacle(Obstacle::TlsNameMismatch)
    },
    Page {
        sees: "\"your connection is not private\" (NET::ERR_CERT_DATE_INVALID); curl: \"certificate has expired\" (60); everybody at once",
        causes: &[
            "The renewal has failed for weeks, and nobody was told: the HTTP-01 challenge is refused by the security group, DNS has moved, the timer is off.",
            "The file was renewed and the program was not told: it serves what it read last.",
            "The clock of one client is wrong: then only that one sees it.",
        ],
        confirm: &[
            (
                "openssl s_client -connect HOST:443 -servername HOST </dev/null | openssl x509 -noout -dates",
                "`notAfter` as it is served",
            ),
            (
                "openssl x509 -noout -dates -in chain.pem",
                "a later `notAfter` in the file: only a reload is missing",
            ),
            ("journalctl -u certbot --since -30d", "or what renews on your machine: why it failed"),
        ],
        remedy: &[
            "Renew the certificate, then `pointsman reload`. Have whatever renews do both.",
            "If the authority asks over http, admit everybody to port 80, or use a DNS challenge.",
        ],
        related: &["certificate/expired", "tls/not-yet-valid"],
        ..Page::obstacle(Obstacle::TlsExpired)
    },
    Page {
        sees: "\"your connection is not private\" (NET::ERR_CERT_DATE_INVALID), \"your clock is behind\"",
        causes: &[
            "The client's clock is behind; after a reboot without network time it may be years.",
            "The certificate was issued minutes ago, on a machine whose clock is ahead.",
        ],
        confirm: &[
            (
                "openssl s_client -connect HOST:443 -servername HOST </dev/null | openssl x509 -noout -dates",
                "`notBefore`, to compare with `date -u` on the client",
            ),
            ("timedatectl", "\"System clock synchronized: no\": the clock is the fault"),
        ],
        remedy: &[
            "Set the clock (`timedatectl set-ntp true`).",
            "Serve the former certificate until the new one is valid.",
        ],
        related: &["certificate/not-yet-valid", "tls/expired"],
        ..Page::obstacle(Obstacle::TlsNotYetValid)
    },
    Page {
        sees: "\"your connection is not private\" (NET::ERR_CERT_AUTHORITY_INVALID); curl: \"unable to get local issuer certificate\" (60)",
        causes: &[
            "The chain lacks the intermediate certificate: browsers often have it from elsewhere, curl and phones do not.",
            "It is a development certificate, and this client does not trust the local authority.",
            "It is self-signed, or of a company's authority that this device does not know.",
        ],
        confirm: &[
            (
                "openssl s_client -connect HOST:443 -servername HOST -showcerts </dev/null",
                "\"verify error\" and only one certificate: the intermediate is missing",
            ),
            (
                "openssl x509 -noout -issuer -subject -in chain.pem",
                "issuer and subject are the same: self-signed",
            ),
        ],
        remedy: &[
            "Let `chain` hold the certificate first and then the intermediates (`fullchain.pem`, not `cert.pem`), and reload.",
            "For development, have the client trust `development/authority.pem` of the state directory.",
        ],
        related: &["certificate/chain-order", "tls/name-mismatch", "tls/handshake-failed"],
        ..Page::obstacle(Obstacle::TlsUntrusted)
    },
    Page {
        sees: "\"sent an invalid response\" (ERR_SSL_PROTOCOL_ERROR); curl: \"wrong version number\" (35)",
        causes: &[
            "The link says `https://` and names the port of plain HTTP.",
            "A redirect changes the scheme to https and keeps the port.",
            "The listener has `protocol = \"HTTP\"`, which is the default, and was meant to be HTTPS.",
        ],
        confirm: &[
            (
                "curl -sv -o /dev/null http://HOST:PORT/",
                "an answer over http: the port speaks that",
            ),
            ("pointsman status", "the protocol of each listener"),
        ],
        remedy: &[
            "Give the listener `protocol = \"HTTPS\"` and `certificates`.",
            "Or mend the link or the redirect: `protocol = \"HTTPS\"` together with `port = \"443\"`.",
        ],
        related: &["tls/plain-http", "lint/redirect-protocol", "name/no-listener"],
        ..Page::obstacle(Obstacle::TlsNotSpoken)
    },
];
