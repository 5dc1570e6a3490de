//! The security groups of instances, in the kernel of their namespace: policy rules that decide
//! before any route whether a connection arrives. What is not admitted is silence.

use std::io;
use std::net::IpAddr;

use model::InstanceId;
use net::netlink::{Family, Netlink, Prefix, Rule, Table, Then};
use world::World;

/// More rules would slow every packet down: they are looked at one after the other.
pub const RULES_MAX: usize = 4096;

/// Ports from here on are for connections that a place makes itself, whose answers always arrive.
/// Nothing is filtered on them.
pub const OWN_PORTS: u16 = 61000;

const ADMITTED: u32 = 100;
const REFUSED: u32 = 200;
const EVERYBODY: u32 = 300;

/// Who may connect to which ports.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Guard {
    admitted: Vec<(Prefix, (u16, u16))>,
}

/// What is enforced on an instance; `None` if it has no security group.
pub fn of_instance(world: &World, id: InstanceId) -> Option<Result<Guard, String>> {
    let admission = world.ingress_of_instance(id);
    if admission.open {
        return None;
    }
    let mut admitted = Vec::new();
    for rule in &admission.rules {
        for net in explain::prefixes(&rule.peers) {
            for ports in &rule.ports.0 {
                // The kernel's rules know no port 0, and no range to the last one.
                let range = (ports.first.max(1), ports.last.min(OWN_PORTS - 1));
                admitted.push(((net.addr(), net.prefix_len()), range));
            }
        }
    }
    admitted.retain(|(_, (first, last))| first <= last);
    admitted.sort_unstable();
    admitted.dedup();
    Some(match admitted.len() <= RULES_MAX {
        true => Ok(Guard { admitted }),
        false => Err(format!(
            "the security groups of instance.{} take {} rules, and the lab enforces at most {RULES_MAX}",
            world.model[id].name,
            admitted.len()
        )),
    })
}

impl Guard {
    /// In the namespace of the connection, for packets that come in by `interface`.
    pub fn enforce(&self, netlink: &mut Netlink, interface: &str, ipv6: bool) -> io::Result<()> {
        let families: &[Family] = if ipv6 { &[Family::V4, Family::V6] } else { &[Family::V4] };
        for family in families {
            let rule = |priority, then| Rule {
                priority,
                family: *family,
                input: None,
                source: None,
                destination: None,
                tcp_ports: None,
                then,
            };
            let local = Then::Table(Table::Local);
            netlink.add_rule(&rule(EVERYBODY, local))?;
            for (source, ports) in self.admitted.iter().filter(|(s, _)| is_of(s.0, *family)) {
                netlink.add_rule(&Rule {
                    source: Some(*source),
                    tcp_ports: Some(*ports),
                    input: Some(interface),
                    ..rule(ADMITTED, local)
                })?;
            }
            netlink.add_rule(&Rule {
                tcp_ports: Some((1, OWN_PORTS - 1)),
                input: Some(interface),
                ..rule(REFUSED, Then::Drop)
            })?;
            // It would let everybody in before anything else is asked.
            netlink.remove_rule(&rule(0, local))?;
        }
        Ok(())
    }
}

fn is_of(address: IpAddr, family: Family) -> bool {
    Family::of(address) == family
}
