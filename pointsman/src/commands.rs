//! What each verb does: wiring, and words for the person.

use std::io::{IsTerminal, Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use config::{RealEnvironment, Sources, Style};
use control::{Settings, Source, StateDirectory};
use model::{Finding, Severity};
use signal::{Format, Journal, Level};

use crate::arguments::{
    CheckArguments, Command, DemoArguments, Files, FmtArguments, Instance, LogFormat, LogLevel,
    ReloadArguments, RunArguments, StatusArguments,
};
use crate::sources::{is_broken, load, read, report};
use crate::{ask, findings, one_liner};

pub const FAILED: u8 = 1;
pub const BAD_CONFIGURATION: u8 = 2;
const BROKEN_EXPECTATION: u8 = 3;
const EXPECTATION_BROKEN: &str = "lint/expectation-broken";

pub fn carry_out(command: Command) -> ExitCode {
    match command {
        Command::Run(arguments) => run(&arguments),
        Command::Check(arguments) => check(&arguments),
        Command::Fmt(arguments) => fmt(&arguments),
        Command::Expand(files) => expand(&files),
        Command::Reload(arguments) => reload(&arguments),
        Command::Explain(arguments) => ask::explain(&arguments),
        Command::Who(arguments) => ask::who(&arguments),
        Command::Reach(arguments) => ask::reach(&arguments),
        Command::Compare(arguments) => ask::compare(&arguments),
        Command::Status(arguments) => status(&arguments),
        Command::Health(instance) => health(&instance),
        Command::Cert(arguments) => crate::cert::carry_out(&arguments),
        Command::Trust(arguments) => crate::trust::trust(&arguments),
        Command::Untrust(arguments) => crate::trust::untrust(&arguments),
        Command::Firewall(arguments) => crate::firewall::carry_out(&arguments),
        Command::Dns(arguments) => crate::dns::carry_out(&arguments),
        Command::Demo(arguments) => demo(&arguments),
        Command::Lab(arguments) => {
            crate::lab::carry_out(arguments, terminal_style(std::io::stderr().is_terminal()))
        }
        Command::DemoApp { address, name } => match lab::serve_app(address, &name) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => complain(FAILED, &net::listen::explain(&error, address)),
        },
    }
}

pub fn complain(code: u8, text: &str) -> ExitCode {
    eprintln!("error: {text}");
    ExitCode::from(code)
}

pub fn state(instance: &Instance) -> StateDirectory {
    match &instance.state {
        Some(path) => StateDirectory::at(path),
        None => StateDirectory::from_environment(|name| std::env::var(name).ok()),
    }
}

/// On terminals, and where `CLICOLOR_FORCE` asks for it, as whoever shows our output to a person may;
/// never against `NO_COLOR`.
pub fn wants_color(terminal: bool) -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty() && value != "0");
    (terminal || set("CLICOLOR_FORCE")) && !set("NO_COLOR")
}

pub fn terminal_style(terminal: bool) -> Style {
    let color = wants_color(terminal);
    let width = std::env::var("COLUMNS").ok().and_then(|text| text.parse().ok());
    Style { color, width: width.unwrap_or(100) }
}

// === run ===

fn run(arguments: &RunArguments) -> ExitCode {
    let application = one_liner::application(&arguments.what)
        .filter(|_| !std::path::Path::new(&arguments.what).exists());
    let (source, banner) = match &application {
        Some(application) => match one_liner::configuration(application, arguments) {
            Ok(made) => {
                let source = Source::Text { name: "command line".into(), text: made.text };
                (source, Some(made.banner))
            }
            Err(text) => return complain(BAD_CONFIGURATION, &text),
        },
        None => {
            if let Some(flag) = application_flag(arguments) {
                let text = format!(
                    "`{flag}` goes with an application such as `:3000`; `{}` is a configuration: \
                     say it there",
                    arguments.what
                );
                return complain(BAD_CONFIGURATION, &text);
            }
            (Source::Path(PathBuf::from(&arguments.what)), None)
        }
    };
    let journal = Journal::new(format(arguments.log_format), level(arguments.log_level));
    let settings = Settings {
        source,
        cores: arguments.cores.map(usize::from),
        state: state(&arguments.instance),
        store_key: arguments.store_key.store_key_file.clone(),
        watch: arguments.watch,
        confine: arguments.confine,
        journal,
        style: terminal_style(std::io::stderr().is_terminal()),
        live_line: banner.is_some() && std::io::stdout().is_terminal(),
    };
    let ready = |ready: &control::Ready| {
        if let Some(banner) = &banner {
            println!("{banner}");
            if let Some(authority) = &ready.authority {
                println!("for curl: --cacert {}", authority.display());
            }
            let _ = std::io::stdout().flush();
        }
    };
    match control::run(settings, ready) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) => {
            eprintln!("{failed}");
            ExitCode::from(if failed.is_configuration() { BAD_CONFIGURATION } else { FAILED })
        }
    }
}

fn application_flag(arguments: &RunArguments) -> Option<&'static str> {
    [
        (arguments.listen.is_some(), "--listen"),
        (arguments.https.is_some(), "--https"),
        (arguments.http.is_some(), "--http"),
        (arguments.plain, "--plain"),
    ]
    .into_iter()
    .find_map(|(given, flag)| given.then_some(flag))
}

fn format(format: LogFormat) -> Format {
    match format {
        LogFormat::Text => Format::Text,
        LogFormat::Json => Format::Json,
    }
}

fn level(level: LogLevel) -> Level {
    match level {
        LogLevel::Debug => Level::Debug,
        LogLevel::Info => Level::Info,
        LogLevel::Warn => Level::Warn,
        LogLevel::Error => Level::Error,
    }
}

// === check, expand, fmt ===

fn check(arguments: &CheckArguments) -> ExitCode {
    let (sources, model, findings) = match read(&arguments.files.files) {
        Ok(read) => read,
        Err(code) => return code,
    };
    let examined = control::examine(model, findings);
    let mut findings = examined.findings.clone();
    let broken = examined.broken.iter();
    findings.extend(broken.map(|b| Finding { severity: Severity::Error, ..b.finding.clone() }));
    report(&sources, &findings);
    if findings.iter().any(|f| f.severity == Severity::Error && f.code != EXPECTATION_BROKEN) {
        return ExitCode::from(BAD_CONFIGURATION);
    }
    if !examined.broken.is_empty() && !arguments.json {
        ask::explain_broken(&sources, &examined);
    }
    let proved = examined.broken.is_empty();
    let model = &examined.world.model;
    let not_proved = findings.iter().filter(|f| f.code == control::NOT_PROVED).count();
    if proved && !arguments.json {
        println!("{}", summary(model, not_proved));
    }
    let held = match arguments.live {
        true => match live(&examined.world, arguments) {
            Ok(held) => held,
            Err(code) => return code,
        },
        false => true,
    };
    ExitCode::from(if proved && held { 0 } else { BROKEN_EXPECTATION })
}

fn summary(model: &model::Model, not_proved: usize) -> String {
    let expectations = match model.expectations.len() - not_proved {
        0 => String::new(),
        1 => ", and 1 expectation holds".to_owned(),
        count => format!(", and {count} expectations hold"),
    };
    format!(
        "ok: {}, {}, {}, {}{expectations}",
        counted(model.load_balancers.len(), "load balancer"),
        counted(model.listeners.len(), "listener"),
        counted(model.listeners.iter().map(|listener| listener.rules.len()).sum(), "rule"),
        counted(model.target_groups.len(), "target group")
    )
}

/// Whether every expectation that could be asked holds here and now.
fn live(world: &world::World, arguments: &CheckArguments) -> Result<bool, ExitCode> {
    let trusted = ask::trusted(&arguments.instance)?;
    let found = ::lab::live::expectations(world, &trusted);
    match arguments.json {
        true => println!("{}", findings::json(&found)),
        false => print!("{}", findings::text(&found)),
    }
    Ok(!findings::any_broken(&found))
}

/// `1 rule`, `2 rules`.
fn counted(count: usize, thing: &str) -> String {
    format!("{count} {thing}{}", if count == 1 { "" } else { "s" })
}

fn expand(files: &Files) -> ExitCode {
    let sources = match load(&files.files) {
        Ok(sources) => sources,
        Err((sources, findings)) => {
            report(&sources, &findings);
            return ExitCode::from(BAD_CONFIGURATION);
        }
    };
    let (model, mut findings) = config::parse(&sources, &RealEnvironment);
    findings.retain(|finding| !model.silences.iter().any(|silence| silence.covers(finding)));
    report(&sources, &findings);
    if is_broken(&findings) {
        return ExitCode::from(BAD_CONFIGURATION);
    }
    print!("{}", config::expand(&model));
    ExitCode::SUCCESS
}

fn fmt(arguments: &FmtArguments) -> ExitCode {
    let mut code = ExitCode::SUCCESS;
    for file in &arguments.files {
        if let Err(worse) = fmt_one(file, arguments.check) {
            code = worse;
        }
    }
    code
}

fn fmt_one(file: &std::path::Path, check: bool) -> Result<(), ExitCode> {
    let stdin = file.as_os_str() == "-";
    let mut text = String::new();
    let read = match stdin {
        true => std::io::stdin().read_to_string(&mut text).map(|_| ()),
        false => std::fs::read_to_string(file).map(|read| text = read),
    };
    if let Err(error) = read {
        return Err(complain(
            BAD_CONFIGURATION,
            &format!("cannot read `{}`: {error}", file.display()),
        ));
    }
    let formatted = config::format(&text).map_err(|findings| {
        report(&Sources::single(&file.display().to_string(), &text), &findings);
        ExitCode::from(BAD_CONFIGURATION)
    })?;
    if check {
        if formatted == text {
            return Ok(());
        }
        println!("{} is not in its canonical layout: `pointsman fmt` rewrites it", file.display());
        return Err(ExitCode::from(FAILED));
    }
    if stdin {
        print!("{formatted}");
        return Ok(());
    }
    if formatted == text {
        return Ok(());
    }
    replace(file, &formatted)
        .map_err(|error| complain(FAILED, &format!("cannot write `{}`: {error}", file.display())))
}

/// Through a second file, so that the first is never half written.
fn replace(file: &std::path::Path, text: &str) -> std::io::Result<()> {
    let mut name = file.as_os_str().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    let temporary = PathBuf::from(name);
    std::fs::write(&temporary, text)?;
    std::fs::set_permissions(&temporary, std::fs::metadata(file)?.permissions())?;
    std::fs::rename(&temporary, file)
}

// === a running instance ===

fn reload(arguments: &ReloadArguments) -> ExitCode {
    let socket = state(&arguments.instance).control_socket();
    match control::client::reload(&socket, arguments.force) {
        Ok(answer) => {
            eprint!("{}", answer.findings);
            if answer.accepted {
                println!("reloaded: generation {}", answer.generation);
                ExitCode::SUCCESS
            } else {
                eprintln!("nothing was changed: generation {} is still served", answer.generation);
                ExitCode::from(match answer.broken_expectation {
                    true => BROKEN_EXPECTATION,
                    false => BAD_CONFIGURATION,
                })
            }
        }
        Err(error) => complain(FAILED, &error.to_string()),
    }
}

fn health(instance: &Instance) -> ExitCode {
    match control::client::health(&state(instance).control_socket()) {
        Ok(answer) => {
            println!("{}", answer.text);
            if answer.serving { ExitCode::SUCCESS } else { ExitCode::from(FAILED) }
        }
        Err(error) => complain(FAILED, &error.to_string()),
    }
}

fn status(arguments: &StatusArguments) -> ExitCode {
    let status = match control::client::status(&state(&arguments.instance).control_socket()) {
        Ok(status) => status,
        Err(error) => return complain(FAILED, &error.to_string()),
    };
    if arguments.json {
        println!("{}", control::status_json(&status));
    } else {
        print!("{}", control::status_text(&status));
    }
    ExitCode::SUCCESS
}

// === demos ===

fn demo(arguments: &DemoArguments) -> ExitCode {
    let Some(name) = &arguments.name else {
        println!("demos, each with real processes and sockets on this machine:");
        for demo in lab::DEMOS {
            println!("  pointsman demo {:<22} {}", demo.name, demo.summary);
        }
        return ExitCode::SUCCESS;
    };
    let Some(demo) = lab::DEMOS.iter().find(|demo| demo.name == name) else {
        let names: Vec<&str> = lab::DEMOS.iter().map(|demo| demo.name).collect();
        let text = format!("there is no demo called `{name}`; there are {}", names.join(" and "));
        return complain(BAD_CONFIGURATION, &text);
    };
    let program = match std::env::current_exe() {
        Ok(program) => program,
        Err(error) => return complain(FAILED, &format!("cannot find this program: {error}")),
    };
    let pace = if arguments.auto { lab::Pace::Unattended } else { lab::Pace::Keyboard };
    match lab::play(demo, &lab::Setting { program, pace }) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) => complain(FAILED, &failed.to_string()),
    }
}
