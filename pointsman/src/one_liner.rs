//! `pointsman run :3000`: a configuration made from a command line. It is ordinary configuration
//! text, so nothing about it is special further on.

use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::arguments::RunArguments;

const HTTP_PORT: u16 = 8000;
const HTTPS_PORT: u16 = 8443;

/// An application to be put behind a load balancer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Application {
    pub host: String,
    pub port: u16,
}

/// The configuration, and what to tell the person.
#[derive(Debug)]
pub struct OneLiner {
    pub text: String,
    pub banner: String,
}

/// `:3000`, `localhost:3000`, `[::1]:3000`; anything else is a path.
pub fn application(what: &str) -> Option<Application> {
    let (host, port) = what.rsplit_once(':')?;
    let port = port.parse().ok().filter(|port| *port > 0)?;
    if host.contains('/') {
        return None;
    }
    let host = if host.is_empty() { "localhost" } else { host };
    Some(Application { host: host.to_owned(), port })
}

pub fn configuration(
    application: &Application,
    arguments: &RunArguments,
) -> Result<OneLiner, String> {
    let addresses = addresses(arguments.listen);
    let mut taken = vec![application.port];
    let http = choose_port(arguments.http, HTTP_PORT, "--http", &addresses, &mut taken)?;
    let https = match arguments.plain {
        true => None,
        false => Some(choose_port(arguments.https, HTTPS_PORT, "--https", &addresses, &mut taken)?),
    };
    let target = format!("{}:{}", application.host, application.port);
    Ok(OneLiner {
        text: text(&target, &addresses, http, https),
        banner: banner(&target, arguments.listen, http, https),
    })
}

fn addresses(listen: Option<IpAddr>) -> Vec<IpAddr> {
    match listen {
        None => vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()],
        Some(address) => vec![address],
    }
    .into_iter()
    .filter(|address| {
        address.is_ipv4() || port_is_free(SocketAddr::new(*address, 0)) || listen.is_some()
    })
    .collect()
}

/// A port that was asked for must be free; a default gives way to the next free one.
fn choose_port(
    asked: Option<u16>,
    default: u16,
    flag: &str,
    addresses: &[IpAddr],
    taken: &mut Vec<u16>,
) -> Result<u16, String> {
    let free = |port: u16| addresses.iter().all(|a| port_is_free(SocketAddr::new(*a, port)));
    let port = match asked {
        Some(0) => return Err(format!("`{flag} 0` is not a port: give one from 1 to 65535")),
        Some(port) if taken.contains(&port) => {
            return Err(format!("`{flag} {port}` is the application's own port: choose another"));
        }
        // Whether it is free is said, with the remedy, when it is bound.
        Some(port) => port,
        None => (default..=u16::MAX)
            .find(|port| !taken.contains(port) && free(*port))
            .ok_or_else(|| format!("no port from {default} on is free: name one with `{flag}`"))?,
    };
    taken.push(port);
    Ok(port)
}

fn port_is_free(address: SocketAddr) -> bool {
    net::listen::is_free(address)
}

fn text(target: &str, addresses: &[IpAddr], http: u16, https: Option<u16>) -> String {
    let list: Vec<String> = addresses.iter().map(|address| format!("\"{address}\"")).collect();
    let mut out = String::new();
    let ports = https.map_or(http.to_string(), |https| format!("{http}, {https}"));
    let _ = write!(
        out,
        r#"load_balancer "local" {{
  addresses       = [{}]
  security_groups = [security_group.everybody]

  listener "http" {{
    port = {http}
{}
  }}
"#,
        list.join(", "),
        match https {
            Some(https) => format!(
                "\n    default {{\n      redirect {{\n        protocol = \"HTTPS\"\n        port     = \"{https}\"\n      }}\n    }}"
            ),
            None => "\n    default {\n      forward = target_group.app\n    }".to_owned(),
        }
    );
    if let Some(https) = https {
        let _ = write!(
            out,
            r#"
  listener "https" {{
    port         = {https}
    protocol     = "HTTPS"
    certificates = [certificate.local]

    default {{
      forward = target_group.app
    }}
  }}
"#
        );
    }
    let _ = write!(
        out,
        r#"}}

security_group "everybody" {{
  ingress {{
    ports = [{ports}]
    from  = [anywhere]
  }}
}}

target_group "app" {{
  targets = ["{target}"]

  health_check {{
    protocol            = "TCP"
    interval            = "2s"
    timeout             = "1s"
    healthy_threshold   = 2
    unhealthy_threshold = 2
  }}
}}
"#
    );
    if https.is_some() {
        let mut names = vec!["\"localhost\"".to_owned(), "\"*.localhost\"".to_owned()];
        names.extend(list);
        let _ = write!(
            out,
            "\ncertificate \"local\" {{\n  development = true\n  names       = [{}]\n}}\n",
            names.join(", ")
        );
    }
    out
}

fn banner(target: &str, listen: Option<IpAddr>, http: u16, https: Option<u16>) -> String {
    let host = match listen {
        None => "localhost".to_owned(),
        Some(IpAddr::V6(address)) => format!("[{address}]"),
        Some(address) => address.to_string(),
    };
    match https {
        Some(https) => {
            format!("https://{host}:{https} → {target}\nhttp://{host}:{http} redirects to it")
        }
        None => format!("http://{host}:{http} → {target}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_an_application() {
        let app = |host: &str, port| Some(Application { host: host.into(), port });
        let rows = [
            (":3000", app("localhost", 3000)),
            ("127.0.0.1:9000", app("127.0.0.1", 9000)),
            ("[::1]:9000", app("[::1]", 9000)),
            ("app.internal:80", app("app.internal", 80)),
            ("site.hcl", None),
            ("./a:1", None),
            (":0", None),
            (":99999", None),
            ("-", None),
        ];
        for (what, expected) in rows {
            assert_eq!(application(what), expected, "{what}");
        }
    }
}
