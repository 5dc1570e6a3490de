//! What `dns check` finds between a zone of ours and the world.

use super::Page;

const ASK_PARENT: (&str, &str) = (
    "dig +trace +norecurse ZONE NS",
    "the last referral is what the parent says; compare with `name_servers`",
);
const ASK_SERVER: (&str, &str) = (
    "dig @ADDRESS ZONE SOA +norecurse; dig @ADDRESS ZONE SOA +tcp",
    "`status: NOERROR` and the flag `aa`, both times",
);
const ASK_RESOLVERS: (&str, &str) = (
    "dig NAME A @1.1.1.1 +short; dig NAME AAAA @9.9.9.9 +short",
    "what clients elsewhere are told, and for how long (TTL)",
);
const ASK_SIGNERS: (&str, &str) =
    ("dig ZONE DS; pointsman dns ds ZONE", "the two have one key tag and one digest in common");

const fn of(
    code: &'static str,
    what: &'static str,
    sees: &'static str,
    causes: &'static [&'static str],
    confirm: &'static [(&'static str, &'static str)],
    remedy: &'static [&'static str],
    related: &'static [&'static str],
) -> Page {
    Page { sees, causes, confirm, remedy, related, ..Page::new(code, what) }
}

const NOT_FOUND: &str =
    "\"This site can't be reached\" (DNS_PROBE_FINISHED_NXDOMAIN), or somebody else's site";
const BOGUS: &str = "nothing where the resolver validates (DNS_PROBE_FINISHED, SERVFAIL), and all is well elsewhere";

pub const PAGES: &[Page] = &[
    of(
        "delegation/parent-not-known",
        "no server of the parent zone could be asked",
        "nothing: whether the world finds the zone is not known",
        &["This machine may not ask servers outside.", "The parent zone is private."],
        &[ASK_PARENT],
        &["Give the address of a server of the parent zone with `--parent`."],
        &["delegation/none"],
    ),
    of(
        "delegation/none",
        "the parent zone delegates the zone to nobody",
        NOT_FOUND,
        &["The domain was registered without name servers.", "The domain has lapsed."],
        &[ASK_PARENT],
        &["Have the registrar list the name servers that the zone names."],
        &["delegation/elsewhere", "name/no-record"],
    ),
    of(
        "delegation/elsewhere",
        "the parent zone delegates the zone to other name servers",
        NOT_FOUND,
        &["The domain's name servers are still those of its former host."],
        &[ASK_PARENT],
        &["Have the registrar list the name servers that the zone names, once they answer."],
        &["delegation/none", "delegation/name-servers-differ"],
    ),
    of(
        "delegation/name-servers-differ",
        "the parent and the zone name different servers",
        "old answers now and then, as some resolvers ask the one and some the other",
        &["A name server was added or removed on one side only."],
        &[ASK_PARENT],
        &["Make the two lists the same: at the registrar, or in `name_servers`."],
        &["delegation/elsewhere"],
    ),
    of(
        "delegation/glue-missing",
        "the parent has no address of a name server that is within the zone",
        NOT_FOUND,
        &["The registrar was given the name of the server, and not its address."],
        &[ASK_PARENT],
        &["Have the registrar keep the addresses as glue (\"host records\")."],
        &["delegation/glue-differs"],
    ),
    of(
        "delegation/glue-differs",
        "the parent has other addresses of a name server than the zone",
        "slow first visits, or none, while resolvers try an address that is gone",
        &["The server moved, and the registrar was not told."],
        &[ASK_PARENT],
        &["Have the registrar change the addresses (\"host records\")."],
        &["delegation/glue-missing", "delegation/unreachable"],
    ),
    of(
        "delegation/ds-unsigned",
        "the parent says that the zone is signed, and it is not",
        BOGUS,
        &["The zone was signed at its former host, whose DS records stayed."],
        &[ASK_SIGNERS],
        &["Have the registrar remove the DS records, or set `signed = true` and replace them."],
        &["delegation/ds-differs"],
    ),
    of(
        "delegation/ds-missing",
        "the zone is signed, and the parent does not say so",
        "nothing: the signatures are not looked at",
        &["The registrar was not given the DS record yet."],
        &[ASK_SIGNERS],
        &["Give the registrar what `pointsman dns ds ZONE` prints."],
        &["delegation/ds-differs"],
    ),
    of(
        "delegation/ds-differs",
        "the DS at the parent belongs to no key of the zone",
        BOGUS,
        &[
            "The key was made anew: the state directory was lost, or the zone runs on another machine.",
            "The DS is that of the former host.",
        ],
        &[ASK_SIGNERS],
        &[
            "Have the registrar replace the DS by what `pointsman dns ds ZONE` prints; until then, remove it.",
        ],
        &["delegation/ds-unsigned"],
    ),
    of(
        "delegation/lame",
        "a name server that the parent names does not answer for the zone",
        "slow first visits; nothing at all if it is the only one",
        &[
            "The server does not have the zone: another program runs there, or an older configuration.",
            "The address is another machine's.",
        ],
        &[ASK_SERVER],
        &["Have it serve the zone, or take it from the list at the registrar."],
        &["delegation/unreachable"],
    ),
    of(
        "delegation/unreachable",
        "a name server that the parent names is not reached over UDP and TCP",
        "slow first visits; nothing at all if it is the only one; over UDP alone, large answers are missing",
        &[
            "A firewall lets port 53 through over UDP only, or not at all.",
            "Nothing listens there.",
        ],
        &[ASK_SERVER],
        &[
            "Open port 53 over UDP and TCP to everybody, and let `dns_server` listen on that address.",
        ],
        &["delegation/lame"],
    ),
    of(
        "delegation/serial-differs",
        "the name servers of the zone have different versions of it",
        "an old answer now and then",
        &["A secondary gets no NOTIFY, or may not transfer the zone."],
        &[("dig @ADDRESS ZONE SOA +short", "the third number, at each of the servers")],
        &["List the secondary in `notify` and `transfer_to`, and see its log."],
        &["delegation/lame"],
    ),
    of(
        "delegation/resolver-not-known",
        "a resolver gave no answer that could be compared",
        "nothing: what its clients are told is not known",
        &["This machine may not ask that resolver.", "The resolver could not reach a name server."],
        &[ASK_RESOLVERS],
        &["Ask others with `--resolver ADDRESS`."],
        &["delegation/unreachable"],
    ),
    of(
        "delegation/stale-aaaa",
        "clients with IPv6 are sent to an address that is not ours",
        "the old site or nothing, on mobile networks first; certificate authorities refuse, since they prefer IPv6",
        &[
            "The AAAA record of a former host stayed where the name was kept before.",
            "A resolver remembers it until its TTL has passed.",
        ],
        &[ASK_RESOLVERS],
        &["Remove the old AAAA record, or give the load balancer that address."],
        &["delegation/answer-differs"],
    ),
    of(
        "delegation/answer-differs",
        "a resolver gives other addresses than we do",
        "the old site, or nothing, for some clients",
        &[
            "The resolver remembers an older answer until its TTL has passed.",
            "The zone is delegated to somebody else as well.",
        ],
        &[ASK_RESOLVERS],
        &[
            "Wait for the TTL; if it stays so, see `delegation/elsewhere` and `delegation/name-servers-differ`.",
        ],
        &["delegation/stale-aaaa", "delegation/elsewhere"],
    ),
];
