//! The second story: "502 Bad Gateway", and nobody knows whose.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use crate::client::{Seen, get, get_tls};
use crate::stage::{Failed, Stage};

const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

struct Ports {
    app: u16,
    front: u16,
    http: u16,
    https: u16,
}

/// An app, a front server in nginx's place, and the load balancer.
pub fn play(stage: &mut Stage) -> Result<(), Failed> {
    let ports = Ports {
        app: stage.free_port()?,
        front: stage.free_port()?,
        http: stage.free_port()?,
        https: stage.free_port()?,
    };
    let front = stage.write("front.hcl", &front_configuration(&ports))?;
    let public = stage.write("public.hcl", &public_configuration(&ports))?;

    println!("502 Bad Gateway: whose is it?\n");
    println!("   browser ──▶ load balancer ──▶ front server ──▶ app");
    println!(
        "               :{} :{}    :{}          :{}",
        ports.http, ports.https, ports.front, ports.app
    );

    stage.scene("Everything runs");
    stage.start_app("app", local(ports.app))?;
    stage.start_pointsman("front", &front)?;
    stage.start_pointsman("public", &public)?;
    await_target(stage, "front", "healthy")?;
    await_target(stage, "public", "healthy")?;
    let seen = get(HOME, local(ports.http), "localhost", "/");
    show(stage, &format!("http://localhost:{}/", ports.http), &seen);
    expect("the redirect", &seen, 301)?;
    ask(stage, &ports, 200)?;

    stage.scene("The machine was restarted, and nobody started the app again");
    stage.kill("app");
    ask(stage, &ports, 502)?;
    explain(stage, "public.log", "target/answered-502")?;
    stage
        .tell("The load balancer's target answered: the 502 is the front server's own, passed on.");
    explain(stage, "front.log", "target/refused")?;
    stage.tell(&format!("Behind it, the app: nothing listens on 127.0.0.1:{}.", ports.app));
    stage.tell("Remedy: start the app, and have it started at boot.");

    stage.scene("Now the front server is gone as well");
    stage.kill("front");
    await_target(stage, "public", "unhealthy")?;
    ask(stage, &ports, 502)?;
    explain(stage, "public.log", "target/refused")?;
    stage.tell("The same page, another cause: this 502 is the load balancer's own.");
    show_targets(stage, "public");
    stage.tell("No target is healthy, so it fails open: traffic goes to all of them.");

    stage.scene("Both are started again");
    stage.start_app("app", local(ports.app))?;
    stage.start_pointsman("front", &front)?;
    await_target(stage, "public", "healthy")?;
    await_target(stage, "front", "healthy")?;
    ask(stage, &ports, 200)?;
    show_targets(stage, "public");
    println!("\nThe end. Two outages, one page; the cause was in the log line each time.");
    Ok(())
}

fn local(port: u16) -> SocketAddr {
    SocketAddr::new(HOME, port)
}

fn front_configuration(ports: &Ports) -> String {
    format!(
        r#"load_balancer "front" {{
  scheme          = "internal"
  addresses       = ["127.0.0.1"]
  security_groups = [security_group.machine]
  access_log      = "front.log"

  listener "http" {{
    port = {front}

    default {{
      forward = target_group.app
    }}
  }}
}}

security_group "machine" {{
  ingress {{
    ports = [{front}]
    from  = ["127.0.0.0/8"]
  }}
}}

target_group "app" {{
  targets = ["127.0.0.1:{app}"]

  # The front server of the story knows nothing of its app's health.
  health_check {{
    path                = "/up"
    interval            = "1s"
    timeout             = "1s"
    healthy_threshold   = 2
    unhealthy_threshold = 2
  }}
}}
"#,
        front = ports.front,
        app = ports.app
    )
}

fn public_configuration(ports: &Ports) -> String {
    format!(
        r#"load_balancer "public" {{
  addresses       = ["127.0.0.1"]
  security_groups = [security_group.web]
  access_log      = "public.log"

  listener "http" {{
    port = {http}

    default {{
      redirect {{
        protocol = "HTTPS"
        port     = "{https}"
      }}
    }}
  }}

  listener "https" {{
    port         = {https}
    protocol     = "HTTPS"
    certificates = [certificate.localhost]

    default {{
      forward = target_group.front
    }}
  }}
}}

certificate "localhost" {{
  development = true
  names       = ["localhost", "127.0.0.1"]
}}

security_group "web" {{
  ingress {{
    ports = [{http}, {https}]
    from  = [anywhere]
  }}
}}

target_group "front" {{
  targets = ["127.0.0.1:{front}"]

  health_check {{
    path                = "/up"
    expect              = "200-499"
    interval            = "1s"
    timeout             = "1s"
    healthy_threshold   = 2
    unhealthy_threshold = 2
  }}
}}
"#,
        http = ports.http,
        https = ports.https,
        front = ports.front
    )
}

fn ask(stage: &Stage, ports: &Ports, expected: u16) -> Result<(), Failed> {
    let seen = get_tls(HOME, local(ports.https), "localhost", "/", &authority(stage));
    show(stage, &format!("https://localhost:{}/", ports.https), &seen);
    expect("the page", &seen, expected)
}

fn authority(stage: &Stage) -> PathBuf {
    tls::LocalAuthority::certificate_below(&stage.file("public.state"))
}

fn show(stage: &Stage, url: &str, seen: &Seen) {
    stage.tell(&format!("$ curl {url}"));
    stage.tell(&format!("  {seen}"));
}

fn expect(asked: &str, seen: &Seen, status: u16) -> Result<(), Failed> {
    if seen.status() == Some(status) {
        return Ok(());
    }
    Err(Failed::Unexpected {
        asked: asked.into(),
        expected: status.to_string(),
        seen: seen.to_string(),
    })
}

/// Shows the log line with its cause.
fn explain(stage: &Stage, log: &str, cause: &str) -> Result<(), Failed> {
    let line = stage.log_line(log, cause)?;
    let target = line.split(' ').nth(4).unwrap_or("-");
    stage.tell(&format!("{log}: target {target} — cause {cause}"));
    Ok(())
}

fn await_target(stage: &Stage, part: &str, state: &str) -> Result<(), Failed> {
    stage.until(&format!("{part}: target {state}"), || {
        let status = stage.status(part)?;
        let target = status["target_groups"].get(0)?["targets"].get(0)?;
        (target["state"] == state).then_some(())
    })
}

fn show_targets(stage: &Stage, part: &str) {
    let Some(status) = stage.status(part) else { return };
    for group in status["target_groups"].as_array().into_iter().flatten() {
        for target in group["targets"].as_array().into_iter().flatten() {
            let text = |name: &str| target[name].as_str().unwrap_or("").to_owned();
            stage.tell(&format!(
                "status: target_group.{} {} {} {} {}",
                group["name"].as_str().unwrap_or(""),
                text("target"),
                text("state"),
                text("reason"),
                text("description"),
            ));
        }
    }
}
