use config::{RealEnvironment, Sources};

use super::*;

const SITE: &str = r#"
load_balancer "edge" {
  addresses = ["127.0.0.1"]
  listener "http" {
    port = 80
    default { forward = target_group.app }
  }
}
instance "web" { addresses = ["10.0.0.1"] }
target_group "app" {
  targets = ["instance.web:8080"]
  health_check {
    path = "/health"
  }
}
"#;

fn model(text: &str) -> Model {
    let (model, findings) = config::parse(&Sources::single("site.hcl", text), &RealEnvironment);
    let broken = findings.iter().any(|finding| finding.severity == model::Severity::Error);
    assert!(!broken, "{findings:?}");
    model
}

#[test]
fn what_a_check_saw_does_not_outlive_the_check() {
    const USED: GroupUse = GroupUse::InUse;
    let path = "    path = \"/health\"\n";
    let rows = [
        ("nothing changed", "", "", USED, true),
        ("moved within the file", "\nload_balancer", "\n\n\nload_balancer", USED, true),
        ("asks more often", path, "    path = \"/health\"\n    interval = \"7s\"\n", USED, true),
        ("another path", "/health", "/ping", USED, false),
        ("another port", path, "    path = \"/health\"\n    port = 81\n", USED, false),
        ("another protocol", path, "    protocol = \"TCP\"\n", USED, false),
        ("another host", path, "    path = \"/health\"\n    host = \"a.example\"\n", USED, false),
        ("other statuses", path, "    path = \"/health\"\n    expect = \"200-299\"\n", USED, false),
        ("switched off", path, "    enabled = false\n", USED, false),
        ("no listener uses it", "", "", GroupUse::NotInUse, false),
        ("another machine", "10.0.0.1", "10.0.0.2", USED, false),
        ("not registered", "instance.web:8080", "instance.web:8081", USED, false),
    ];
    for (name, from, to, in_use, stays) in rows {
        let mut random = Random::seeded_from_os();
        let (before, after) = (model(SITE), model(&SITE.replacen(from, to, 1)));
        let declared = &before.target_groups[0];
        let mut group = Group::new(declared, USED, Duration::ZERO);
        group.handle_declaration(declared, USED, &before, Duration::ZERO, &mut random);
        let key = target_key("app", &declared.targets[0]);
        group.targets.get_mut(&key).unwrap().probed = Some((ProbeResult::Refused, 1));
        let now = Duration::from_secs(1);
        group.handle_declaration(&after.target_groups[0], in_use, &after, now, &mut random);
        assert_eq!(group.targets[&key].probed.is_some(), stays, "{name}");
    }
}
