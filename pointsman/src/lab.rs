//! `pointsman lab`: wiring, and words for the person.

use std::ffi::OsString;
use std::fmt::Write;
use std::io::Read;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use config::Style;
use lab::networks::{self, Folder, Hold, LabFailed, Running, Serve, Up};

use crate::arguments::Instance;
use crate::findings;

const FAILED: u8 = 1;
const USAGE: u8 = 2;
const BROKEN: u8 = 3;

#[derive(Debug, Args)]
pub struct LabArguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Build the networks of a configuration as real ones, with the program serving in them.
    ///
    /// No packet leaves them. As root, or wherever unprivileged user namespaces are allowed.
    Up(UpArguments),
    /// Run a command in a place of the lab: `lab exec guest-wifi -- curl https://shop.test`.
    Exec(ExecArguments),
    /// Ask every expectation from every network with real packets; exit with 3 if one is broken.
    Probe(ProbeArguments),
    /// Say which places the lab has.
    Status(Instance),
    /// End the lab; nothing of it stays.
    Down(Instance),
    #[command(hide = true)]
    Hold(HoldArguments),
    #[command(hide = true)]
    Ask,
    #[command(hide = true)]
    Serve(ServeArguments),
}

#[derive(Debug, Args)]
struct UpArguments {
    /// A file, or a directory of `*.hcl`.
    file: PathBuf,
    /// Start no demo application on the instances' ports.
    #[arg(long)]
    no_applications: bool,
    #[command(flatten)]
    instance: Instance,
}

#[derive(Debug, Args)]
struct HoldArguments {
    #[command(flatten)]
    up: UpArguments,
    #[arg(long)]
    own_user: bool,
}

#[derive(Debug, Args)]
struct ServeArguments {
    file: PathBuf,
    address: std::net::SocketAddr,
    name: String,
    #[arg(long)]
    tls: bool,
    #[arg(long, num_args = 2)]
    instance: Vec<u32>,
    #[arg(long)]
    group: Option<u32>,
    #[arg(long)]
    state: PathBuf,
}

#[derive(Debug, Args)]
struct ExecArguments {
    #[command(flatten)]
    instance: Instance,
    /// A network, `instance.NAME`, `internet`, or `edge`, where the program runs.
    place: String,
    /// What to run there.
    #[arg(last = true, required = true)]
    command: Vec<OsString>,
}

#[derive(Debug, Args)]
struct ProbeArguments {
    /// For programs; the shape has a version.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    instance: Instance,
}

pub fn carry_out(arguments: LabArguments, style: Style) -> ExitCode {
    let done = match arguments.verb {
        Verb::Up(arguments) => up(arguments, style),
        Verb::Exec(arguments) => {
            networks::exec(state(&arguments.instance).path(), &arguments.place, &arguments.command)
                .map(ExitCode::from)
        }
        Verb::Probe(arguments) => probe(&arguments, style),
        Verb::Status(instance) => {
            let folder = Folder::of(state(&instance).path());
            networks::running(&folder).map(|running| {
                print!("{}", places(&running));
                ExitCode::SUCCESS
            })
        }
        Verb::Down(instance) => networks::down(state(&instance).path()).map(|running| {
            println!("the lab of `{}` is gone", running.file.display());
            ExitCode::SUCCESS
        }),
        Verb::Hold(arguments) => hold(arguments),
        Verb::Ask => ask(),
        Verb::Serve(arguments) => serve(arguments),
    };
    done.unwrap_or_else(|failed| complain(&failed))
}

fn complain(failed: &LabFailed) -> ExitCode {
    match failed {
        // Findings bring their own words.
        LabFailed::Configuration(rendered) => eprintln!("{}", rendered.trim_end()),
        _ => eprintln!("error: {failed}"),
    }
    for hint in failed.hints() {
        eprintln!("hint: {hint}");
    }
    ExitCode::from(if failed.is_usage() { USAGE } else { FAILED })
}

fn state(instance: &Instance) -> control::StateDirectory {
    crate::commands::state(instance)
}

fn program() -> Result<PathBuf, LabFailed> {
    std::env::current_exe().map_err(|error| LabFailed::Io("find this program", error))
}

fn up(arguments: UpArguments, style: Style) -> Result<ExitCode, LabFailed> {
    let state = state(&arguments.instance);
    let running = networks::up(&Up {
        program: program()?,
        file: arguments.file.clone(),
        state: state.path().to_owned(),
        applications: !arguments.no_applications,
        style,
    })?;
    println!("the lab of `{}` is up (process {})", arguments.file.display(), running.holder);
    print!("{}", places(&running));
    for note in &running.notes {
        println!("note: {note}");
    }
    let folder = Folder::of(state.path());
    if folder.authority().exists() {
        println!("for curl: --cacert {}", folder.authority().display());
    }
    let own = match &arguments.instance.state {
        Some(path) => format!(" --state {}", path.display()),
        None => String::new(),
    };
    println!(
        "go in with `pointsman lab exec{own} NETWORK -- COMMAND`, end it with `pointsman lab down{own}`"
    );
    Ok(ExitCode::SUCCESS)
}

fn places(running: &Running) -> String {
    let mut text = String::new();
    let longest = running.places.iter().map(|place| place.name.len()).max().unwrap_or_default();
    for place in &running.places {
        let words = |list: &[std::net::IpAddr]| {
            list.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
        };
        let mut line = format!("  {:<longest$}  {}", place.name, words(&place.addresses));
        if !place.seen_as.is_empty() {
            let _ = write!(line, " seen as {}", words(&place.seen_as));
        }
        if !place.serves.is_empty() {
            let _ = write!(line, ": {}", place.serves.join(", "));
        }
        let _ = writeln!(text, "{line}");
    }
    text
}

fn hold(arguments: HoldArguments) -> Result<ExitCode, LabFailed> {
    let up = arguments.up;
    networks::hold(&Hold {
        program: program()?,
        state: state(&up.instance).path().to_owned(),
        file: up.file,
        applications: !up.no_applications,
        own_user: arguments.own_user,
    })
    .map(|never| match never {})
}

fn ask() -> Result<ExitCode, LabFailed> {
    let mut jobs = String::new();
    std::io::stdin()
        .read_to_string(&mut jobs)
        .map_err(|error| LabFailed::Io("read what to ask", error))?;
    println!("{}", networks::answer(&jobs).map_err(LabFailed::Holder)?);
    Ok(ExitCode::SUCCESS)
}

fn serve(arguments: ServeArguments) -> Result<ExitCode, LabFailed> {
    let instance = match arguments.instance[..] {
        [instance, application] => Some((instance, application as usize)),
        _ => None,
    };
    networks::serve(&Serve {
        file: arguments.file,
        state: arguments.state,
        address: arguments.address,
        name: arguments.name,
        tls: arguments.tls,
        instance,
        group: arguments.group,
    })
    .map(|()| ExitCode::SUCCESS)
}

fn probe(arguments: &ProbeArguments, style: Style) -> Result<ExitCode, LabFailed> {
    let state = state(&arguments.instance);
    let findings = networks::probe(state.path(), &program()?, style)?;
    if arguments.json {
        println!("{}", findings::json(&findings));
    } else {
        print!("{}", findings::text(&findings));
    }
    Ok(if findings::any_broken(&findings) { ExitCode::from(BROKEN) } else { ExitCode::SUCCESS })
}
