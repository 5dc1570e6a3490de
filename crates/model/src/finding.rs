use crate::Place;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    Warning,
    Error,
}

/// Something wrong, or doubtful, in what was declared: names the thing, the place and the remedy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub severity: Severity,
    /// Stable, such as `config/unknown-attribute` or `lint/shadowed-rule`.
    pub code: &'static str,
    /// Lower case, no full stop, user input in backticks.
    pub message: String,
    pub place: Place,
    /// Characters to underline from `place`; at least 1.
    pub length: u32,
    /// Other places that belong to it, such as "defined here".
    pub related: Vec<(Place, String)>,
    /// The remedy.
    pub hint: Option<String>,
}

impl Finding {
    pub fn error(code: &'static str, place: &Place, message: impl Into<String>) -> Self {
        Finding {
            severity: Severity::Error,
            code,
            message: message.into(),
            place: place.clone(),
            length: 1,
            related: Vec::new(),
            hint: None,
        }
    }

    pub fn warning(code: &'static str, place: &Place, message: impl Into<String>) -> Self {
        Finding { severity: Severity::Warning, ..Finding::error(code, place, message) }
    }

    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub fn related(mut self, place: &Place, text: impl Into<String>) -> Self {
        self.related.push((place.clone(), text.into()));
        self
    }

    pub fn length(mut self, characters: u32) -> Self {
        self.length = characters.max(1);
        self
    }
}
