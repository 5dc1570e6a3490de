//! The page of the reference that is made from the source says what the program says, and what it
//! tells people to type is there.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use explain::pages::{all, markdown};

#[test]
fn the_page_of_codes_is_current() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/codes.md");
    if std::env::var_os("UPDATE_REFERENCE").is_some() {
        std::fs::write(&page, markdown()).unwrap();
    }
    let written = std::fs::read_to_string(&page).unwrap_or_default();
    assert!(
        written == markdown(),
        "docs/codes.md is not current: UPDATE_REFERENCE=1 cargo test -p pointsman --test reference"
    );
}

#[test]
fn pages_name_only_commands_and_options_there_are() {
    let mut verbs: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (code, text) in texts() {
        for (verb, options) in commands(text) {
            assert!(!verb.is_empty(), "{code}: {text}");
            verbs.entry(verb).or_default().extend(options.map(str::to_owned));
        }
    }
    assert!(verbs.len() > 5, "only {verbs:?}: are commands still found?");
    for (verb, options) in verbs {
        let words: Vec<&str> = verb.split(' ').collect();
        let help = help(&words).unwrap_or_else(|| panic!("there is no `pointsman {verb}`"));
        for option in &options {
            let there = help.split_whitespace().any(|word| word.trim_matches(',') == option);
            assert!(there, "`pointsman {verb}` has no `{option}`");
        }
    }
}

/// Everything that pages say, with their code.
fn texts() -> Vec<(&'static str, &'static str)> {
    let mut texts = Vec::new();
    for page in all() {
        texts.extend([(page.code, page.what), (page.code, page.sees)]);
        let prose = page.causes.iter().chain(page.remedy);
        texts.extend(prose.map(|text| (page.code, *text)));
        texts.extend(
            page.confirm
                .iter()
                .flat_map(|(command, tells)| [(page.code, *command), (page.code, *tells)]),
        );
    }
    texts
}

/// Verbs whose next word is a verb, too.
const OF_TWO_WORDS: [&str; 2] = ["cert", "dns"];

/// The verb and the options of each `pointsman …` in a text.
fn commands(text: &str) -> impl Iterator<Item = (String, impl Iterator<Item = &str>)> {
    text.split("pointsman ").skip(1).filter(|rest| !rest.is_empty()).map(|rest| {
        let command = rest.split(['`', ';', '|']).next().unwrap_or_default();
        let mut words = command.split_whitespace();
        let mut verb = words.next().unwrap_or_default().to_owned();
        if OF_TWO_WORDS.contains(&verb.as_str()) {
            verb.push(' ');
            verb.push_str(words.next().unwrap_or_default());
        }
        (verb, words.filter(|word| word.starts_with("--")))
    })
}

/// `None` if there is no such verb.
fn help(verb: &[&str]) -> Option<String> {
    let program = env!("CARGO_BIN_EXE_pointsman");
    let output = Command::new(program).args(verb).arg("--help").output().unwrap();
    output.status.success().then(|| String::from_utf8(output.stdout).unwrap())
}
