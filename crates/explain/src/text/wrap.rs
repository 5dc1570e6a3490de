//! Lines that fit.

/// Columns that a text takes; our texts hold no wide characters.
pub fn columns(text: &str) -> usize {
    text.chars().count()
}

/// At spaces; a word that is longer than a line is left whole.
pub fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(' ') {
        if !line.is_empty() && columns(&line) + 1 + columns(word) > width {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stay_whole() {
        let rows: [(&str, usize, &[&str]); 4] = [
            ("a bc d", 4, &["a bc", "d"]),
            ("abcdef g", 3, &["abcdef", "g"]),
            ("", 3, &[""]),
            ("ab", 2, &["ab"]),
        ];
        for (text, width, expected) in rows {
            assert_eq!(wrapped(text, width), expected, "{text} in {width}");
        }
    }
}
