//! `pointsman firewall`: the table of the packet filter, seen and taken away.

use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::arguments::Instance;
use crate::commands::{FAILED, complain, state};

#[derive(Debug, Args)]
pub struct FirewallArguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Show what the running instance enforces with nftables: each rule with the attempts that it
    /// admitted, and what was dropped, by network.
    Show(Instance),
    /// Take away the table that an instance left behind; nothing happens if there is none.
    Clear(Instance),
}

pub fn carry_out(arguments: &FirewallArguments) -> ExitCode {
    match &arguments.verb {
        Verb::Show(instance) => show(instance),
        Verb::Clear(instance) => clear(instance),
    }
}

fn show(instance: &Instance) -> ExitCode {
    match control::client::status(&state(instance).control_socket()) {
        Ok(status) => match &status.firewall {
            Some(firewall) => {
                print!("{}", control::firewall_text(firewall));
                if firewall.problem.is_some() { ExitCode::from(FAILED) } else { ExitCode::SUCCESS }
            }
            None => {
                println!(
                    "nothing is enforced with nftables: nothing says `enforce = \"nftables\"`"
                );
                ExitCode::SUCCESS
            }
        },
        Err(error) => complain(FAILED, &error.to_string()),
    }
}

/// Also after the end of a service, which may have been killed.
fn clear(instance: &Instance) -> ExitCode {
    let state = state(instance);
    if control::client::health(&state.control_socket()).is_ok() {
        let text =
            "the instance is running, and would enforce nothing: stop it, or remove `enforce`";
        return complain(FAILED, text);
    }
    match firewall::Firewall::of_state(state.path()).clear() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) => complain(FAILED, &format!("{failed}: {}", failed.hint())),
    }
}
