//! Every configuration that the documents show can be used as it stands.

use config::{RealEnvironment, Sources};
use model::Severity;

#[test]
fn every_example_in_the_documents_parses() {
    for file in ["README.md", "docs/configuration.md", "docs/dns.md"] {
        let path = format!("{}/../../{file}", env!("CARGO_MANIFEST_DIR"));
        let document = std::fs::read_to_string(path).unwrap().replace("\r\n", "\n");
        let mut examples = 0;
        for (start, _) in document.match_indices("```hcl\n") {
            let text = &document[start + "```hcl\n".len()..];
            let text = &text[..text.find("```").expect("a fence that closes")];
            let line = document[..start].matches('\n').count() + 1;
            let sources = Sources::single(file, text);
            let (_, findings) = config::parse(&sources, &RealEnvironment);
            let errors: Vec<_> =
                findings.iter().filter(|finding| finding.severity == Severity::Error).collect();
            assert!(errors.is_empty(), "{file}, the example at line {line}: {errors:#?}");
            examples += 1;
        }
        assert!(examples > 0, "{file} shows no configuration");
    }
}

/// `everything.hcl` holds every block and attribute; the reference names each in backquotes.
#[test]
fn every_block_and_attribute_is_documented() {
    let path = format!("{}/../../docs/configuration.md", env!("CARGO_MANIFEST_DIR"));
    let document = std::fs::read_to_string(path).unwrap();
    let documented = |word: &str| {
        document.contains(&format!("## {word}"))
            || document.match_indices(word).any(|(at, _)| {
                let before = document[..at].bytes().next_back();
                let after = document[at + word.len()..].bytes().next();
                matches!(before, Some(b'`' | b' ')) && matches!(after, Some(b'`' | b' ' | b','))
            })
    };
    let text = include_str!("everything.hcl");
    let tokens: Vec<&str> = text.split_whitespace().collect();
    let is_word = |word: &&str| word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    let mut words = std::collections::BTreeSet::new();
    for three in tokens.windows(3).filter(|three| is_word(&three[0])) {
        let named = three[1].starts_with('"') && three[2] == "{";
        if matches!(three[1], "=" | "{") || named {
            words.insert(three[0]);
        }
    }
    assert!(words.len() > 60, "only {words:?}");
    let missing: Vec<&&str> = words.iter().filter(|word| !documented(word)).collect();
    assert!(missing.is_empty(), "docs/configuration.md does not name {missing:?}");
}
