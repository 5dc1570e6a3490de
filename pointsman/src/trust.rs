//! `trust` and `untrust`: the development authority in the trust stores of this machine.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use tls::LocalAuthority;
use tls::trust::{self, Anchor, Machine, Mode, Outcome, Removal, Step};

use crate::arguments::Instance;
use crate::commands::{FAILED, complain, state};

#[derive(Debug, Args)]
pub struct TrustArguments {
    #[command(flatten)]
    stores: Stores,
    #[command(flatten)]
    instance: Instance,
}

#[derive(Debug, Args)]
pub struct UntrustArguments {
    /// Every development authority of Pointsman, also of other instances and of earlier times.
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    stores: Stores,
    #[command(flatten)]
    instance: Instance,
}

#[derive(Debug, Args)]
struct Stores {
    /// Say what would be changed, and change nothing.
    #[arg(long)]
    dry_run: bool,
    /// The trust stores of another root directory than `/`, as for an image.
    #[arg(long, value_name = "DIR", hide = true)]
    root: Option<PathBuf>,
}

impl Stores {
    fn machine(&self) -> Machine {
        let this = Machine::this(|name| std::env::var(name).ok());
        match &self.root {
            Some(root) => Machine { root: root.clone(), ..this },
            None => this,
        }
    }

    fn mode(&self) -> Mode {
        if self.dry_run { Mode::Rehearse } else { Mode::Carry }
    }
}

pub fn trust(arguments: &TrustArguments) -> ExitCode {
    let state = state(&arguments.instance);
    let path = LocalAuthority::certificate_below(state.path());
    // A rehearsal makes nothing, not even an authority.
    if !path.exists() && arguments.stores.dry_run {
        println!("would make a development authority in `{}`, and have it trusted", path.display());
        return ExitCode::SUCCESS;
    }
    let made = state
        .create()
        .map_err(|error| format!("cannot make `{}`: {error}", state.path().display()))
        .and_then(|()| {
            LocalAuthority::open_or_create(state.path(), net::clock::unix_seconds())
                .map_err(|error| format!("{error}\n  hint: {}", error.hint()))
        });
    if let Err(text) = made {
        return complain(FAILED, &text);
    }
    let anchor = match Anchor::read(&path) {
        Ok(anchor) => anchor,
        Err(error) => return complain(FAILED, &error.to_string()),
    };
    let steps = trust::trust(&anchor, &arguments.stores.machine(), arguments.stores.mode());
    let again = format!("sudo pointsman trust --state {}", state.path().display());
    let code = told(&steps, arguments.stores.mode(), &again);
    println!("undone by: pointsman untrust --state {}", state.path().display());
    code
}

pub fn untrust(arguments: &UntrustArguments) -> ExitCode {
    let state = state(&arguments.instance);
    let (machine, mode) = (arguments.stores.machine(), arguments.stores.mode());
    if arguments.all {
        let steps = trust::untrust(&Removal::All, &machine, mode);
        return told(&steps, mode, "sudo pointsman untrust --all");
    }
    let path = LocalAuthority::certificate_below(state.path());
    let anchor = match Anchor::read(&path) {
        Ok(anchor) => anchor,
        Err(error) => {
            let hint = "give its directory by `--state`, or take every one away by `--all`";
            return complain(FAILED, &format!("{error}\n  hint: {hint}"));
        }
    };
    let steps = trust::untrust(&Removal::One(&anchor), &machine, mode);
    told(&steps, mode, &format!("sudo pointsman untrust --state {}", state.path().display()))
}

/// Each store with what became of it. What is left undone is an exit code of its own.
fn told(steps: &[Step], mode: Mode, as_root: &str) -> ExitCode {
    let would = if mode == Mode::Rehearse { "would have " } else { "" };
    for Step { store, outcome } in steps {
        match outcome {
            Outcome::Changed { what, undo } => {
                for what in what {
                    println!("{store}: {would}{what}");
                }
                if let Some(undo) = undo {
                    println!("  undone by hand: {undo}");
                }
            }
            Outcome::AsItShouldBe(what) => println!("{store}: {what}"),
            Outcome::NeedsRoot(what) => {
                println!("{store}: only root may {what}\n  hint: {as_root}");
            }
            Outcome::Cannot { what, hint } => println!("{store}: {what}\n  hint: {hint}"),
        }
    }
    match steps.iter().all(|step| step.outcome.is_done()) {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(FAILED),
    }
}
