use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use super::*;

/// A World with a door on this port, or with none.
fn world(port: u16, enforced: &str) -> World {
    let text = format!(
        r#"
security_group "office" {{
  ingress {{
    ports = [{port}]
    from  = ["192.0.2.0/24"]
  }}
}}
load_balancer "edge" {{
  addresses       = ["127.0.0.1"]
  security_groups = [security_group.office]
  {enforced}
  listener "http" {{
    port = {port}
    default {{
      fixed_response {{ status = 200 }}
    }}
  }}
}}
"#
    );
    let sources = config::Sources::single("site.hcl", &text);
    let (model, findings) = config::parse(&sources, &config::RealEnvironment);
    let broken = findings.iter().any(|finding| finding.severity == model::Severity::Error);
    assert!(!broken, "{findings:?}");
    world::compile(model, 1)
}

#[test]
fn a_table_that_cannot_be_taken_away_is_in_force() {
    const ENFORCED: &str = "enforce = \"nftables\"";
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nft");
    // As nft, which comes and goes, as when its package is removed.
    let install = || {
        std::fs::write(&path, "#!/bin/sh\nexec cat >/dev/null\n").unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
    };
    let program = Program { paths: vec![path.clone()], limit: Duration::from_secs(60) };
    let mut firewall = Firewall::of_state(folder.path());
    firewall.program = program;
    let at = |port: u16| SocketAddr::from(([127, 0, 0, 1], port));
    let (first, second, none) = (world(80, ENFORCED), world(81, ENFORCED), world(80, ""));

    let missing = firewall.apply(&first);
    assert_eq!(missing, Err(NotApplied::Nothing(Failed::Missing)), "there was no table before");
    assert!(firewall.applied().is_empty());

    install();
    assert_eq!(firewall.apply(&first), Ok(()));
    assert!(firewall.guards(at(80)));

    std::fs::remove_file(&path).unwrap();
    for (name, next) in [("another", &second), ("the same", &first), ("one without doors", &none)] {
        let failed = firewall.apply(next).unwrap_err();
        assert_eq!(failed, NotApplied::Before(Failed::Missing), "{name}");
        let text = failed.to_string();
        assert!(text.contains("the table of the generation before is still in force"), "{text}");
        assert_eq!(firewall.applied(), &Ruleset::of(&first), "{name}");
        assert!(!firewall.guards(at(80)), "{name}: not those of today");
    }

    install();
    assert_eq!(firewall.apply(&second), Ok(()), "tried again");
    assert!(firewall.guards(at(81)) && !firewall.guards(at(80)));
    assert_eq!(firewall.apply(&none), Ok(()));
    assert!(firewall.applied().is_empty());
}
