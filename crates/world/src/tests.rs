use model::{Change, GroupId, ListenerId, LoadBalancerId, Peer, SecurityGroupId};

use super::*;
use crate::lint::tests::good;

/// Whatever is kept of the World before is what would have been compiled anew.
#[test]
fn a_changed_world_is_the_changed_model_compiled() {
    let (listener, group, security) = (ListenerId(0), GroupId(0), SecurityGroupId(0));
    let nets = ["192.0.2.0/24", "2001:db8::/32"].map(|net| Peer::Cidr(net.parse().unwrap()));
    let [v4, v6] = nets;
    let rows = [
        Change::AdmitPeer { group: security, rule: 0, peer: v4.clone() },
        Change::AdmitPort { group: security, rule: 0, port: 8080 },
        Change::AddIngress { group: security, port: 443, peer: v6 },
        Change::AddEgress { group: security, port: 3000, peer: v4 },
        Change::AddPath { listener, rule: 0, value: "/new".into() },
        Change::AddHost { listener, rule: 0, value: "new.example".into() },
        Change::Weight { listener, rule: None, group, weight: 9 },
        Change::TargetPort { group, target: 0, port: 3001 },
        Change::HealthStatus { group, first: 300, last: 399 },
    ];
    let before = compile(good(), 7);
    for change in rows {
        let mut model = good();
        change.apply(&mut model);
        let (kept, anew) = (before.changed(&change), compile(model, 7));
        assert_eq!(format!("{kept:?}"), format!("{anew:?}"), "{change:?}");
        let carried = before.model[LoadBalancerId(0)].security_groups.contains(&security);
        assert!(carried, "{change:?}: otherwise nothing is compiled");
    }
}
