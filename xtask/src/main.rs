//! What CI and contributors run: `cargo xtask VERB`.
//!
//! This program must not use any room of the workspace: it judges them. Every law it enforces has a
//! test beside it that shows that the law can fail. Start at [`VERBS`].

mod arrows;
mod bench;
mod chaos;
mod examples;
mod failed;
mod fuzz;
mod instructions;
mod law;
mod rust_source;
mod shell;
mod test;
mod tidy;
mod tls_audit;
mod tools;
mod tree;

use std::process::ExitCode;

use failed::Failed;

/// A verb of the command line.
struct Verb {
    name: &'static str,
    usage: &'static str,
    summary: &'static str,
    carry_out: fn(&[String]) -> Result<(), Failed>,
}

const VERBS: &[Verb] = &[
    Verb {
        name: "test",
        usage: "",
        summary: "everything: installs the tools that tests drive, builds, runs all tests in full",
        carry_out: test::full,
    },
    Verb {
        name: "quick",
        usage: "",
        summary: "before a commit: layout, clippy, arrows, tidy and the tests of the libraries",
        carry_out: test::quick,
    },
    Verb {
        name: "arrows",
        usage: "[--table]",
        summary: "who may use whom, and what the pure rooms may not name",
        carry_out: arrows::carry_out,
    },
    Verb {
        name: "tidy",
        usage: "[--ratchet]",
        summary: "sizes of files, marks of unfinished work, broken links, machine paths",
        carry_out: tidy::carry_out,
    },
    Verb {
        name: "examples",
        usage: "",
        summary: "`pointsman check` on every whole configuration that the documents show",
        carry_out: examples::carry_out,
    },
    Verb {
        name: "bench",
        usage: "[--json FILE] [--only CASE,..] [--proxies NAME,..] [--reps N] [--secs N]",
        summary: "ours beside nginx, HAProxy and Envoy on this machine, in interleaved runs",
        carry_out: bench::carry_out,
    },
    Verb {
        name: "bench-dns",
        usage: "",
        summary: "our name server beside NSD: the same zones, asked by dnsperf",
        carry_out: bench::names::carry_out,
    },
    Verb {
        name: "bench-explain",
        usage: "",
        summary: "what explain, who and check take on 10,000 rules and 100,000 prefixes",
        carry_out: bench_explain,
    },
    Verb {
        name: "instructions",
        usage: "[--agree]",
        summary: "instructions a decision takes, held against xtask/instructions.txt",
        carry_out: instructions::carry_out,
    },
    Verb {
        name: "law",
        usage: "[--pairs N] [--seed S]",
        summary: "random worlds and clients: what `explain` foretells is what a real client sees",
        carry_out: law::carry_out,
    },
    Verb {
        name: "fuzz",
        usage: "[--seconds N] [--only TARGET,..] [--jobs N]",
        summary: "searches for bytes that break a law of the parsers; keeps what it finds",
        carry_out: fuzz::carry_out,
    },
    Verb {
        name: "chaos",
        usage: "[--only CASE,..] [--seconds N] [--json FILE]",
        summary: "what becomes of requests while targets, the disk, the clock and we ourselves fail",
        carry_out: chaos::carry_out,
    },
    Verb {
        name: "tls-audit",
        usage: "",
        summary: "what testssl.sh and sslyze find of our TLS, beside nginx with Debian's settings",
        carry_out: tls_audit::carry_out,
    },
];

/// Started by `bench` as a process of its own, so that its time is not counted as the proxy's.
const ORIGIN: &str = "bench-origin";
/// As well.
const CLIENTS: &str = "bench-clients";
const VISITOR: &str = "bench-visitor";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.split_first() {
        Some((verb, rest)) if verb == ORIGIN => bench::origin::serve(rest),
        Some((verb, rest)) if verb == CLIENTS => bench::clients::hold(rest),
        Some((verb, rest)) if verb == VISITOR => bench::clients::visit(rest),
        Some((verb, rest)) if verb == chaos::target::VERB => chaos::target::serve(rest),
        Some((verb, rest)) => match VERBS.iter().find(|known| known.name == verb) {
            Some(known) => (known.carry_out)(rest),
            None => Err(Failed::Usage(format!("there is no `{verb}`"))),
        },
        None => Err(Failed::Usage("which one?".to_owned())),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) => {
            eprintln!("xtask: {failed}");
            if matches!(failed, Failed::Usage(_)) {
                eprint!("{}", usage());
            }
            ExitCode::from(failed.exit_code())
        }
    }
}

fn usage() -> String {
    let line = |verb: &Verb| {
        let call = format!("{} {}", verb.name, verb.usage);
        format!("  cargo xtask {call}\n      {}\n", verb.summary)
    };
    VERBS.iter().map(line).collect()
}

/// The example does it all; it needs the program to run.
fn bench_explain(arguments: &[String]) -> Result<(), Failed> {
    expect_none(arguments)?;
    let build = ["build", "--release", "--locked", "-p", "pointsman", "--bin", "pointsman"];
    shell::run(shell::cargo().args(build).args(["--example", "explanations"]))?;
    let release = tree::target().join("release");
    let mut explanations = std::process::Command::new(release.join("examples/explanations"));
    shell::run(explanations.arg(release.join("pointsman")))
}

/// For verbs that take no arguments.
fn expect_none(arguments: &[String]) -> Result<(), Failed> {
    match arguments.first() {
        None => Ok(()),
        Some(argument) => Err(Failed::Usage(format!("`{argument}` is one argument too many"))),
    }
}
