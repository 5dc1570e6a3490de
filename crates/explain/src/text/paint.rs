//! Colour, where it is wanted.

/// Whether terminals are written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paint {
    Plain,
    Color,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    Good,
    Bad,
    Doubt,
    Strong,
    Faint,
}

impl Paint {
    pub fn of(self, tone: Tone, text: &str) -> String {
        let code = match (self, tone) {
            (Paint::Plain, _) => return text.to_owned(),
            (Paint::Color, Tone::Good) => "32",
            (Paint::Color, Tone::Bad) => "31",
            (Paint::Color, Tone::Doubt) => "33",
            (Paint::Color, Tone::Strong) => "1",
            (Paint::Color, Tone::Faint) => "2",
        };
        if text.is_empty() { String::new() } else { format!("\u{1b}[{code}m{text}\u{1b}[0m") }
    }
}
