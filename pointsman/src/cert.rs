//! `cert`: certificates of an instance.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use control::client::{self, AskError, ImportAnswer};
use control::imported::{self, Import};
use control::{Keep, KeepError, StateDirectory};
use tls::{Identity, KeptPem, Loaded};

use crate::arguments::{Instance, StoreKey};
use crate::commands::{FAILED, complain, state};

/// For its owner only: it may hold a key.
const PRIVATE_FILE: u32 = 0o600;

#[derive(Debug, Args)]
pub struct CertArguments {
    #[command(subcommand)]
    command: CertCommand,
}

#[derive(Debug, Subcommand)]
enum CertCommand {
    /// Keep a certificate for `certificate "NAME" { imported = true }`, its key sealed; a running
    /// instance serves it at once.
    Import(ImportArguments),
    /// Write a certificate that is kept as PEM.
    Export(ExportArguments),
}

#[derive(Debug, Args)]
struct ImportArguments {
    /// As the configuration calls it.
    name: String,
    /// PEM: the certificate first, then its intermediate ones.
    #[arg(long, value_name = "FILE")]
    chain: PathBuf,
    /// PEM: its private key.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    #[command(flatten)]
    instance: Instance,
    #[command(flatten)]
    store_key: StoreKey,
}

#[derive(Debug, Args)]
struct ExportArguments {
    /// As the configuration calls it.
    name: String,
    /// Write its private key, too.
    #[arg(long)]
    with_key: bool,
    /// Write into this file, which is made for its owner only, instead of standard output.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    instance: Instance,
    #[command(flatten)]
    store_key: StoreKey,
}

pub fn carry_out(arguments: &CertArguments) -> ExitCode {
    let outcome = match &arguments.command {
        CertCommand::Import(arguments) => import(arguments),
        CertCommand::Export(arguments) => export(arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => complain(FAILED, &text),
    }
}

fn import(arguments: &ImportArguments) -> Result<(), String> {
    let name = &arguments.name;
    let now = net::clock::unix_seconds();
    // Here, so that what is wrong is said of the files.
    let Loaded { identity, warnings } =
        Identity::from_files(name, &arguments.chain, &arguments.key, now)
            .map_err(|error| KeepError::of(&error, error.hint()).to_string())?;
    for warning in warnings {
        eprintln!("warning: {warning}\n  hint: {}", warning.hint());
    }
    let chain = text(&arguments.chain)?;
    let import = Import { name: name.clone(), chain, key: text(&arguments.key)? };
    let state = state(&arguments.instance);
    let answer = match client::import(&state.control_socket(), &import) {
        Ok(answer) => answer,
        Err(AskError::NotRunning(..)) => {
            let keep = keep(&state, &arguments.store_key)?;
            imported::keep(&keep, &import, now).map_err(|error| error.to_string())?;
            ImportAnswer { refused: None, warnings: Vec::new(), declared: true }
        }
        Err(error) => return Err(error.to_string()),
    };
    if let Some(refused) = answer.refused {
        return Err(refused);
    }
    let names = match &identity.facts.names[..] {
        [] => "no name".to_owned(),
        names => names.join(", "),
    };
    println!("imported `{name}` for {names}");
    if !answer.declared {
        println!("it is served once it is declared: certificate \"{name}\" {{ imported = true }}");
    }
    Ok(())
}

fn text(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path)
        .map_err(|error| format!("cannot read `{}`: {error}", path.display()))
}

fn export(arguments: &ExportArguments) -> Result<(), String> {
    let name = &arguments.name;
    let state = state(&arguments.instance);
    if !state.database().exists() {
        let path = state.path().display();
        return Err(format!(
            "nothing is kept in `{path}`\n  hint: give its directory by `--state`"
        ));
    }
    let keep = keep(&state, &arguments.store_key)?;
    let found = imported::read(&keep, name).map_err(|error| error.to_string())?;
    let Some(KeptPem { chain, key }) = found else {
        let kept = imported::names(&keep).map_err(|error| error.to_string())?;
        let hint = match kept.is_empty() {
            true => "nothing was imported yet".to_owned(),
            false => format!("there are {}", kept.join(", ")),
        };
        return Err(format!("no certificate `{name}` is kept\n  hint: {hint}"));
    };
    let parts: &[&[u8]] = match arguments.with_key {
        true => &[&chain, &key],
        false => &[&chain],
    };
    match &arguments.out {
        Some(path) => write(path, parts)
            .map_err(|error| format!("cannot write `{}`: {error}", path.display())),
        None => parts
            .iter()
            .try_for_each(|part| io::stdout().write_all(part))
            .map_err(|error| format!("cannot write: {error}")),
    }
}

fn keep(state: &StateDirectory, key: &StoreKey) -> Result<Keep, String> {
    state.create().map_err(|error| {
        format!("cannot make the state directory `{}`: {error}", state.path().display())
    })?;
    Keep::open(state, key.store_key_file.as_deref(), None).map_err(|error| error.to_string())
}

/// A file that is there is not written over: it may be one that somebody serves.
fn write(path: &Path, parts: &[&[u8]]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(PRIVATE_FILE).open(path)?;
    parts.iter().try_for_each(|part| file.write_all(part))?;
    file.sync_all()
}
