//! Flags and wiring; no decisions.

mod arguments;
mod ask;
mod cert;
mod commands;
mod delegation;
mod dns;
mod findings;
mod firewall;
mod lab;
mod one_liner;
mod sources;
mod trust;

use std::process::ExitCode;

use clap::Parser;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments = arguments::Arguments::parse();
    if arguments.command.only_prints() {
        net::terminal::end_with_reader();
    }
    commands::carry_out(arguments.command)
}
