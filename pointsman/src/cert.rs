//! `cert`: certificates of an instance.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use control::client::{self, AskError, ImportAnswer};
use control::imported::{self, Import};
use control::issued::{self, CertificateStatus};
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
    /// Write a certificate that was imported, or issued by an authority, as PEM.
    Export(ExportArguments),
    /// How every certificate of the running instance stands, and what happens next.
    List(ListArguments),
    /// Everything about one.
    Show(ShowArguments),
    /// Go on with an order at once, instead of waiting for its next attempt.
    Issue(OneArguments),
    /// As `issue`; with `--force` a new one in place of one that is good.
    Renew(RenewArguments),
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

#[derive(Debug, Args)]
struct ListArguments {
    /// For programs; the shape has a version.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    instance: Instance,
}

#[derive(Debug, Args)]
struct ShowArguments {
    /// As the configuration calls it.
    name: String,
    /// For programs; the shape has a version.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    instance: Instance,
}

#[derive(Debug, Args)]
struct OneArguments {
    /// As the configuration calls it.
    name: String,
    #[command(flatten)]
    instance: Instance,
}

#[derive(Debug, Args)]
struct RenewArguments {
    #[command(flatten)]
    one: OneArguments,
    /// Though the certificate is good for longer.
    #[arg(long)]
    force: bool,
}

enum Order {
    Issue,
    Anew,
}

pub fn carry_out(arguments: &CertArguments) -> ExitCode {
    let outcome = match &arguments.command {
        CertCommand::Import(arguments) => import(arguments),
        CertCommand::Export(arguments) => export(arguments),
        CertCommand::List(arguments) => list(arguments),
        CertCommand::Show(arguments) => show(arguments),
        CertCommand::Issue(arguments) => order(arguments, Order::Issue),
        CertCommand::Renew(arguments) => {
            let order_kind = if arguments.force { Order::Anew } else { Order::Issue };
            order(&arguments.one, order_kind)
        }
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
    let found = match imported::read(&keep, name).map_err(|error| error.to_string())? {
        Some(imported) => Some(imported),
        None => issued::read(&keep, name).map_err(|error| error.to_string())?,
    };
    let Some(KeptPem { chain, key }) = found else {
        let kept = imported::names(&keep).map_err(|error| error.to_string())?;
        let hint = match kept.is_empty() {
            true => "nothing was imported, and no authority issued one by that name".to_owned(),
            false => format!("imported are {}", kept.join(", ")),
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

fn list(arguments: &ListArguments) -> Result<(), String> {
    let all = certificates(&arguments.instance)?;
    match arguments.json {
        true => println!("{}", control::certificates_json(&all)),
        false => print!("{}", control::certificates_text(&all, net::clock::unix_seconds())),
    }
    Ok(())
}

fn show(arguments: &ShowArguments) -> Result<(), String> {
    let all = certificates(&arguments.instance)?;
    let Some(one) = all.iter().find(|one| one.state.name == arguments.name) else {
        let names: Vec<String> = all.iter().map(|one| format!("`{}`", one.state.name)).collect();
        let hint = match names.is_empty() {
            true => "no certificate is declared".to_owned(),
            false => format!("there are {}", names.join(", ")),
        };
        return Err(format!("there is no certificate called `{}`\n  hint: {hint}", arguments.name));
    };
    match arguments.json {
        true => println!("{}", control::certificate_json(one)),
        false => print!("{}", control::certificate_text(one, net::clock::unix_seconds())),
    }
    Ok(())
}

fn certificates(instance: &Instance) -> Result<Vec<CertificateStatus>, String> {
    client::certificates(&state(instance).control_socket()).map_err(|error| error.to_string())
}

fn order(arguments: &OneArguments, order: Order) -> Result<(), String> {
    let socket = state(&arguments.instance).control_socket();
    let force = matches!(order, Order::Anew);
    let answer =
        client::order(&socket, &arguments.name, force).map_err(|error| error.to_string())?;
    if let Some(refused) = answer.refused {
        return Err(refused);
    }
    println!("`{}` is being ordered; how it goes says: pointsman cert show {0}", arguments.name);
    Ok(())
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
