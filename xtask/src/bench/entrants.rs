//! Who is measured, with which configuration.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use super::many;
use crate::failed::Failed;
use crate::tree;

pub const OURS: &str = "pointsman";
/// Ours with the same configuration but 10 or 10,000 rules.
pub const TEN_RULES: &str = "10 rules";
pub const MANY_RULES: &str = "10,000 rules";
/// Ours with 10,000 rules and 1,000 certificates, free to use every core.
pub const MANY_OF_ALL: &str = "pointsman with 10,000 rules and 1,000 certificates";
pub const NGINX: &str = "nginx";
pub const HAPROXY: &str = "haproxy";
pub const SPLICING: &str = "haproxy-splice";
pub const ENVOY: &str = "envoy";

/// A proxy that is measured, with ports of its own.
#[derive(Clone, Debug)]
pub struct Peer {
    pub name: &'static str,
    pub http_port: u16,
    pub https_port: u16,
    pub program: PathBuf,
    pub arguments: Vec<String>,
    pub configuration: PathBuf,
    pub placement: Placement,
    pub access_log: PathBuf,
    pub output: PathBuf,
}

impl Peer {
    pub fn logged_lines(&self) -> Result<u64, Failed> {
        let file = File::open(&self.access_log).map_err(Failed::file(&self.access_log))?;
        Ok(BufReader::with_capacity(1 << 20, file).split(b'\n').map_while(Result::ok).count()
            as u64)
    }
}

/// Where a proxy runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// Alone on the proxy's core, at real-time priority where that is allowed.
    OwnCore,
    /// As a user would start it.
    AnyCore,
}

/// A word of a template, and what makes the text for it in a working folder.
type Marker = (&'static str, fn(&Path) -> String);

/// A program beside its configuration in `xtask/bench`, and how it is started with it.
pub struct Entrant {
    pub name: &'static str,
    program: &'static str,
    template: &'static str,
    arguments: &'static [&'static str],
    /// What stands for markers in the template.
    markers: &'static [Marker],
    placement: Placement,
    /// In the working folder. HAProxy logs to its standard output.
    access_log: &'static str,
}

const RUN: &[&str] = &["run", "@CONFIGURATION@", "--cores", "1", "--state", "@WORK@/@NAME@.state"];
const HAPROXY_RUN: &[&str] = &["-f", "@CONFIGURATION@"];

pub const ENTRANTS: [Entrant; 8] = [
    Entrant {
        name: OURS,
        program: OURS,
        template: "pointsman.hcl",
        arguments: RUN,
        markers: &[],
        placement: Placement::OwnCore,
        access_log: "pointsman.access",
    },
    Entrant {
        name: NGINX,
        program: "nginx",
        template: "nginx.conf",
        arguments: &["-e", "@WORK@/nginx.error", "-c", "@CONFIGURATION@"],
        markers: &[],
        placement: Placement::OwnCore,
        access_log: "nginx.access",
    },
    Entrant {
        name: HAPROXY,
        program: "haproxy",
        template: "haproxy.conf",
        arguments: HAPROXY_RUN,
        markers: &[("@SPLICE@", |_| String::new())],
        placement: Placement::OwnCore,
        access_log: "haproxy.output",
    },
    Entrant {
        name: SPLICING,
        program: "haproxy",
        template: "haproxy.conf",
        arguments: HAPROXY_RUN,
        markers: &[("@SPLICE@", |_| "option splice-response".to_owned())],
        placement: Placement::OwnCore,
        access_log: "haproxy-splice.output",
    },
    Entrant {
        name: ENVOY,
        program: "envoy",
        template: "envoy.yaml",
        arguments: &[
            "-c",
            "@CONFIGURATION@",
            "--concurrency",
            "1",
            "-l",
            "error",
            "--file-flush-interval-msec",
            "500",
        ],
        markers: &[("@ROUTES@", |_| many::envoy_routes(20))],
        placement: Placement::OwnCore,
        access_log: "envoy.access",
    },
    Entrant {
        name: TEN_RULES,
        program: OURS,
        template: "many.hcl",
        arguments: RUN,
        markers: &[("@RULES@", |_| many::rules(10))],
        placement: Placement::OwnCore,
        access_log: "10 rules.access",
    },
    Entrant {
        name: MANY_RULES,
        program: OURS,
        template: "many.hcl",
        arguments: RUN,
        markers: &[("@RULES@", |_| many::rules(10_000))],
        placement: Placement::OwnCore,
        access_log: "10,000 rules.access",
    },
    Entrant {
        name: MANY_OF_ALL,
        program: OURS,
        template: "reload.hcl",
        arguments: RUN,
        markers: &[
            ("@RULES@", |_| many::rules(10_000)),
            ("@CERTIFICATES@", many::certificates),
            ("@CERTIFICATE_NAMES@", |_| many::certificate_names()),
        ],
        placement: Placement::AnyCore,
        access_log: "reload.access",
    },
];

/// Writes the configuration of an entrant with its ports and paths.
pub fn enter(entrant: &Entrant, folder: &Path, origin: u16, ports: &[u16]) -> Result<Peer, Failed> {
    let root = tree::root();
    let (http_port, https_port) = match ports {
        [http, https] => (*http, *https),
        _ => return Err(Failed::Unexpected(format!("{} wants two ports", entrant.name))),
    };
    let template = root.join("xtask/bench").join(entrant.template);
    let extension = Path::new(entrant.template).extension().unwrap_or_default();
    let name = entrant.name.replace([' ', ','], "-");
    let configuration = folder.join(&name).with_extension(extension);
    let fill = |text: &str| {
        text.replace("@CONFIGURATION@", &configuration.to_string_lossy())
            .replace("@WORK@", &folder.to_string_lossy())
            .replace("@NAME@", &name)
            .replace("@LOG@", &folder.join(entrant.access_log).to_string_lossy())
            .replace("@HTTP@", &http_port.to_string())
            .replace("@HTTPS@", &https_port.to_string())
            .replace("@ORIGIN@", &origin.to_string())
    };
    let text = fs::read_to_string(&template).map_err(Failed::file(&template))?;
    let text = entrant
        .markers
        .iter()
        .fold(text, |text, (marker, makes)| text.replace(marker, &makes(folder)));
    fs::write(&configuration, fill(&text)).map_err(Failed::file(&configuration))?;
    let program = match entrant.program {
        OURS => tree::program(entrant.program),
        ENVOY => super::envoy::program(folder),
        _ => PathBuf::from(entrant.program),
    };
    Ok(Peer {
        name: entrant.name,
        http_port,
        https_port,
        program,
        arguments: entrant.arguments.iter().map(|argument| fill(argument)).collect(),
        configuration,
        placement: entrant.placement,
        access_log: folder.join(entrant.access_log),
        output: folder.join(format!("{}.output", entrant.name)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configurations_are_filled_in_and_ask_for_equal_work() {
        let folder = tempfile::tempdir().unwrap();
        for entrant in &ENTRANTS {
            let peer = enter(entrant, folder.path(), 1111, &[2222, 3333]).unwrap();
            let text = fs::read_to_string(&peer.configuration).unwrap();
            let left = text
                .lines()
                .chain(peer.arguments.iter().map(String::as_str))
                .find(|line| line.contains('@') && !line.contains("\"@type\""));
            assert_eq!(left, None, "{}", peer.name);
            for part in ["1111", "2222", "3333", "127.0.0.0", "r01/"] {
                assert!(text.contains(part), "{} has no {part}", peer.name);
            }
        }
    }

    #[test]
    fn lines_of_a_log_are_counted() {
        let folder = tempfile::tempdir().unwrap();
        let mut peer = enter(&ENTRANTS[0], folder.path(), 1, &[2, 3]).unwrap();
        peer.access_log = folder.path().join("log");
        fs::write(&peer.access_log, "a\nb\nc\n").unwrap();
        assert_eq!(peer.logged_lines().unwrap(), 3);
    }
}
