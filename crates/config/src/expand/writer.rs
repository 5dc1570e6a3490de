//! Writing blocks and attributes; the layout is made afterwards.

use std::fmt::Write;

/// Configuration text in the making.
#[derive(Default)]
pub struct Writer {
    pub text: String,
}

impl Writer {
    pub fn block(&mut self, head: &str, body: impl FnOnce(&mut Writer)) {
        let _ = writeln!(self.text, "{head} {{");
        body(self);
        self.text.push_str("}\n\n");
    }

    pub fn set(&mut self, name: &str, value: impl std::fmt::Display) {
        let _ = writeln!(self.text, "{name} = {value}");
    }

    pub fn text(&mut self, name: &str, value: &str) {
        self.set(name, quoted(value));
    }

    pub fn list(&mut self, name: &str, items: impl Iterator<Item = String>) {
        let items: Vec<String> = items.collect();
        self.set(name, format!("[{}]", items.join(", ")));
    }
}

/// A string literal without templates.
pub fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '$' | '%' if characters.peek() == Some(&'{') => {
                out.push(c);
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
