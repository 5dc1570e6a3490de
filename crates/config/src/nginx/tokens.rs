//! The words of an nginx configuration, split as nginx splits them.

use std::sync::Arc;

use model::Place;

use super::Problem;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token {
    Word(String),
    Semicolon,
    Open,
    Close,
}

/// Splits the text of one file; each token comes with its place.
pub struct Tokens<'t> {
    file: Arc<str>,
    rest: std::iter::Peekable<std::str::Chars<'t>>,
    line: u32,
    column: u32,
}

impl<'t> Tokens<'t> {
    pub fn new(file: &str, text: &'t str) -> Self {
        Tokens { file: file.into(), rest: text.chars().peekable(), line: 1, column: 1 }
    }

    pub fn place(&self) -> Place {
        Place::new(Arc::clone(&self.file), self.line, self.column)
    }

    pub fn next(&mut self) -> Result<Option<(Token, Place)>, Problem> {
        loop {
            let place = self.place();
            let token = match self.rest.peek() {
                None => return Ok(None),
                Some(' ' | '\t' | '\r' | '\n') => {
                    self.take();
                    continue;
                }
                Some('#') => {
                    while self.rest.peek().is_some_and(|c| *c != '\n') {
                        self.take();
                    }
                    continue;
                }
                Some(';') => Token::Semicolon,
                Some('{') => Token::Open,
                Some('}') => Token::Close,
                Some('"' | '\'') => return Ok(Some((self.quoted(&place)?, place))),
                Some(_) => return Ok(Some((self.bare(), place))),
            };
            self.take();
            return Ok(Some((token, place)));
        }
    }

    /// Passes over a block of Lua, with its strings and comments; the opening brace was taken.
    pub fn skip_block(&mut self, open: &Place) -> Result<(), Problem> {
        let mut depth = 1;
        let mut string = None;
        while depth > 0 {
            let taken = self.take();
            match (taken, string) {
                (Some('\\'), Some(_)) => {
                    self.take();
                }
                (Some(c), Some(quote)) if c == quote => string = None,
                (Some(_), Some(_)) => {}
                (Some('"' | '\''), None) => string = taken,
                (Some('-'), None) if self.rest.peek() == Some(&'-') => {
                    while self.rest.peek().is_some_and(|c| *c != '\n') {
                        self.take();
                    }
                }
                (Some('{'), None) => depth += 1,
                (Some('}'), None) => depth -= 1,
                (Some(_), None) => {}
                (None, _) => return Err(Problem::new(open, "this `{` is never closed")),
            }
        }
        Ok(())
    }

    fn take(&mut self) -> Option<char> {
        let c = self.rest.next()?;
        if c == '\n' {
            self.line += 1;
            self.column = 1;
        } else {
            self.column += 1;
        }
        Some(c)
    }

    fn quoted(&mut self, place: &Place) -> Result<Token, Problem> {
        let quote = self.take();
        let mut word = String::new();
        loop {
            match self.take() {
                None => return Err(Problem::new(place, "this quote is never closed")),
                Some('\\') => self.escape(&mut word),
                c if c == quote => break,
                Some(c) => word.push(c),
            }
        }
        match self.rest.peek() {
            None | Some(' ' | '\t' | '\r' | '\n' | ';' | '{' | ')') => Ok(Token::Word(word)),
            Some(c) => {
                let text = format!("`{c}` follows a quote; a space is missing, or a `;`");
                Err(Problem::new(&self.place(), text))
            }
        }
    }

    fn bare(&mut self) -> Token {
        let mut word = String::new();
        let mut variable = false;
        while let Some(&c) = self.rest.peek() {
            match c {
                ' ' | '\t' | '\r' | '\n' | ';' => break,
                // `${name}`.
                '{' if !variable => break,
                _ => {}
            }
            variable = c == '$';
            self.take();
            if c == '\\' {
                self.escape(&mut word);
            } else {
                word.push(c);
            }
        }
        Token::Word(word)
    }

    /// After a backslash: quotes and backslashes stand for themselves, `\t`, `\r` and `\n` for
    /// control characters, and any other backslash stays.
    fn escape(&mut self, word: &mut String) {
        match self.take() {
            Some(c @ ('"' | '\'' | '\\')) => word.push(c),
            Some('t') => word.push('\t'),
            Some('r') => word.push('\r'),
            Some('n') => word.push('\n'),
            Some(c) => word.extend(['\\', c]),
            None => word.push('\\'),
        }
    }
}
