//! Paths and patterns: normalising is stable and leaves nothing that climbs, and the compiled
//! patterns match what a naive matcher matches.

use model::Wildcard;

pub fn check(bytes: &[u8]) {
    let path = [b"/", bytes].concat();
    let mut normal = Vec::new();
    verdict::path::normalise(&path, &mut normal);
    // A `%` that escapes nothing may come to stand before two digits; nobody normalises twice.
    if escapes_only(&path) {
        let mut again = Vec::new();
        verdict::path::normalise(&normal, &mut again);
        assert_eq!(normal, again, "normalising is stable: {}", path.escape_ascii());
    }
    for reading in [&normal, &loosest(&path)] {
        let climbs = reading.split(|byte| *byte == b'/').any(|part| matches!(part, b".." | b"."));
        assert!(!climbs, "{} of {}", reading.escape_ascii(), path.escape_ascii());
        assert!(reading.first() == Some(&b'/'), "{}", reading.escape_ascii());
    }
    if verdict::path::spelling(&path) == verdict::path::Spelling::Plain {
        assert_eq!(normal, path, "a plain path is its own normal form");
        assert_eq!(loosest(&path), path, "and its own loosest reading");
    }
    pattern(bytes);
}

/// Whether every `%` begins an escape.
fn escapes_only(path: &[u8]) -> bool {
    let mut parts = path.split(|byte| *byte == b'%');
    parts.next();
    parts.all(|part| part.len() >= 2 && part[..2].iter().all(u8::is_ascii_hexdigit))
}

fn loosest(path: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    verdict::path::loosest(path, &mut out);
    out
}

/// The first half is a pattern, the second a text.
fn pattern(bytes: &[u8]) {
    let (pattern, text) = bytes.split_at(bytes.len().min(24) / 2);
    let text = &text[..text.len().min(24)];
    let Ok(pattern) = std::str::from_utf8(pattern) else { return };
    let compiled = Wildcard::sensitive(pattern);
    assert_eq!(
        compiled.matches(text),
        naive(pattern.as_bytes(), text),
        "`{pattern}` on `{}`",
        text.escape_ascii()
    );
    let (prefix, suffix) = (compiled.literal_prefix(), compiled.literal_suffix());
    if compiled.matches(text) {
        assert!(text.starts_with(&prefix) && text.ends_with(&suffix), "`{pattern}`");
    }
}

/// `*` for any number of characters, `?` for one: a table of which beginnings of the pattern match
/// which beginnings of the text.
fn naive(pattern: &[u8], text: &[u8]) -> bool {
    let mut matched = vec![false; text.len() + 1];
    matched[0] = true;
    for &piece in pattern {
        let before = matched.clone();
        for at in 0..=text.len() {
            let earlier = at > 0 && before[at - 1];
            matched[at] = match piece {
                b'*' => before[at] || (at > 0 && matched[at - 1]),
                b'?' => earlier,
                other => earlier && text[at - 1] == other,
            };
        }
    }
    matched[text.len()]
}
