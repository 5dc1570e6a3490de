//! The first story: it works on every PC in the office and on no phone.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::client::{Seen, get};
use crate::stage::{Failed, Stage};

/// Networks of the story; any address of 127/8 may be a client's.
const NETWORKS: [(&str, Ipv4Addr); 4] = [
    ("office", Ipv4Addr::new(127, 10, 0, 7)),
    ("guest-wifi", Ipv4Addr::new(127, 20, 0, 7)),
    ("lte", Ipv4Addr::new(127, 30, 0, 7)),
    ("inside", Ipv4Addr::new(127, 40, 0, 7)),
];

/// One shop behind a public and an internal load balancer.
pub fn play(stage: &mut Stage) -> Result<(), Failed> {
    let (app, public, internal) = (stage.free_port()?, stage.free_port()?, stage.free_port()?);
    let configuration =
        stage.write("shop.hcl", &shop(app, public, internal, "[network.office]"))?;

    println!("\"It works on my machine.\"\n");
    println!("   browser ─────────────▶ public load balancer :{public} ──┐");
    println!("   server-side render ──▶ internal load balancer :{internal} ──┴─▶ shop :{app}");
    if stage.setting.private_network {
        stage.tell("In a network namespace of its own: the kernel drops what is not admitted.");
    } else {
        stage.tell(
            "Without a network namespace of its own a refused client connects and then hears",
        );
        stage.tell("nothing; with one, as in the cloud, its connection attempt times out.");
    }

    stage.scene("The shop opens");
    stage.start_app("shop", SocketAddr::from((Ipv4Addr::LOCALHOST, app)))?;
    stage.start_pointsman("edge", &configuration)?;
    let internal_address = SocketAddr::from((Ipv4Addr::LOCALHOST, internal));
    let public_address = SocketAddr::from((Ipv4Addr::LOCALHOST, public));
    let first = ask(stage, "inside", internal_address, "/products?page=1");
    expect(&first, "inside", true)?;
    stage.tell("The first ten products are fetched by the server, inside: everybody sees them.");

    stage.scene("Scrolling: the next ten are fetched by the browser");
    for (network, admitted) in [("office", true), ("guest-wifi", false), ("lte", false)] {
        let seen = ask(stage, network, public_address, "/products?page=2");
        expect(&seen, network, admitted)?;
    }

    stage.scene("Why");
    stage.tell("The access log knows nothing of the phones: no request ever reached the listener.");
    let status = stage.until("edge", || stage.status("edge"))?;
    for listener in status["listeners"].as_array().into_iter().flatten() {
        stage.tell(&format!(
            "status: {}.{} {} admission by {}",
            listener["load_balancer"].as_str().unwrap_or(""),
            listener["name"].as_str().unwrap_or(""),
            listener["address"].as_str().unwrap_or(""),
            listener["admission"].as_str().unwrap_or(""),
        ));
    }
    stage.tell("shop.hcl: security_group \"web\" admits network.office only (admit/no-rule).");

    stage.scene("The smallest change that mends it, and a reload");
    stage.tell("-    from  = [network.office]");
    stage.tell("+    from  = [anywhere]");
    stage.write("shop.hcl", &shop(app, public, internal, "[anywhere]"))?;
    stage.reload("edge")?;
    for network in ["office", "guest-wifi", "lte"] {
        let seen = ask(stage, network, public_address, "/products?page=2");
        expect(&seen, network, true)?;
    }
    println!("\nThe end. Nothing but one security group stood between the phones and the shop.");
    Ok(())
}

fn ask(stage: &Stage, network: &str, to: SocketAddr, path: &str) -> Seen {
    let source = NETWORKS.iter().find(|(name, _)| *name == network).map(|(_, address)| *address);
    let seen = get(IpAddr::V4(source.unwrap_or(Ipv4Addr::LOCALHOST)), to, "shop.example", path);
    stage.tell(&format!("{network:>10}  GET {path} on port {}  →  {seen}", to.port()));
    seen
}

fn expect(seen: &Seen, network: &str, admitted: bool) -> Result<(), Failed> {
    let as_told = if admitted { seen.status() == Some(200) } else { seen.hangs() };
    if as_told {
        return Ok(());
    }
    let expected = if admitted { "200" } else { "no answer at all" };
    Err(Failed::Unexpected {
        asked: network.into(),
        expected: expected.into(),
        seen: seen.to_string(),
    })
}

fn shop(app: u16, public: u16, internal: u16, admitted: &str) -> String {
    format!(
        r#"network "office" {{
  cidrs = ["127.10.0.0/16"]
}}

network "guest-wifi" {{
  cidrs = ["127.20.0.0/16"]
}}

network "lte" {{
  cidrs = ["127.30.0.0/16"]
}}

network "inside" {{
  cidrs = ["127.40.0.0/16"]
}}

security_group "web" {{
  ingress {{
    ports = [{public}]
    from  = {admitted}
  }}
}}

security_group "vpc" {{
  ingress {{
    ports = [{internal}]
    from  = [network.inside]
  }}
}}

load_balancer "public" {{
  addresses       = ["127.0.0.1"]
  security_groups = [security_group.web]
  access_log      = "public.log"

  listener "shop" {{
    port = {public}

    default {{
      forward = target_group.shop
    }}
  }}
}}

load_balancer "internal" {{
  scheme          = "internal"
  addresses       = ["127.0.0.1"]
  security_groups = [security_group.vpc]
  access_log      = "internal.log"

  listener "shop" {{
    port = {internal}

    default {{
      forward = target_group.shop
    }}
  }}
}}

target_group "shop" {{
  targets = ["127.0.0.1:{app}"]

  health_check {{
    path     = "/up"
    interval = "1s"
    timeout  = "1s"
  }}
}}
"#
    )
}
