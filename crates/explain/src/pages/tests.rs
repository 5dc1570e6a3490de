use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::*;
use crate::text::{Layout, Paint};

/// Families whose codes are literals of the sources, and where those are.
const LITERAL: &[&str] = &["lint", "syntax", "config", "certificate", "delegation"];
const SOURCES: &[&str] = &[
    "acme", "config", "control", "dns", "explain", "net", "proxy", "signal", "store", "tls",
    "verdict", "world",
];

fn codes_of_enums() -> impl Iterator<Item = &'static str> {
    let refusals = Refusal::ALL.iter().map(|refusal| refusal.code());
    refusals.chain(Obstacle::ALL.iter().map(|obstacle| obstacle.code()))
}

#[test]
fn every_code_of_the_enums_has_a_page_in_their_order() {
    for family in ["name", "admit", "tls", "request", "route", "redirect", "target"] {
        let enums: Vec<&str> =
            codes_of_enums().filter(|code| code.split('/').next() == Some(family)).collect();
        let pages = FAMILIES.iter().find(|known| known.name == family).unwrap();
        let pages: Vec<&str> = pages.all().map(|page| page.code).collect();
        assert_eq!(pages, enums, "{family}");
    }
}

#[test]
fn every_code_of_an_enum_is_of_a_family_with_pages() {
    for code in codes_of_enums() {
        assert!(page(code).is_some(), "{code} has no page");
    }
}

#[test]
fn every_literal_code_has_a_page_and_every_page_a_literal() {
    let found = literals();
    for (code, file) in &found {
        assert!(page(code).is_some(), "{code} of {} has no page", file.display());
    }
    for page in all().filter(|page| LITERAL.contains(&family(page.code))) {
        assert!(found.contains_key(page.code), "{} has a page, and nothing says it", page.code);
    }
}

#[test]
fn the_lints_are_those_that_can_be_named_in_a_silence() {
    let pages: BTreeSet<&str> =
        all().map(|page| page.code).filter(|code| family(code) == "lint").collect();
    assert_eq!(pages, model::LINTS.into_iter().collect());
}

fn family(code: &str) -> &str {
    code.split('/').next().unwrap_or_default()
}

/// The codes that stand in quotes in the sources, and one file each. Tests may name what there is not.
fn literals() -> BTreeMap<String, PathBuf> {
    let mut found = BTreeMap::new();
    for (file, text) in sources() {
        for code in text.split('"').filter(|word| is_code(word)) {
            found.insert(code.to_owned(), file.clone());
        }
    }
    assert!(found.len() > 60, "only {} codes: were the sources moved?", found.len());
    found
}

#[test]
fn every_warning_of_the_journal_has_a_page_and_every_page_a_warning() {
    let mut found = BTreeSet::new();
    for (file, text) in sources() {
        for call in ["journal.warn(\"", "journal.error(\""] {
            for rest in text.split(call).skip(1) {
                let code = rest.split('"').next().unwrap_or_default();
                assert!(page(code).is_some(), "{code} of {} has no page", file.display());
                found.insert(code.to_owned());
            }
        }
    }
    for page in journal::PAGES {
        assert!(found.contains(page.code), "{} has a page, and nothing says it", page.code);
    }
}

fn is_code(word: &str) -> bool {
    word.split_once('/').is_some_and(|(family, cause)| {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        LITERAL.contains(&family) && !cause.is_empty() && cause.bytes().all(plain)
    })
}

/// Path and text of each file, without tests and without these pages.
fn sources() -> Vec<(PathBuf, String)> {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files = Vec::new();
    SOURCES.iter().for_each(|name| collect(&crates.join(name).join("src"), &mut files));
    files
}

fn collect(folder: &Path, files: &mut Vec<(PathBuf, String)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
        if ["tests", "pages"].contains(&stem.as_str()) {
            continue;
        }
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
            files.push((path, code.to_owned()));
        }
    }
}

#[test]
fn every_page_is_whole() {
    let mut seen = BTreeSet::new();
    for page in all() {
        let code = page.code;
        assert!(seen.insert(code), "{code} twice");
        assert!(!page.causes.is_empty(), "{code} has no cause");
        assert!(!page.confirm.is_empty(), "{code} cannot be confirmed");
        assert!(!page.remedy.is_empty(), "{code} has no remedy");
        for phrase in [page.what, page.sees] {
            assert!(!phrase.is_empty() && !phrase.ends_with('.'), "{code}: {phrase}");
        }
        for (command, tells) in page.confirm {
            assert!(!command.is_empty() && !tells.is_empty(), "{code}");
            assert!(!tells.ends_with('.'), "{code}: {tells}");
        }
        for sentence in page.causes.iter().chain(page.remedy) {
            let end = sentence.trim_end_matches(['`', '"']);
            assert!(end.ends_with('.') || sentence.ends_with('`'), "{code}: {sentence}");
        }
    }
}

#[test]
fn related_codes_exist_and_are_others() {
    for page in all() {
        for related in page.related {
            assert!(super::page(related).is_some(), "{}: {related}", page.code);
            assert_ne!(*related, page.code);
        }
        let distinct: BTreeSet<_> = page.related.iter().collect();
        assert_eq!(distinct.len(), page.related.len(), "{}", page.code);
    }
}

/// Codes that prose names in backticks exist too.
#[test]
fn codes_in_prose_exist() {
    let families: Vec<&str> = FAMILIES.iter().map(|family| family.name).collect();
    let mut named = 0;
    for page in all() {
        for span in spans(&page) {
            let Some((family, cause)) = span.split_once('/') else { continue };
            let plain = cause.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
            if families.contains(&family) && plain {
                assert!(super::page(span).is_some(), "{}: `{span}`", page.code);
                named += 1;
            }
        }
    }
    assert!(named > 10, "only {named}");
}

/// What stands between backticks.
fn spans(page: &Page) -> Vec<&'static str> {
    let texts = [page.what, page.sees].into_iter();
    let tells = page.confirm.iter().map(|(_, tells)| *tells);
    let prose = page.causes.iter().chain(page.remedy).copied();
    texts
        .chain(tells)
        .chain(prose)
        .flat_map(|text| {
            assert_eq!(text.matches('`').count() % 2, 0, "{}: {text}", page.code);
            text.split('`').skip(1).step_by(2)
        })
        .collect()
}

#[test]
fn a_page_is_found_by_its_exact_code_only() {
    let rows = [
        ("admit/no-rule", true),
        ("config/label", true),
        ("no-rule", false),
        ("Admit/no-rule", false),
        ("admit/", false),
        ("", false),
    ];
    for (code, found) in rows {
        assert_eq!(page(code).is_some(), found, "{code}");
    }
}

#[test]
fn near_codes() {
    let rows: &[(&str, &[&str])] = &[
        ("no-rule", &["admit/no-rule"]),
        ("admit/norule", &["admit/no-rule"]),
        ("ADMIT/NO-RULE", &["admit/no-rule"]),
        ("target/refusd", &["target/refused"]),
        ("refused", &["target/refused"]),
        ("target-refused", &["target/refused"]),
        ("target/no-rule", &["admit/no-rule"]),
        ("redirect-loop", &["lint/redirect-loop", "config/redirect-loop"]),
        ("expired", &["tls/expired", "certificate/expired"]),
        ("lint/shadowd-rule", &["lint/shadowed-rule"]),
        ("answered-502", &["target/answered-502"]),
        ("zzzz", &[]),
        ("", &[]),
    ];
    for (typed, expected) in rows {
        let near = nearest(typed);
        assert!(near.len() <= 3, "{typed}: {near:?}");
        assert_eq!(near.is_empty(), expected.is_empty(), "{typed}: {near:?}");
        for code in *expected {
            assert!(near.contains(code), "{typed}: {near:?} lacks {code}");
        }
        if let [only] = expected {
            assert_eq!(near[0], *only, "{typed}: {near:?}");
        }
    }
}

#[test]
fn every_code_is_nearest_to_itself() {
    for page in all() {
        assert_eq!(nearest(page.code).first(), Some(&page.code));
    }
}

#[test]
fn text_fits_the_terminal_except_commands() {
    for width in [80, 160] {
        for page in all() {
            let text = text(&page, Layout { width, paint: Paint::Plain });
            for line in text.lines() {
                let command = page.confirm.iter().any(|(command, _)| line.trim() == *command);
                assert!(command || line.chars().count() <= width, "{}: {line}", page.code);
            }
            for part in [page.code, page.what.split(' ').next().unwrap(), "What to do"] {
                assert!(text.contains(part), "{}: {part}", page.code);
            }
            assert!(!text.contains('\u{1b}'), "{}", page.code);
        }
    }
}

#[test]
fn the_reference_has_a_section_for_each_code_and_its_links_lead_there() {
    let reference = markdown();
    let anchors: BTreeSet<String> = reference
        .lines()
        .filter_map(|line| line.strip_prefix("### "))
        .map(|code| code.replace('/', ""))
        .collect();
    assert_eq!(anchors.len(), all().count());
    for link in reference.split("](#").skip(1) {
        let anchor = link.split(')').next().unwrap();
        assert!(anchors.contains(anchor), "#{anchor}");
    }
}
