//! Who may connect (ALB.md §9): allow rules only, all groups united, refused by default.

use std::net::IpAddr;

use model::{AddressSet, Place, Ports, Refusal};

use crate::Witness;

/// One ingress or egress rule with its peers resolved to addresses.
#[derive(Clone, Debug)]
pub struct AdmissionRule {
    /// The security group that owns it.
    pub group: String,
    pub ports: Ports,
    pub peers: AddressSet,
    pub place: Place,
}

/// The united rules of every security group of one interface, in the order they were written.
#[derive(Clone, Debug, Default)]
pub struct Admission {
    /// No security group was declared: everybody is admitted.
    pub open: bool,
    pub rules: Vec<AdmissionRule>,
}

#[derive(Clone, Copy, Debug)]
pub enum Note<'a> {
    NoGroups,
    Admits(&'a AdmissionRule),
    OtherPort(&'a AdmissionRule),
    OtherPeer(&'a AdmissionRule),
}

/// Whether `peer` may reach `port` (or, for egress, may be reached on it).
pub fn admit<W: Witness>(
    admission: &Admission,
    peer: IpAddr,
    port: u16,
    witness: &mut W,
) -> Result<(), Refusal> {
    if admission.open {
        witness.note(crate::Note::Admit(Note::NoGroups));
        return Ok(());
    }
    admit_among(&admission.rules, peer, port, witness)
}

/// As [`admit`], for those rules that an index has left over: a superset of the ones that admit
/// (DECISIONS 1).
pub fn admit_among<'r, W: Witness>(
    rules: impl IntoIterator<Item = &'r AdmissionRule>,
    peer: IpAddr,
    port: u16,
    witness: &mut W,
) -> Result<(), Refusal> {
    let mut admitted = false;
    for rule in rules {
        let note = if !rule.ports.contains(port) {
            Note::OtherPort(rule)
        } else if !rule.peers.contains(peer) {
            Note::OtherPeer(rule)
        } else {
            admitted = true;
            Note::Admits(rule)
        };
        witness.note(crate::Note::Admit(note));
        if admitted && !W::THOROUGH {
            break;
        }
    }
    if admitted { Ok(()) } else { Err(Refusal::AdmitNoRule) }
}

/// Everybody who is admitted on `port`: what a kernel filter has to let through.
pub fn admitted_set(admission: &Admission, port: u16) -> AddressSet {
    if admission.open {
        return AddressSet::everything();
    }
    let rules = admission.rules.iter().filter(|rule| rule.ports.contains(port));
    rules.map(|rule| &rule.peers).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::PortRange;

    fn admission(rules: &[(&[u16], &[&str])]) -> Admission {
        let rules = rules
            .iter()
            .map(|(ports, nets)| AdmissionRule {
                group: "web".into(),
                ports: Ports(ports.iter().map(|p| PortRange { first: *p, last: *p }).collect()),
                peers: nets.iter().map(|n| n.parse::<ipnet::IpNet>().unwrap()).collect(),
                place: Place::described("test"),
            })
            .collect();
        Admission { open: false, rules }
    }

    #[test]
    fn allow_rules_are_united_and_the_default_is_no() {
        let a = admission(&[(&[80], &["10.0.0.0/8"]), (&[443, 80], &["192.0.2.0/24", "::/0"])]);
        let rows = [
            ("10.1.2.3", 80, true),
            ("10.1.2.3", 443, false),
            ("192.0.2.9", 443, true),
            ("::1", 443, true),
            ("8.8.8.8", 80, false),
        ];
        for (source, port, expected) in rows {
            let peer = source.parse().unwrap();
            assert_eq!(admit(&a, peer, port, &mut ()).is_ok(), expected, "{source} {port}");
            assert_eq!(admitted_set(&a, port).contains(peer), expected, "set {source} {port}");
        }
        assert_eq!(
            admit(&Admission::default(), "::1".parse().unwrap(), 1, &mut ()),
            Err(Refusal::AdmitNoRule)
        );
        let open = Admission { open: true, rules: Vec::new() };
        assert_eq!(admit(&open, "::1".parse().unwrap(), 1, &mut ()), Ok(()));
    }
}
