//! Trust stores.

use super::Page;

pub const PAGES: &[Page] = &[
    Page {
        sees: "nothing: the certificate is served without the response; clients that insist on one refuse it",
        causes: &[
            "The response is past its next update, and nobody has fetched another.",
            "The certificate was renewed, and the response is about the one before.",
            "The certificate has been revoked.",
            "The file is PEM, or the page of an error: responses are DER.",
        ],
        confirm: &[(
            "openssl ocsp -respin site.ocsp -text -noverify",
            "the status, the serial number, and the next update",
        )],
        remedy: &[
            "Fetch it again, regularly: `openssl ocsp -no_nonce -issuer ISSUER -cert SITE -url URL -respout site.ocsp`; what is written over the file is taken within a second.",
        ],
        related: &["certificate/expired", "reload/certificate-refused"],
        ..Page::new("certificate/not-stapled", "nothing is stapled to a certificate")
    },
    Page {
        sees: "`check` points at the `trust_store` or the `verify`; a reload changes nothing",
        causes: &[
            "The path is wrong: it is relative to the file that names it.",
            "The user that Pointsman runs as may not read it.",
        ],
        confirm: &[("ls -l authorities.pem", "who may read it")],
        remedy: &["Correct the path, or let the user read the file."],
        related: &["certificate/unreadable"],
        ..Page::new(
            "certificate/authorities-unreadable",
            "authorities or revocation lists cannot be read",
        )
    },
    Page {
        sees: "`check` points at the `trust_store` or the `verify`; a reload changes nothing",
        causes: &[
            "A whole bundle of public authorities was named: it would let in everybody who has a certificate.",
            "Revocation lists of more than 50 MB, or of more than 500,000 certificates.",
        ],
        confirm: &[("grep -c BEGIN authorities.pem", "more than 25")],
        remedy: &[
            "Name only the authorities that issue certificates of your clients, or of your targets.",
            "Have the authority leave out of its list what has expired.",
        ],
        related: &["certificate/not-an-authority"],
        ..Page::new(
            "certificate/authorities-too-many",
            "a file of authorities, or the revocation lists, hold more than ALB's limits allow",
        )
    },
    Page {
        sees: "`check` points at the `trust_store`, with the file and the number of the certificate in it",
        causes: &[
            "The certificate of a client or a server was named in the place of that of its issuer.",
            "The file is DER, or holds a key only.",
        ],
        confirm: &[(
            "openssl x509 -noout -ext basicConstraints -in authorities.pem",
            "must have \"CA:TRUE\"",
        )],
        remedy: &["Name the certificate of the authority, as PEM, of at most 16 KB."],
        related: &["tls/client-certificate-untrusted"],
        ..Page::new(
            "certificate/not-an-authority",
            "a trust store names something that is no certificate of an authority",
        )
    },
    Page {
        sees: "`check` points at the `trust_store`, with the file and the number of the list in it",
        causes: &[
            "The file is DER: authorities publish lists so.",
            "It is a delta list, or was cut short in a download.",
        ],
        confirm: &[("openssl crl -noout -text -in revoked.pem", "an error, or the list")],
        remedy: &["Convert it with `openssl crl -inform der -in list.crl -out revoked.pem`."],
        related: &["certificate/list-out-of-date", "tls/client-certificate-revocation-unknown"],
        ..Page::new(
            "certificate/bad-list",
            "a file of revocation lists holds none that can be used",
        )
    },
    Page {
        sees: "a warning at `check` and reload; clients are served as before",
        causes: &[
            "The list is fetched by hand, or by a timer that has stopped.",
            "The authority has stopped to publish it.",
        ],
        confirm: &[("openssl crl -noout -nextupdate -in revoked.pem", "a day that is past")],
        remedy: &["Fetch the list again and reload: what was revoked since is still taken."],
        related: &["tls/client-certificate-revoked"],
        ..Page::new(
            "certificate/list-out-of-date",
            "a revocation list of a trust store is out of date",
        )
    },
];
