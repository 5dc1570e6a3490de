//! Reading a configuration for a verb, and reporting what is wrong with it.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use config::{RealEnvironment, Sources};
use model::{Finding, Severity};

use crate::commands::{BAD_CONFIGURATION, terminal_style};

/// The files, or the findings that say why they cannot be read.
pub fn load(files: &[PathBuf]) -> Result<Sources, (Sources, Vec<Finding>)> {
    let mut all = Sources::default();
    let mut findings = Vec::new();
    for file in files {
        match Sources::load(file) {
            Ok(sources) => all.append(sources),
            Err(problems) => findings.extend(problems),
        }
    }
    if findings.is_empty() { Ok(all) } else { Err((all, findings)) }
}

/// A configuration without errors; what is wrong has been reported.
pub fn read(files: &[PathBuf]) -> Result<(Sources, model::Model, Vec<Finding>), ExitCode> {
    let broken = |sources: &Sources, findings: &[Finding]| {
        report(sources, findings);
        ExitCode::from(BAD_CONFIGURATION)
    };
    let sources = load(files).map_err(|(sources, findings)| broken(&sources, &findings))?;
    let (model, findings) = config::parse(&sources, &RealEnvironment);
    match is_broken(&findings) {
        true => Err(broken(&sources, &findings)),
        false => Ok((sources, model, findings)),
    }
}

pub fn report(sources: &Sources, findings: &[Finding]) {
    if !findings.is_empty() {
        let style = terminal_style(std::io::stderr().is_terminal());
        eprint!("{}", config::render(sources, findings, style));
    }
}

pub fn is_broken(findings: &[Finding]) -> bool {
    findings.iter().any(|finding| finding.severity == Severity::Error)
}
