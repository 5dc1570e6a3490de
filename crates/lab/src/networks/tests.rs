//! What is built of a configuration, without building it.

use std::net::IpAddr;

use config::{RealEnvironment, Sources};
use explain::Atlas;
use world::World;

use super::guard;
use super::hosts::{text, with_facts};
use super::node::Node;
use super::plan::{Plan, clients, plan};

pub fn world(text: &str) -> World {
    let sources = Sources::single("lab.hcl", text);
    let (model, findings) = config::parse(&sources, &RealEnvironment);
    let errors: Vec<_> = findings.iter().filter(|f| f.severity == model::Severity::Error).collect();
    assert!(errors.is_empty(), "{errors:?}");
    world::compile(model, 0)
}

fn node<'p>(plan: &'p Plan, name: &str) -> &'p Node {
    plan.nodes.iter().find(|node| node.name == name).unwrap_or_else(|| panic!("no node {name}"))
}

const SHOP: &str = r#"
network "office" { cidrs = ["10.0.0.0/8"] }
network "inner" { cidrs = ["10.9.0.0/16"] }
network "wifi" {
  cidrs   = ["192.168.50.0/24"]
  seen_as = ["198.51.100.20/32"]
}
network "lte" {
  cidrs   = ["192.168.60.0/24"]
  seen_as = ["198.51.100.20/32"]
}
load_balancer "shop" {
  addresses        = ["10.0.0.1", "10.0.0.10"]
  public_addresses = ["203.0.113.10"]
  scheme           = "internet-facing"
  security_groups  = [security_group.web]
  listener "http" {
    port = 80
    default { forward = target_group.app }
  }
}
security_group "web" {
  ingress {
    ports = [80]
    from  = [network.office]
  }
}
security_group "app" {
  ingress {
    ports = [8080]
    from  = [security_group.web]
  }
}
instance "web" {
  addresses       = ["10.0.1.5"]
  security_groups = [security_group.app]
}
instance "silent" {
  addresses = ["10.0.1.6"]
  serves    = []
}
target_group "app" {
  port    = 8080
  targets = [instance.web, "10.0.1.7:3000", "127.0.0.1:3001", "db.test:5000", "other.test:5000"]
}
record "db.test" { addresses = ["10.0.1.8"] }
record "shop.test" { alias = load_balancer.shop }
record "shop.test" {
  addresses  = ["10.0.0.10"]
  visible_to = [network.office]
}
"#;

#[test]
fn everybody_has_a_place() {
    let world = world(SHOP);
    let plan = plan(&world).unwrap();
    type Row = (&'static str, &'static [&'static str], &'static [&'static str], &'static [u16]);
    let rows: [Row; 9] = [
        ("edge", &["10.0.0.1", "10.0.0.10", "203.0.113.10"], &[], &[3001]),
        ("instance.web", &["10.0.1.5"], &[], &[8080]),
        ("instance.silent", &["10.0.1.6"], &[], &[]),
        ("target.10.0.1.7", &["10.0.1.7"], &[], &[3000]),
        ("target.10.0.1.8", &["10.0.1.8"], &[], &[5000]),
        // Neither the load balancer's nor of the network inside.
        ("office", &["10.0.0.2"], &[], &[]),
        ("inner", &["10.9.0.1"], &[], &[]),
        ("wifi", &["192.168.50.1"], &["198.51.100.20"], &[]),
        ("lte", &["192.168.60.1"], &["198.51.100.20"], &[]),
    ];
    for (name, addresses, seen_as, ports) in rows {
        let node = node(&plan, name);
        let words = |list: &[IpAddr]| list.iter().map(IpAddr::to_string).collect::<Vec<_>>();
        assert_eq!(words(&node.addresses), addresses, "addresses of {name}");
        assert_eq!(words(&node.seen_as), seen_as, "{name} seen as");
        let serves: Vec<u16> = node.applications.iter().map(|one| one.address.port()).collect();
        assert_eq!(serves, ports, "ports of {name}");
    }
    assert!(plan.notes.iter().any(|note| note.contains("`other.test`")), "{:?}", plan.notes);
    let (wifi, lte) = (node(&plan, "wifi"), node(&plan, "lte"));
    assert_eq!(wifi.home, lte.home, "answers to one address go to one place");
    let internet = node(&plan, "internet");
    assert_eq!(internet.addresses[0].to_string(), "192.0.2.7");
}

#[test]
fn names_are_what_the_network_sees() {
    let world = world(SHOP);
    let plan = plan(&world).unwrap();
    let rows = [
        ("office", "10.0.0.10 shop.test"),
        ("inner", "10.0.0.10 shop.test"),
        ("wifi", "203.0.113.10 shop.test"),
        ("internet", "203.0.113.10 shop.test"),
    ];
    for (name, line) in rows {
        let hosts = text(node(&plan, name));
        let lines: Vec<&str> = hosts.lines().filter(|line| line.contains("shop.test")).collect();
        assert_eq!(lines, [line], "{name}");
    }
}

#[test]
fn packets_leave_under_the_address_that_explain_expects() {
    let world = world(SHOP);
    let plan = plan(&world).unwrap();
    let rows = [
        ("wifi", true, "198.51.100.20"),
        ("wifi", false, "192.168.50.1"),
        ("office", true, "10.0.0.2"),
    ];
    for (name, global, expected) in rows {
        let source = node(&plan, name).source(true, global).map(|source| source.to_string());
        assert_eq!(source.as_deref(), Some(expected), "{name} {global}");
    }
}

#[test]
fn targets_know_the_load_balancer_by_its_own_address() {
    let world = world(SHOP);
    let plan = plan(&world).unwrap();
    let sources: Vec<String> =
        plan.nodes[0].sources.iter().map(|(to, from)| format!("{to} from {from}")).collect();
    assert_eq!(sources, ["10.0.1.5 from 10.0.0.1", "10.0.1.7 from 10.0.0.1"]);
}

#[test]
fn every_kind_of_asker_has_somebody_to_ask() {
    let world = world(&format!(
        "{SHOP}\nexpect \"it\" {{\n url = \"http://shop.test/\"\n works = [\"8.8.8.0/24\", anywhere]\n}}\n"
    ));
    let plan = plan(&world).unwrap();
    let atlas = Atlas::of(&world);
    let rows = [
        ("office", "office 10.0.0.2"),
        ("wifi", "wifi 192.168.50.1"),
        ("internet", "internet 192.0.2.7"),
        ("instance.web", "instance.web 10.0.1.5"),
        ("10.0.7.0/24", "office 10.0.7.1"),
        ("10.9.7.7", "inner 10.9.7.7"),
        ("8.8.8.0/24", "internet 8.8.8.8"),
    ];
    for (asker, expected) in rows {
        let asker = explain::parse_asker(&world.model, asker).unwrap();
        let found: Vec<String> = clients(&plan, &atlas, asker)
            .iter()
            .map(|client| format!("{} {}", plan.nodes[client.node].name, client.address))
            .collect();
        assert!(found.iter().any(|one| one == expected), "{asker:?}: {expected} in {found:?}");
        for client in clients(&plan, &atlas, asker) {
            let has = plan.nodes[client.node].has(client.address);
            assert!(has, "{asker:?}: {} is not in the lab", client.address);
        }
    }
}

#[test]
fn without_a_security_group_nothing_is_guarded() {
    let world = world(SHOP);
    assert!(matches!(guard::of_instance(&world, model::InstanceId(0)), Some(Ok(_))), "web");
    assert!(guard::of_instance(&world, model::InstanceId(1)).is_none(), "silent");
}

#[test]
fn a_client_without_the_family_of_a_name_is_not_asked() {
    let site = |expect: &str| {
        format!(
            r#"
network "office" {{ cidrs = ["10.1.0.0/16", "2001:db8:1::/64"] }}
network "six" {{ cidrs = ["2001:db8:6::/64"] }}
load_balancer "shop" {{
  addresses       = ["203.0.113.10"]
  security_groups = [security_group.web]
  listener "http" {{
    port = 80
    default {{
      fixed_response {{
        status = 200
      }}
    }}
  }}
}}
security_group "web" {{
  ingress {{
    ports = [80]
    from  = [network.office]
  }}
}}
record "shop.test" {{ alias = load_balancer.shop }}
expect "it" {{
  url = "http://shop.test/"
  {expect}
}}
"#
        )
    };
    let rows = [
        ("works = [network.office]", 0),
        ("denied = [internet]", 0),
        ("denied = [network.office]", 1),
        ("works = [internet]", 1),
        // Whether its gateway translates (NAT64) is not known, and what is not known never fails.
        ("works = [network.six]", 0),
        ("denied = [network.six]", 0),
    ];
    for (expect, violations) in rows {
        let world = world(&site(expect));
        let atlas = Atlas::of(&world);
        let found =
            with_facts(&world, |facts| explain::prove(&atlas, facts, &world.model.expectations[0]));
        assert_eq!(found.violations.len(), violations, "{expect}: {found:?}");
    }
}
