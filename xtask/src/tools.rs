//! Programs of others that tests and benchmarks drive, and their Debian packages.

use std::process::{Command, Stdio};

use crate::failed::Failed;
use crate::shell;

/// A program and the package that brings it.
#[derive(Clone, Copy, Debug)]
pub struct Tool {
    pub program: &'static str,
    pub package: &'static str,
}

/// Real clients and servers that the tests speak with.
pub const FOR_TESTS: &[Tool] = &[
    Tool { program: "curl", package: "curl" },
    Tool { program: "openssl", package: "openssl" },
    Tool { program: "dig", package: "bind9-dnsutils" },
    Tool { program: "delv", package: "bind9-dnsutils" },
    Tool { program: "kdig", package: "knot-dnsutils" },
    Tool { program: "nsd", package: "nsd" },
    Tool { program: "nghttp", package: "nghttp2-client" },
    Tool { program: "wrk", package: "wrk" },
    Tool { program: "nft", package: "nftables" },
    Tool { program: "nginx", package: "nginx-light" },
    Tool { program: "certutil", package: "libnss3-tools" },
    Tool { program: "chromium", package: "chromium" },
    Tool { program: "update-ca-certificates", package: "ca-certificates" },
    Tool { program: "pebble", package: "pebble" },
];

/// The peers, the load generators, and what pins them to cores.
pub const FOR_BENCH: &[Tool] = &[
    Tool { program: "nginx", package: "nginx-light" },
    Tool { program: "haproxy", package: "haproxy" },
    Tool { program: "wrk", package: "wrk" },
    Tool { program: "openssl", package: "openssl" },
    Tool { program: "taskset", package: "util-linux" },
    Tool { program: "python3", package: "python3-venv" },
];

/// The name server that ours is held against, and who asks.
pub const FOR_BENCH_DNS: &[Tool] = &[
    Tool { program: "nsd", package: "nsd" },
    Tool { program: "dnsperf", package: "dnsperf" },
    Tool { program: "dig", package: "bind9-dnsutils" },
];

/// What limits a process, puts it into a namespace of its own, and moves its clock.
pub const FOR_CHAOS: &[Tool] = &[
    Tool { program: "setpriv", package: "util-linux" },
    Tool { program: "prlimit", package: "util-linux" },
    Tool { program: "unshare", package: "util-linux" },
    Tool { program: "faketime", package: "faketime" },
];

/// Who judges TLS, and the peer; sslyze is asked too if it is there, but Debian has no package of it.
pub const FOR_TLS_AUDIT: &[Tool] = &[
    Tool { program: "testssl", package: "testssl.sh" },
    Tool { program: "nginx", package: "nginx-light" },
];

/// Counts instructions.
pub const FOR_INSTRUCTIONS: &[Tool] = &[Tool { program: "valgrind", package: "valgrind" }];

/// Compiles libFuzzer.
pub const FOR_FUZZ: &[Tool] = &[Tool { program: "g++", package: "g++" }];

/// Installs what is missing where that is allowed, else says how.
pub fn provide(tools: &[Tool]) -> Result<(), Failed> {
    let missing = missing(tools, shell::is_there);
    if missing.is_empty() {
        return Ok(());
    }
    if rustix::process::geteuid().is_root() && shell::is_there("apt-get") {
        shell::run(apt_get().args(["update", "-q"]))?;
        let mut install = apt_get();
        install.args(["install", "-y", "-q", "--no-install-recommends"]);
        shell::run(install.args(missing.iter().map(|tool| tool.package)))?;
    }
    match self::missing(tools, shell::is_there) {
        still if still.is_empty() => Ok(()),
        still => Err(not_there(&still)),
    }
}

fn missing(tools: &[Tool], is_there: impl Fn(&str) -> bool) -> Vec<Tool> {
    tools.iter().filter(|tool| !is_there(tool.program)).copied().collect()
}

fn not_there(missing: &[Tool]) -> Failed {
    let programs: Vec<&str> = missing.iter().map(|tool| tool.program).collect();
    let packages: Vec<&str> = missing.iter().map(|tool| tool.package).collect();
    Failed::Missing {
        what: programs.join(", "),
        remedy: format!("sudo apt-get install -y --no-install-recommends {}", packages.join(" ")),
    }
}

fn apt_get() -> Command {
    let mut command = Command::new("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive").stdin(Stdio::null());
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named_with_its_package() {
        let missing = missing(FOR_TESTS, |program| program != "dig");
        let failed = not_there(&missing);
        assert_eq!(missing.len(), 1);
        assert_eq!(
            failed.to_string(),
            "dig is missing: sudo apt-get install -y --no-install-recommends bind9-dnsutils"
        );
    }
}
