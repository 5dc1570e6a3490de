//! The verbs that answer questions: from files, or by the running instance.

use std::io::IsTerminal;
use std::process::ExitCode;

use config::{RealEnvironment, Sources};
use control::{Certificates, Examined, FromFiles};
use explain::{Answer, Atlas, BadQuestion, Layout, Paint, Query, Verb};

use crate::arguments::{
    CompareArguments, ExplainArguments, Files, Knowledge, ReachArguments, RequestArguments,
    WhoArguments,
};
use crate::commands::{
    BAD_CONFIGURATION, FAILED, complain, is_broken, load, report, state, wants_color,
};

/// Without a terminal, such as in a file or a pipe.
const WIDTH: u16 = 100;

pub fn explain(arguments: &ExplainArguments) -> ExitCode {
    if !arguments.what.contains("://") {
        return page(&arguments.what, arguments.knowledge.json);
    }
    let mut query = match query(Verb::Explain, &arguments.what, &arguments.request) {
        Ok(query) => query,
        Err(code) => return code,
    };
    query.from.extend(arguments.from.clone());
    query.calls.clone_from(&arguments.page);
    answer(&query, &arguments.knowledge)
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

fn query(verb: Verb, url: &str, request: &RequestArguments) -> Result<Query, ExitCode> {
    let mut headers = Vec::new();
    for header in &request.header {
        let Some((name, value)) = header.split_once(':') else {
            let text = format!("`{header}` is not a header\n  hint: write `-H '{header}: value'`");
            return Err(complain(BAD_CONFIGURATION, &text));
        };
        headers.push((name.trim().to_owned(), value.trim().to_owned()));
    }
    let (method, to) = (request.method.clone(), request.to.clone());
    Ok(Query { method, headers, to, ..Query::new(verb, Some(url)) })
}

fn answer(query: &Query, knowledge: &Knowledge) -> ExitCode {
    let answered = match knowledge.config.is_empty() {
        true => from_instance(query, knowledge),
        false => from_files(query, &Files { files: knowledge.config.clone() }),
    };
    let answer = match answered {
        Ok(Ok(answer)) => answer,
        Ok(Err(bad)) => {
            return complain(BAD_CONFIGURATION, &format!("{}\n  hint: {}", bad.message, bad.hint));
        }
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

fn from_instance(
    query: &Query,
    knowledge: &Knowledge,
) -> Result<Result<Answer, BadQuestion>, ExitCode> {
    let socket = state(&knowledge.instance).control_socket();
    let answered = control::client::explain(&socket, query).map_err(|error| {
        let hint = "ask files with `--config FILE`, or name the instance's `--state DIR`";
        complain(FAILED, &format!("{error}\n  hint: {hint}"))
    })?;
    Ok(answered.map(from_here))
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

fn from_files(query: &Query, files: &Files) -> Result<Result<Answer, BadQuestion>, ExitCode> {
    let broken = |sources: &Sources, findings: &[model::Finding]| {
        report(sources, findings);
        ExitCode::from(BAD_CONFIGURATION)
    };
    let sources = load(files).map_err(|(sources, findings)| broken(&sources, &findings))?;
    let (model, findings) = config::parse(&sources, &RealEnvironment);
    if is_broken(&findings) {
        return Err(broken(&sources, &findings));
    }
    let now_unix = net::clock::unix_seconds();
    let (store, _) = tls::CertificateStore::check(&model.certificates, now_unix);
    let certificates = Certificates::of(&model, &store, now_unix);
    let world = world::compile(model, 1);
    let files = FromFiles { sources: &sources, certificates: &certificates, now_unix };
    Ok(files.answer(&Atlas::of(&world), query))
}

pub fn text(answer: &Answer, layout: Layout) -> String {
    match answer {
        Answer::Explain(report) => explain::text(report, layout),
        Answer::Who(report) => explain::who_text(report, layout),
        Answer::Reach(report) => explain::reach_text(report, layout),
        Answer::Compare(report) => explain::compare_text(report, layout),
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
