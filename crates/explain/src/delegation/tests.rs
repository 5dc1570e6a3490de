use super::*;

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn declared() -> Declared {
    Declared {
        zone: "shop.example".into(),
        place: Place::described("zone"),
        name_servers: vec![DeclaredServer {
            name: "ns1.shop.example".into(),
            addresses: BTreeSet::from([address("192.0.2.53")]),
        }],
        signed: true,
        names: vec![DeclaredName {
            name: "shop.example".into(),
            addresses: BTreeSet::from([address("192.0.2.1"), address("192.0.2.2")]),
            place: Place::described("record"),
        }],
    }
}

fn seen() -> Seen {
    Seen {
        parent: Some(Parent {
            zone: "example".into(),
            name_servers: BTreeSet::from(["ns1.shop.example".to_owned()]),
            glue: vec![("ns1.shop.example".into(), address("192.0.2.53"))],
            signers: Some(vec!["1 13 2 AB".into()]),
        }),
        servers: vec![Server {
            name: "ns1.shop.example".into(),
            address: address("192.0.2.53"),
            udp: Said::Authoritative,
            tcp: Said::Authoritative,
            serial: Some(7),
            signers: Some(vec!["1 13 2 AB".into()]),
        }],
        resolved: vec![answered(Family::Ipv4, &["192.0.2.2"]), answered(Family::Ipv6, &[])],
    }
}

fn answered(family: Family, addresses: &[&str]) -> Resolved {
    Resolved {
        resolver: "9.9.9.9".into(),
        name: "shop.example".into(),
        family,
        addresses: Ok(addresses.iter().map(|text| address(text)).collect()),
    }
}

type Row = (&'static str, fn(&mut Declared, &mut Seen), &'static [&'static str]);

fn parent(seen: &mut Seen) -> &mut Parent {
    seen.parent.as_mut().unwrap()
}

#[test]
fn each_cause_has_its_code() {
    let rows: &[Row] = &[
        ("all is well", |_, _| {}, &[]),
        ("nobody to ask", |_, seen| seen.parent = None, &["delegation/parent-not-known"]),
        ("nobody", |_, seen| parent(seen).name_servers.clear(), &["delegation/none"]),
        (
            "somebody else",
            |_, seen| parent(seen).name_servers = BTreeSet::from(["ns.other.test".into()]),
            &["delegation/elsewhere"],
        ),
        (
            "one more",
            |_, seen| {
                parent(seen).name_servers.insert("ns.other.test".into());
            },
            &["delegation/name-servers-differ"],
        ),
        ("no glue", |_, seen| parent(seen).glue.clear(), &["delegation/glue-missing"]),
        (
            "old glue",
            |_, seen| parent(seen).glue[0].1 = address("192.0.2.99"),
            &["delegation/glue-differs"],
        ),
        ("no signer", |_, seen| parent(seen).signers = Some(vec![]), &["delegation/ds-missing"]),
        ("signers not known", |_, seen| parent(seen).signers = None, &[]),
        (
            "another key",
            |_, seen| parent(seen).signers = Some(vec!["9 13 2 CD".into()]),
            &["delegation/ds-differs"],
        ),
        ("not signed", |declared, _| declared.signed = false, &["delegation/ds-unsigned"]),
        (
            "lame",
            |_, seen| seen.servers[0].udp = Said::Lame("REFUSED".into()),
            &["delegation/lame"],
        ),
        (
            "no TCP",
            |_, seen| seen.servers[0].tcp = Said::Nothing("it did not answer".into()),
            &["delegation/unreachable"],
        ),
        (
            "silent",
            |_, seen| {
                seen.servers[0].udp = Said::Nothing("it did not answer".into());
                seen.servers[0].tcp = Said::Nothing("it did not answer".into());
            },
            &["delegation/unreachable"],
        ),
        (
            "a secondary lags",
            |_, seen| {
                let mut other = seen.servers[0].clone();
                other.serial = Some(6);
                seen.servers.push(other);
            },
            &["delegation/serial-differs"],
        ),
        (
            "an old address",
            |_, seen| seen.resolved[0] = answered(Family::Ipv4, &["192.0.2.99"]),
            &["delegation/answer-differs"],
        ),
        (
            "no address",
            |_, seen| seen.resolved[0] = answered(Family::Ipv4, &[]),
            &["delegation/answer-differs"],
        ),
        (
            "a stale AAAA",
            |_, seen| seen.resolved[1] = answered(Family::Ipv6, &["2001:db8::99"]),
            &["delegation/stale-aaaa"],
        ),
        (
            "a resolver is silent",
            |_, seen| seen.resolved[0].addresses = Err("it did not answer in time".into()),
            &["delegation/resolver-not-known"],
        ),
    ];
    for (name, spoil, codes) in rows {
        let (mut declared, mut seen) = (declared(), seen());
        spoil(&mut declared, &mut seen);
        let found: Vec<&str> = judge(&declared, &seen).iter().map(|finding| finding.code).collect();
        assert_eq!(found, *codes, "{name}");
    }
}
