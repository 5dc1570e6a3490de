//! Errors of configuration files and certificates. Their message names the place and the remedy, so
//! the pages are short: the families share what their codes have in common.

use super::Page;

const fn syntax(code: &'static str, what: &'static str, remedy: &'static [&'static str]) -> Page {
    Page {
        sees: "`check`, `run` and `reload` name file, line and column, and exit with 2; what was served is served on",
        causes: &["A typing error, or half of a block that was copied."],
        confirm: &[(
            "pointsman check FILE",
            "the line, with the place underlined; all errors of all files at once",
        )],
        remedy,
        related: &[],
        ..Page::new(code, what)
    }
}

const fn config(code: &'static str, what: &'static str, remedy: &'static [&'static str]) -> Page {
    Page {
        sees: "`check`, `run` and `reload` name file, line and column, and exit with 2; what was served is served on",
        causes: &["The configuration says something that cannot be served as it is written."],
        confirm: &[(
            "pointsman check FILE",
            "the place, other places that belong to it, and a hint with the remedy",
        )],
        remedy,
        related: &[],
        ..Page::new(code, what)
    }
}

const fn certificate(
    code: &'static str,
    what: &'static str,
    remedy: &'static [&'static str],
) -> Page {
    Page {
        sees: "`check`, `run` and `reload` name the certificate's block; with an error, what was served is served on",
        causes: &[
            "The file is not the one that was meant, or was written by a renewal that went wrong.",
        ],
        confirm: &[
            ("pointsman check FILE", "the file, and what is wrong with it"),
            (
                "openssl x509 -noout -subject -issuer -dates -ext subjectAltName -in chain.pem",
                "the first certificate of the file",
            ),
        ],
        remedy,
        related: &[],
        ..Page::new(code, what)
    }
}

pub const SYNTAX: &[Page] = &[
    syntax(
        "syntax/invalid",
        "this is not the configuration language",
        &["Compare the line with an example of docs/configuration.md."],
    ),
    syntax(
        "syntax/nesting",
        "blocks or lists are nested too deeply",
        &["Nothing needs that depth: look for a brace that is missing."],
    ),
    syntax(
        "syntax/stray-brace",
        "a brace closes nothing",
        &["Remove it, or look for a brace above that closes too early."],
    ),
    syntax(
        "syntax/unclosed-block",
        "a block is never closed",
        &["Add `}` where the block is meant to end."],
    ),
    syntax("syntax/unclosed-string", "a string is never closed", &["Add `\"` at its end."]),
];

pub const CONFIG: &[Page] = &[
    config(
        "config/alias",
        "an alias follows a name that cannot be followed",
        &[
            "Let it follow a name of the same zone that has records, and is no CNAME.",
            "Write `cname` for names elsewhere.",
        ],
    ),
    config(
        "config/attribute-as-block",
        "an attribute is written as a block",
        &["Write `name = …`."],
    ),
    config(
        "config/block-as-attribute",
        "a block is written as an attribute",
        &["Write `name { … }` without `=`."],
    ),
    config(
        "config/certificate-on-http",
        "an HTTP listener has certificates",
        &["Write `protocol = \"HTTPS\"`, or remove `certificates`."],
    ),
    config(
        "config/certificate-source",
        "a certificate has no source, half of one, or two",
        &["Write `chain` and `key`, or `development = true`."],
    ),
    config(
        "config/conflict",
        "two things are said that exclude each other",
        &["Keep one of the two that the message names."],
    ),
    config(
        "config/duplicate-attribute",
        "an attribute is set twice in one block",
        &["Keep one of the two."],
    ),
    config(
        "config/duplicate-block",
        "a block that may stand once stands twice",
        &["Keep one of the two."],
    ),
    config(
        "config/duplicate-host",
        "two sites serve the same host",
        &["Join the two sites, or take the host from one of them."],
    ),
    config(
        "config/duplicate-name",
        "two things of a kind have the same name",
        &["Rename one of the two, also where it is referred to."],
    ),
    config(
        "config/duplicate-priority",
        "two rules of a listener have the same priority",
        &["Give one of them another; the hint names one that is free."],
    ),
    config(
        "config/duplicate-target",
        "a target stands twice in a group",
        &["Remove one of the two."],
    ),
    config(
        "config/groups",
        "an action forwards to no target group, or to too many",
        &["Write 1 to 5 `group { target = target_group.x }`."],
    ),
    config(
        "config/invalid-name",
        "this cannot be a name of such a thing",
        &["Letters, digits, `-` and `_`, beginning with a letter; a host where a host is meant."],
    ),
    config(
        "config/invalid-value",
        "the value is out of its range or not of its form",
        &["Write what the hint gives as an example."],
    ),
    config("config/label", "a block has a name where none belongs", &["Remove the name."]),
    config(
        "config/misplaced",
        "this stands in a block where it does not belong",
        &["Move it where the hint says."],
    ),
    config(
        "config/missing-action",
        "a rule or default says not what to do",
        &["Add `forward`, a `redirect { … }` or a `fixed_response { … }`."],
    ),
    config(
        "config/missing-attribute",
        "a required attribute is missing",
        &["Add the line that the hint gives."],
    ),
    config(
        "config/missing-default",
        "a listener or site has no default action",
        &["Add `default { forward = target_group.x }`: what happens when no rule matches."],
    ),
    config("config/missing-name", "a block has no name", &["Write `kind \"name\" {`."]),
    config(
        "config/nginx",
        "the nginx configuration that an application names cannot be used",
        &["Mend the path or that file; `nginx -t` on its machine judges it too."],
    ),
    config(
        "config/no-certificate",
        "an HTTPS listener has no certificate",
        &["Add `certificates = [certificate.x]`; the first is the default."],
    ),
    config(
        "config/no-glue",
        "a name server lies in what it serves, and has no address there",
        &[
            "Add its address to the zone: without it nobody finds the server (RFC 9471).",
            "Or name a server outside of what it serves.",
        ],
    ),
    config(
        "config/no-listener",
        "a load balancer listens nowhere",
        &["Add a `listener` or a `site`."],
    ),
    config("config/not-supported-yet", "this is meant for a later version", &["Remove it."]),
    config(
        "config/outside-zone",
        "a record does not belong to its zone",
        &[
            "In zone files, end a name that is complete with a dot: without one it is below the `$ORIGIN`.",
            "Write the record into the zone that covers its name.",
        ],
    ),
    config(
        "config/overlapping-listener",
        "two listeners want the same address and port",
        &["Choose another port, or give the load balancers different `addresses`."],
    ),
    config(
        "config/redirect-loop",
        "a redirect leads to where the request already is",
        &["Change protocol, host, port or path; see `lint/redirect-loop`."],
    ),
    config(
        "config/signatures-in-file",
        "a zone file has signatures or keys, which are passed over",
        &[
            "Write `signed = true` in the zone: the server signs what it answers.",
            "Take RRSIG, NSEC, NSEC3 and DNSKEY out of the file.",
        ],
    ),
    config(
        "config/silence",
        "a silence names no lint, or one that cannot be silenced",
        &["Write the code as `check` prints it: `silence \"lint/no-weight\" { reason = \"…\" }`."],
    ),
    config(
        "config/ttl-differs",
        "records of one name and type are kept for different times",
        &["Give them one `ttl`: they are one set (RFC 2181 §5.2), and the lowest is served."],
    ),
    config(
        "config/unknown-attribute",
        "there is no such attribute in this block",
        &["Write what the hint suggests: it knows what is near and where the name belongs."],
    ),
    config(
        "config/unknown-block",
        "there is no such block here",
        &["Write what the hint suggests."],
    ),
    config(
        "config/unknown-reference",
        "nothing of this name is declared",
        &["Mend the name, or declare it; the hint names what is near."],
    ),
    config(
        "config/unreadable",
        "a configuration file cannot be read",
        &["Mend path, owner or mode of the file; it has to be UTF-8."],
    ),
    config(
        "config/wrong-reference",
        "the reference is to another kind of thing",
        &["Refer to a kind that the hint names."],
    ),
    config(
        "config/wrong-type",
        "the value is of another kind, such as a text for a number",
        &["Write what the hint gives as an example."],
    ),
    config(
        "config/zone-file",
        "a line of a zone file is no record",
        &[
            "The line is that of the zone file; the format is RFC 1035 §5.",
            "All lines that are wrong are told at once, up to fifty.",
        ],
    ),
];

pub const CERTIFICATE: &[Page] = &[
    certificate(
        "certificate/bad-key",
        "the private key cannot be used",
        &["Use an ECDSA key on P-256, P-384 or P-521, or an RSA key of 2048 to 8192 bits."],
    ),
    certificate(
        "certificate/chain-order",
        "the certificates of the chain do not follow each other",
        &["Certificate first, then its issuer, and so on; the root may be left out."],
    ),
    certificate(
        "certificate/chain-too-long",
        "the chain has too many certificates",
        &["Leave in only what leads to the root: usually one or two intermediates."],
    ),
    certificate(
        "certificate/development",
        "the local authority could not make the certificate",
        &["Mend owner and mode of the state directory, or the names of the certificate."],
    ),
    certificate(
        "certificate/empty",
        "a file is empty",
        &["Run the renewal again: it broke off while it wrote."],
    ),
    certificate(
        "certificate/encrypted-key",
        "the private key has a passphrase",
        &["`openssl pkey -in site.key -out site.plain.key`, with mode 0600."],
    ),
    certificate(
        "certificate/expired",
        "the certificate has expired",
        &["Renew it, then `pointsman reload`; see `tls/expired`."],
    ),
    certificate(
        "certificate/key-kind",
        "the certificate's public key is of a kind that is not served",
        &["Have it issued for an ECDSA key on P-256, P-384 or P-521, or for an RSA key."],
    ),
    certificate(
        "certificate/key-mismatch",
        "the private key is not the certificate's",
        &[
            "Take both from the same renewal: `openssl pkey -in site.key -pubout` and `openssl x509 -in chain.pem -noout -pubkey` have to agree.",
        ],
    ),
    certificate(
        "certificate/key-readable-by-others",
        "others on the machine can read the private key",
        &["`chmod 0600` the key, and let the user that Pointsman runs as own it."],
    ),
    certificate(
        "certificate/malformed",
        "a certificate of the file cannot be read",
        &["Copy the file again, or issue the certificate again."],
    ),
    certificate(
        "certificate/name-not-covered",
        "a certificate does not cover a name that it is declared for",
        &["Issue it with the name, or take the name out of `names`; see `tls/name-mismatch`."],
    ),
    certificate(
        "certificate/no-key",
        "the key's file has no private key",
        &["Name the file with `BEGIN PRIVATE KEY` in `key`."],
    ),
    certificate(
        "certificate/no-names",
        "the certificate has no name that browsers look at",
        &["Issue it with subject alternative names; the common name alone does not count."],
    ),
    certificate(
        "certificate/none",
        "the chain's file has no certificate",
        &["Name the file with `BEGIN CERTIFICATE` in `chain`: perhaps the two are swapped."],
    ),
    certificate(
        "certificate/not-imported",
        "nothing was imported for a certificate that is declared as imported",
        &[
            "`pointsman cert import NAME --chain FILE --key FILE`, with the state directory of the instance.",
        ],
    ),
    certificate(
        "certificate/not-kept",
        "what was imported for a certificate cannot be read",
        &[
            "Give the store's key, or restore a backup of the state: docs/state.md; or import it again.",
        ],
    ),
    certificate(
        "certificate/not-pem",
        "a file is not PEM",
        &[
            "Convert it: `openssl x509 -inform der -in site.der -out chain.pem`, or `openssl pkcs12` for a .p12.",
        ],
    ),
    certificate(
        "certificate/not-yet-valid",
        "the certificate is not valid yet",
        &["Look at the clock of this machine; see `tls/not-yet-valid`."],
    ),
    certificate(
        "certificate/too-large",
        "a file is larger than any certificate",
        &["Name the certificate's own file, not a bundle of all authorities."],
    ),
    certificate(
        "certificate/unreadable",
        "a file cannot be read",
        &[
            "Mend path, owner or mode. With `pointsman run --confine`, a new folder needs a restart.",
        ],
    ),
];
