//! The verbs that answer questions: from files, or by the running instance.

use std::io::IsTerminal;
use std::process::ExitCode;

use config::Sources;
use control::client::AskError;
use control::{Certificates, Examined, FromFiles, StateDirectory};
use explain::probe::Plan;
use explain::{Answer, Atlas, BadQuestion, Layout, Paint, Query, Verb};
use tls::{LocalAuthority, Trusted};
use world::World;

use crate::arguments::{
    CompareArguments, ExplainArguments, Files, Instance, Knowledge, ReachArguments,
    RequestArguments, WhoArguments,
};
use crate::commands::{BAD_CONFIGURATION, FAILED, complain, state, wants_color};
use crate::sources::read;

/// Without a terminal, such as in a file or a pipe.
const WIDTH: u16 = 100;

pub fn explain(arguments: &ExplainArguments) -> ExitCode {
    if !arguments.what.contains("://") {
        if arguments.probe {
            let text = "`--probe` goes with an address\n  hint: such as `https://shop.example/`";
            return complain(BAD_CONFIGURATION, text);
        }
        return page(&arguments.what, arguments.knowledge.json);
    }
    let mut query = match query(Verb::Explain, &arguments.what, &arguments.request) {
        Ok(query) => query,
        Err(code) => return code,
    };
    query.from.extend(arguments.from.clone());
    query.calls.clone_from(&arguments.page);
    let answered = Knowing::of(&arguments.knowledge).and_then(|knowing| {
        if arguments.probe {
            let trusted = trusted(&arguments.knowledge.instance)?;
            query = ::lab::live::probe(&query, &trusted, |query| knowing.plan(query))?;
        }
        knowing.answer(&query)
    });
    told(answered, &arguments.knowledge)
}

/// Whom this machine trusts, and the local authority, if there is one.
pub fn trusted(instance: &Instance) -> Result<Trusted, ExitCode> {
    let authority = LocalAuthority::certificate_below(state(instance).path());
    Trusted::of_machine([&*authority]).map_err(|error| {
        complain(FAILED, &format!("cannot read the authorities that this machine trusts: {error}"))
    })
}

pub fn who(arguments: &WhoArguments) -> ExitCode {
    match query(Verb::Who, &arguments.url, &arguments.request) {
        Ok(query) => answer(&query, &arguments.knowledge),
        Err(code) => code,
    }
}

pub fn reach(arguments: &ReachArguments) -> ExitCode {
    answer(&Query::new(Verb::Reach, None), &arguments.knowledge)
}

pub fn compare(arguments: &CompareArguments) -> ExitCode {
    match query(Verb::Compare, &arguments.url, &arguments.request) {
        Ok(mut query) => {
            query.from.clone_from(&arguments.from);
            answer(&query, &arguments.knowledge)
        }
        Err(code) => code,
    }
}

/// What the name server answers. Values of types that it does not look into are written as in a zone
/// file here, where the language of zone files is known.
pub fn name(
    name: &str,
    record_type: Option<&str>,
    from: Option<&str>,
    knowledge: &Knowledge,
) -> ExitCode {
    let mut query = Query::new(Verb::Name, Some(name));
    query.record_type = record_type.map(str::to_owned);
    query.from.extend(from.map(str::to_owned));
    let answered = Knowing::of(knowledge).and_then(|knowing| knowing.answer(&query));
    let answered = answered.map(|mut answer| {
        if let Answer::Name(report) = &mut answer {
            let lines = report.answers.iter_mut().flat_map(|one| &mut one.answer);
            lines.for_each(|line| line.value = as_in_a_zone_file(&line.kind, &line.value));
        }
        answer
    });
    told(answered, knowledge)
}

fn as_in_a_zone_file(kind: &str, value: &str) -> String {
    let octets = || {
        let (_, hex) = value.strip_prefix("\\# ")?.split_once(' ')?;
        let digits = hex.as_bytes().chunks(2).map(|two| std::str::from_utf8(two).ok());
        let octets = digits.map(|two| u8::from_str_radix(two?, 16).ok());
        Some((model::RecordType::named(kind)?, octets.collect::<Option<Vec<u8>>>()?))
    };
    octets().map_or_else(|| value.to_owned(), |(kind, wire)| config::presentation(kind, &wire))
}

fn query(verb: Verb, url: &str, request: &RequestArguments) -> Result<Query, ExitCode> {
    let mut headers = Vec::new();
    for header in &request.header {
        let Some((name, value)) = header.split_once(':') else {
            let text = format!("`{header}` is not a header\n  hint: write `-H 'Name: value'`");
            return Err(complain(BAD_CONFIGURATION, &text));
        };
        headers.push((name.trim().to_owned(), value.trim().to_owned()));
    }
    let (method, to) = (request.method.clone(), request.to.clone());
    Ok(Query { method, headers, to, ..Query::new(verb, Some(url)) })
}

fn answer(query: &Query, knowledge: &Knowledge) -> ExitCode {
    told(Knowing::of(knowledge).and_then(|knowing| knowing.answer(query)), knowledge)
}

fn told(answered: Result<Answer, ExitCode>, knowledge: &Knowledge) -> ExitCode {
    let answer = match answered {
        Ok(answer) => answer,
        Err(code) => return code,
    };
    if knowledge.json {
        match serde_json::to_string_pretty(&answer) {
            Ok(text) => println!("{text}"),
            Err(error) => return complain(FAILED, &error.to_string()),
        }
    } else {
        print!("{}", text(&answer, layout()));
    }
    ExitCode::from(answer.exit_code())
}

/// Whoever knows: asked as often as it takes.
enum Knowing {
    Instance(StateDirectory),
    Files(Box<Read>),
}

/// Files, read once.
struct Read {
    sources: Sources,
    certificates: Certificates,
    world: World,
    now_unix: i64,
}

impl Knowing {
    fn of(knowledge: &Knowledge) -> Result<Knowing, ExitCode> {
        match knowledge.config.is_empty() {
            true => Ok(Knowing::Instance(state(&knowledge.instance))),
            false => {
                let files = Files { files: knowledge.config.clone() };
                Read::of(&files).map(|read| Knowing::Files(Box::new(read)))
            }
        }
    }

    fn answer(&self, query: &Query) -> Result<Answer, ExitCode> {
        match self {
            Knowing::Instance(state) => {
                let asked = control::client::explain(&state.control_socket(), query);
                understood(asked.map_err(not_asked)?).map(from_here)
            }
            Knowing::Files(read) => understood(read.facts().answer(&Atlas::of(&read.world), query)),
        }
    }

    fn plan(&self, query: &Query) -> Result<Plan, ExitCode> {
        match self {
            Knowing::Instance(state) => {
                let asked = control::client::plan(&state.control_socket(), query);
                understood(asked.map_err(not_asked)?)
            }
            Knowing::Files(read) => understood(read.facts().plan(&Atlas::of(&read.world), query)),
        }
    }
}

fn not_asked(error: AskError) -> ExitCode {
    let hint = match error {
        AskError::Busy => "ask again in a moment",
        AskError::NotRunning(..)
        | AskError::Io(_)
        | AskError::NotUnderstood(_)
        | AskError::TooLong => {
            "ask files with `--config FILE`, or name the instance's `--state DIR`"
        }
    };
    complain(FAILED, &format!("{error}\n  hint: {hint}"))
}

fn understood<T>(answered: Result<T, BadQuestion>) -> Result<T, ExitCode> {
    answered.map_err(|bad| {
        complain(BAD_CONFIGURATION, &format!("{}\n  hint: {}", bad.message, bad.hint))
    })
}

impl Read {
    fn of(files: &Files) -> Result<Read, ExitCode> {
        let (sources, model, _) = read(&files.files)?;
        let now_unix = net::clock::unix_seconds();
        let (store, _) = tls::CertificateStore::check(&model.certificates, now_unix);
        let certificates = Certificates::of(&model, &store, now_unix);
        let world = world::compile(model, 1);
        Ok(Read { sources, certificates, world, now_unix })
    }

    fn facts(&self) -> FromFiles<'_> {
        FromFiles {
            sources: &self.sources,
            certificates: &self.certificates,
            now_unix: self.now_unix,
        }
    }
}

/// Files below the current folder by their path from here, as whoever asks would name them. The
/// instance names them as it was told to.
fn from_here(answer: Answer) -> Answer {
    let Ok(here) = std::env::current_dir() else { return answer };
    let Ok(text) = serde_json::to_string(&answer) else { return answer };
    // Places and the lines of a diff begin with the file's name.
    let shorter = text.replace(&format!("\"{}/", here.display()), "\"");
    serde_json::from_str(&shorter).unwrap_or(answer)
}

pub fn text(answer: &Answer, layout: Layout) -> String {
    match answer {
        Answer::Explain(report) => explain::text(report, layout),
        Answer::Who(report) => explain::who_text(report, layout),
        Answer::Reach(report) => explain::reach_text(report, layout),
        Answer::Compare(report) => explain::compare_text(report, layout),
        Answer::Name(report) => explain::names_text(report),
    }
}

/// Why each expectation is broken; more than a few are only named.
pub fn explain_broken(sources: &Sources, examined: &Examined) {
    const EXPLAINED_MAX: usize = 3;
    let now = net::clock::unix_seconds();
    for broken in examined.broken.iter().take(EXPLAINED_MAX) {
        let report = broken.explanation(&examined.surveyed, sources, &examined.certificates, now);
        println!("\nexpectation \"{}\":", broken.name);
        print!("{}", explain::text(&report, layout()));
    }
}

/// Of standard output.
pub fn layout() -> Layout {
    let out = std::io::stdout();
    let color = wants_color(out.is_terminal());
    let told = std::env::var("COLUMNS").ok().and_then(|text| text.parse().ok());
    let width = told.or_else(|| net::terminal::columns(&out)).unwrap_or(WIDTH);
    let paint = if color { Paint::Color } else { Paint::Plain };
    Layout { width: usize::from(width), paint }
}

/// The page of a code.
fn page(code: &str, json: bool) -> ExitCode {
    let Some(page) = explain::pages::page(code) else {
        let near = explain::pages::nearest(code);
        let hint = match near.is_empty() {
            true => "an address has a scheme, as in `https://shop.example/`".to_owned(),
            false => {
                let near: Vec<String> = near.iter().map(|code| format!("`{code}`")).collect();
                format!("did you mean {}?", near.join(" or "))
            }
        };
        let text = format!("there is no code called `{code}`\n  hint: {hint}");
        return complain(BAD_CONFIGURATION, &text);
    };
    if json {
        match serde_json::to_string_pretty(&page) {
            Ok(text) => println!("{text}"),
            Err(error) => return complain(FAILED, &error.to_string()),
        }
    } else {
        print!("{}", explain::pages::text(&page, layout()));
    }
    ExitCode::SUCCESS
}
