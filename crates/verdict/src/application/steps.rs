//! The rewrite phase (<https://nginx.org/en/docs/http/ngx_http_rewrite_module.html>).

use model::Place;
use model::application::{AfterRewrite, Behaviour, Rewrite, Step, Test, Value};
use regex::bytes::Regex;

use super::request::Request;
use super::value::Captures;
use super::{Answer, not_understood, uri};

/// Where steps stand.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Level {
    Server,
    Location,
}

pub enum Flow {
    Next,
    /// The rest of the phase is skipped.
    Leave,
}

impl<'a> Request<'a, '_> {
    pub fn run(
        &mut self,
        steps: &'a [Step],
        current: &mut &'a Behaviour,
        level: Level,
    ) -> Result<Flow, Answer<'a>> {
        for step in steps {
            match step {
                Step::Return { status, text, place } => {
                    return Err(self.return_(*status, text.as_ref(), current, place)?);
                }
                Step::Rewrite(rewrite) => {
                    if let Flow::Leave = self.rewrite(rewrite, current)? {
                        return Ok(Flow::Leave);
                    }
                }
                Step::If { test, then, place } => {
                    if self.holds(test, place)? {
                        // Of an `if` in a server only the steps count.
                        if level == Level::Location {
                            *current = then;
                        }
                        if let Flow::Leave = self.run(&then.steps, current, level)? {
                            return Ok(Flow::Leave);
                        }
                    }
                }
                Step::Set { variable, value, place } => {
                    let text = self.text(value, Captures::AsTheyAre, place)?;
                    self.variables.insert(variable, text);
                }
                Step::Break => {
                    self.path_changed = false;
                    return Ok(Flow::Leave);
                }
                Step::NotUnderstood(doubt) => return Err(not_understood(doubt)),
            }
        }
        Ok(Flow::Next)
    }

    fn return_(
        &mut self,
        status: u16,
        text: Option<&Value>,
        current: &'a Behaviour,
        place: &'a Place,
    ) -> Result<Answer<'a>, Answer<'a>> {
        Ok(match (status, text) {
            (301..=303 | 307 | 308, Some(text)) => {
                let location = self.text(text, Captures::AsTheyAre, place)?;
                self.finish(status, Some(location), current, place)
            }
            // With a text of its own, or below 400, no error page takes its place.
            (_, Some(_)) | (..=300, None) => {
                let (status, place) = self.page_status.unwrap_or((status, place));
                Answer::Status { status, place }
            }
            (_, None) => self.finish(status, None, current, place),
        })
    }

    fn rewrite(
        &mut self,
        rewrite: &'a Rewrite,
        current: &'a Behaviour,
    ) -> Result<Flow, Answer<'a>> {
        let place = &rewrite.place;
        let path = std::mem::take(&mut self.path);
        let matches = self.matches(&rewrite.regex, &path);
        self.path = path;
        if !matches {
            return Ok(Flow::Next);
        }
        self.internal = true;
        let how = match rewrite.then {
            AfterRewrite::Redirect(_) => Captures::Escaped,
            AfterRewrite::NextStep | AfterRewrite::Last | AfterRewrite::Break => {
                Captures::AsTheyAre
            }
        };
        let path = self.text(&rewrite.path, how, place)?;
        let mut query = match &rewrite.query {
            Some(query) => Some(self.text(query, Captures::Escaped, place)?),
            None => None,
        };
        if rewrite.keeps_query && !self.query.is_empty() {
            match &mut query {
                Some(query) => {
                    query.push(b'&');
                    query.extend_from_slice(&self.query);
                }
                None => query = Some(self.query.clone()),
            }
        }
        if let AfterRewrite::Redirect(status) = rewrite.then {
            let mut location = uri::unescaped(&path);
            if let Some(query) = query {
                location.push(b'?');
                location.extend_from_slice(&query);
            }
            return Err(self.finish(status, Some(location), current, place));
        }
        if path.is_empty() {
            return Err(Answer::Status { status: 500, place });
        }
        self.path = path;
        self.query = query.unwrap_or_default();
        match rewrite.then {
            AfterRewrite::Break => {
                self.path_changed = false;
                Ok(Flow::Leave)
            }
            AfterRewrite::Last => {
                self.path_changed = true;
                Ok(Flow::Leave)
            }
            AfterRewrite::NextStep | AfterRewrite::Redirect(_) => {
                self.path_changed = true;
                Ok(Flow::Next)
            }
        }
    }

    fn holds(&mut self, test: &'a Test, place: &'a Place) -> Result<bool, Answer<'a>> {
        let text = |value| self.text(value, Captures::AsTheyAre, place);
        Ok(match test {
            Test::True(value) => !matches!(&text(value)?[..], b"" | b"0"),
            Test::Equal(one, other) => text(one)? == text(other)?,
            Test::NotEqual(one, other) => text(one)? != text(other)?,
            Test::Matches(value, regex) => {
                let text = text(value)?;
                self.matches(regex, &text)
            }
            Test::MatchesNot(value, regex) => {
                let text = text(value)?;
                !self.matches(regex, &text)
            }
            Test::Path(wildcard) => wildcard.matches(self.asked.path.as_bytes()),
            Test::NotUnderstood(doubt) => return Err(not_understood(doubt)),
        })
    }

    /// Captures, or forgets what was captured.
    fn matches(&mut self, regex: &Regex, text: &[u8]) -> bool {
        let captures = regex.captures(text);
        self.captures = captures.as_ref().map(uri::captured).unwrap_or_default();
        captures.is_some()
    }
}
