//! Rules, weights, certificates.

use super::Page;

pub const PAGES: &[Page] = &[
    Page {
        sees: "the wrong page: an earlier rule answers",
        causes: &[
            "A wide rule, such as `/api/*`, stands before a narrow one, such as `/api/v2/*`.",
            "A rule without conditions of its own stands before others.",
            "Priorities were given by hand, and the new rule got the greatest.",
        ],
        confirm: &[
            (
                "pointsman explain URL",
                "hop `rule`: which rule took it, and that the other would have matched too",
            ),
            ("pointsman expand FILE", "all rules with their priorities"),
        ],
        remedy: &["Give the narrow rule a `priority` below that of the wide one, or remove it."],
        related: &["route/default"],
        ..Page::new(
            "lint/shadowed-rule",
            "a rule never fires, because an earlier one takes everything it would",
        )
    },
    Page {
        sees: "503 Service Unavailable for everything that the action takes",
        causes: &[
            "The old group was set to 0 before the new one got a weight, or all were set to 0 to turn it off.",
        ],
        confirm: &[("pointsman expand FILE", "every `weight` of the action is 0")],
        remedy: &[
            "Give one group a weight of at least 1. To turn it off on purpose, answer with a `fixed_response`.",
        ],
        related: &["route/no-weight"],
        ..Page::new("lint/no-weight", "an action gives every target group the weight 0")
    },
    Page {
        sees: "\"your connection is not private\" (NET::ERR_CERT_COMMON_NAME_INVALID), for this host only",
        causes: &[
            "The rule is new, and the certificate is not.",
            "`example.com` against `www.example.com`, or a wildcard one label too short.",
        ],
        confirm: &[
            ("openssl x509 -noout -ext subjectAltName -in chain.pem", "the names that it is for"),
            (
                "openssl s_client -connect HOST:443 -servername HOST </dev/null | openssl x509 -noout -ext subjectAltName",
                "what is served for this name",
            ),
        ],
        remedy: &["Get a certificate with the host, and add it to `certificates` of the listener."],
        related: &["tls/name-mismatch", "lint/default-certificate", "certificate/name-not-covered"],
        ..Page::new(
            "lint/certificate-does-not-cover",
            "no certificate of the listener covers the host of a rule",
        )
    },
    Page {
        sees: "\"your connection is not private\" (NET::ERR_CERT_COMMON_NAME_INVALID): the name of another site in the certificate",
        causes: &[
            "A record leads a name here that no certificate of the listener is for: the first one, the default, is served.",
            "The certificate for the name is declared, and not listed by this listener.",
        ],
        confirm: &[(
            "openssl s_client -connect HOST:443 -servername HOST </dev/null | openssl x509 -noout -subject -ext subjectAltName",
            "the default certificate, and not one for HOST",
        )],
        remedy: &[
            "Add a certificate for the name to `certificates` of the listener.",
            "Or lead the name elsewhere, if it is not served here.",
        ],
        related: &["tls/name-mismatch", "lint/certificate-does-not-cover"],
        ..Page::new(
            "lint/default-certificate",
            "a name that leads here gets the default certificate, which does not cover it",
        )
    },
    Page {
        sees: "`not known` in explanations, where this directive could matter; nothing that is served changes",
        causes: &[
            "The nginx configuration behind a target has a directive that is not understood: Lua, a module, `auth_request`.",
        ],
        confirm: &[
            ("nginx -T", "on the target: the whole configuration as nginx reads it"),
            ("curl -sv -o /dev/null -H 'Host: NAME' http://TARGET/", "what nginx really answers"),
        ],
        remedy: &[
            "Nothing has to be done.",
            "To have an answer, declare the facts in the `application` block in the place of `nginx`.",
        ],
        related: &["lint/doubled-redirect"],
        ..Page::new(
            "lint/nginx-not-understood",
            "a directive of nginx could change an answer and is not understood",
        )
    },
];
