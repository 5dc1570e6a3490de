//! Just enough of Rust's lexical structure to judge source by its words: comments and the contents
//! of literals do not count, and tests can be told from the code.

/// A word or a single sign of the code, and the line it stands on (1-based).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token<'a> {
    pub text: &'a str,
    pub line: usize,
}

/// `text` with comments and literals replaced by spaces: every line keeps its number.
pub fn blank(text: &str) -> String {
    let mut blanked = String::with_capacity(text.len());
    let mut rest = text;
    let mut after_word = false;
    while let Some(first) = rest.chars().next() {
        let length = literal_length(rest, after_word);
        if length == 0 {
            blanked.push(first);
            after_word = is_word(first);
            rest = &rest[first.len_utf8()..];
            continue;
        }
        let (literal, remainder) = rest.split_at(length);
        blanked.extend(literal.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        after_word = false;
        rest = remainder;
    }
    blanked
}

/// The length in bytes of the comment or literal that `rest` begins with; 0 if it begins with code.
fn literal_length(rest: &str, after_word: bool) -> usize {
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return block_comment_length(rest);
    }
    if let Some(quoted) = rest.strip_prefix('"') {
        return 1 + closing_quote(quoted, '"');
    }
    if let Some(quoted) = rest.strip_prefix('\'') {
        return char_length(quoted).map_or(0, |length| 1 + length);
    }
    if after_word {
        return 0;
    }
    ["br", "cr", "r"].into_iter().find_map(|prefix| raw_string_length(rest, prefix)).unwrap_or(0)
}

/// Block comments nest.
fn block_comment_length(rest: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(here) = rest.get(at..).filter(|here| !here.is_empty()) {
        if here.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if here.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += here.chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

/// The length up to and with the closing quote, stepping over escapes.
fn closing_quote(quoted: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in quoted.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return at + 1,
            _ => {}
        }
    }
    quoted.len()
}

/// `None` for a lifetime.
fn char_length(quoted: &str) -> Option<usize> {
    let mut chars = quoted.chars();
    let first = chars.next()?;
    if first == '\\' {
        return Some(closing_quote(quoted, '\''));
    }
    (chars.next()? == '\'').then(|| first.len_utf8() + 1)
}

fn raw_string_length(rest: &str, prefix: &str) -> Option<usize> {
    let after = rest.strip_prefix(prefix)?;
    let fence = after.len() - after.trim_start_matches('#').len();
    let quoted = after.get(fence..)?.strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(fence));
    let length = quoted.find(&end).map_or(quoted.len(), |at| at + end.len());
    Some(prefix.len() + fence + 1 + length)
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The words and signs of blanked code.
pub fn tokens(blanked: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    for (number, line) in blanked.lines().enumerate() {
        let mut rest = line.trim_start();
        while let Some(first) = rest.chars().next() {
            let length = match is_word(first) {
                true => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
                false => first.len_utf8(),
            };
            let (text, remainder) = rest.split_at(length);
            tokens.push(Token { text, line: number + 1 });
            rest = remainder.trim_start();
        }
    }
    tokens
}

/// The lines on which `pattern` begins.
pub fn find(tokens: &[Token<'_>], pattern: &[&str]) -> Vec<usize> {
    let fits = |window: &&[Token<'_>]| window.iter().zip(pattern).all(|(a, b)| a.text == *b);
    tokens.windows(pattern.len().max(1)).filter(fits).map(|window| window[0].line).collect()
}

/// How many lines of blanked code do not belong to items under `#[cfg(test)]`.
pub fn lines_without_tests(blanked: &str) -> usize {
    let mut counted = 0;
    let mut rest = blanked;
    while let Some(at) = rest.find("#[cfg(test)]") {
        let (before, from) = rest.split_at(at);
        counted += before.matches('\n').count();
        rest = &from[item_length(from)..];
        // The item ends within a line that began before it.
        rest = rest.strip_prefix('\n').unwrap_or(rest);
    }
    counted + rest.lines().count()
}

/// To the `;` or the closing brace of the item that `from` begins with.
fn item_length(from: &str) -> usize {
    let mut depth = 0_usize;
    for (at, c) in from.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at + 1;
                }
            }
            ';' if depth == 0 => return at + 1,
            _ => {}
        }
    }
    from.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_not_code() {
        for (source, words) in [
            ("a // unsafe\nb", "a b"),
            ("a /* x /* unsafe */ y */ b", "a b"),
            ("f(\"unsafe \\\" {\") + b", "f ( ) + b"),
            ("r#\"unsafe \" x\"# b", "b"),
            ("br\"unsafe\\\" b", "b"),
            ("r#type", "r # type"),
            ("for\"x\"", "for"),
            ("'{' '\\'' 'a b", "' a b"),
            ("&'static str", "& ' static str"),
            ("\"never closed", ""),
            ("'é' b", "b"),
        ] {
            let blanked = blank(source);
            let found: Vec<&str> = tokens(&blanked).iter().map(|token| token.text).collect();
            assert_eq!(found.join(" "), words, "{source}");
            assert_eq!(blanked.matches('\n').count(), source.matches('\n').count(), "{source}");
        }
    }

    #[test]
    fn words_are_found_across_lines_and_never_inside_words() {
        let source = "std::time::Instant\n  ::now();\nMyInstant::now(); Instant::nowhere()";
        let blanked = blank(source);
        assert_eq!(find(&tokens(&blanked), &["Instant", ":", ":", "now"]), [1]);
    }

    #[test]
    fn tests_are_not_counted() {
        let code = "fn a() {}\nfn b() {}\n";
        for (name, tests, lines) in [
            ("none", "", 2),
            ("a module", "#[cfg(test)]\nmod tests {\n    fn x() { {} }\n}\n", 2),
            ("a file", "#[cfg(test)]\nmod tests;\n", 2),
            (
                "a brace in a literal",
                "#[cfg(test)]\nmod tests { const C: char = '}';\n fn x() {}\n}\n",
                2,
            ),
            ("code after tests", "#[cfg(test)]\nuse x::Y;\nfn c() {}\n", 3),
        ] {
            let source = format!("{code}{tests}");
            assert_eq!(lines_without_tests(&blank(&source)), lines, "{name}");
        }
    }
}
