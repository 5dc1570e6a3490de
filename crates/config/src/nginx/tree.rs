//! Directives and their blocks, with what they include.

use std::path::Path;

use model::Place;

use super::Problem;
use super::tokens::{Token, Tokens};
use crate::environment::Environment;

const DEPTH_MAX: u32 = 32;
const INCLUDE_DEPTH_MAX: u32 = 16;
const DIRECTIVES_MAX: usize = 200_000;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directive {
    pub name: String,
    pub words: Vec<String>,
    /// `Some` with braces.
    pub block: Option<Vec<Directive>>,
    pub place: Place,
}

impl Directive {
    pub fn word(&self, at: usize) -> &str {
        self.words.get(at).map_or("", String::as_str)
    }

    pub fn inner(&self) -> &[Directive] {
        self.block.as_deref().unwrap_or_default()
    }
}

pub fn load(
    environment: &dyn Environment,
    folder: &Path,
    name: &str,
) -> Result<Vec<Directive>, Problem> {
    let path = Path::new(name);
    let base = folder.join(path.parent().unwrap_or(Path::new("")));
    let mut loader = Loader { environment, base: &base, directives: 0 };
    let shown = folder.join(path).display().to_string();
    let text = environment.file(folder, name).map_err(|error| {
        Problem::new(&Place::described(&shown), format!("cannot read `{name}`: {error}"))
    })?;
    loader.file(&shown, &text, 0)
}

struct Loader<'e> {
    environment: &'e dyn Environment,
    /// What included paths are relative to: the folder of the first file, as nginx has it.
    base: &'e Path,
    directives: usize,
}

impl Loader<'_> {
    fn file(&mut self, shown: &str, text: &str, includes: u32) -> Result<Vec<Directive>, Problem> {
        let mut tokens = Tokens::new(shown, text);
        self.block(&mut tokens, None, includes, 0)
    }

    /// Up to the brace that closes `open`, or the end of the file.
    fn block(
        &mut self,
        tokens: &mut Tokens<'_>,
        open: Option<&Place>,
        includes: u32,
        depth: u32,
    ) -> Result<Vec<Directive>, Problem> {
        let mut directives = Vec::new();
        loop {
            let Some((token, place)) = tokens.next()? else {
                return match open {
                    Some(open) => Err(Problem::new(open, "this `{` is never closed")),
                    None => Ok(directives),
                };
            };
            match (token, open) {
                (Token::Close, Some(_)) => return Ok(directives),
                (Token::Close, None) => {
                    return Err(Problem::new(&place, "this `}` closes nothing"));
                }
                (Token::Semicolon, _) => {
                    return Err(Problem::new(&place, "this `;` ends nothing"));
                }
                (Token::Open, _) => {
                    return Err(Problem::new(&place, "a directive is missing before this `{`"));
                }
                (Token::Word(name), _) => {
                    let directive = self.directive(tokens, name, place, includes, depth)?;
                    if directive.name == "include" && directive.block.is_none() {
                        directives.extend(self.include(&directive, includes)?);
                    } else {
                        directives.push(directive);
                    }
                }
            }
        }
    }

    fn directive(
        &mut self,
        tokens: &mut Tokens<'_>,
        name: String,
        place: Place,
        includes: u32,
        depth: u32,
    ) -> Result<Directive, Problem> {
        self.directives += 1;
        if self.directives > DIRECTIVES_MAX {
            let text = format!("there are more than {DIRECTIVES_MAX} directives");
            return Err(Problem::new(&place, text));
        }
        let mut words = Vec::new();
        loop {
            match tokens.next()? {
                Some((Token::Word(word), _)) => words.push(word),
                Some((Token::Semicolon, _)) => {
                    return Ok(Directive { name, words, block: None, place });
                }
                Some((Token::Open, open)) => {
                    if depth >= DEPTH_MAX {
                        let text = format!("blocks are more than {DEPTH_MAX} deep");
                        return Err(Problem::new(&open, text));
                    }
                    let block = if name.ends_with("_by_lua_block") {
                        tokens.skip_block(&open)?;
                        Vec::new()
                    } else {
                        self.block(tokens, Some(&open), includes, depth + 1)?
                    };
                    return Ok(Directive { name, words, block: Some(block), place });
                }
                Some((Token::Close, _)) | None => {
                    return Err(Problem::new(&place, format!("`{name}` does not end with `;`")));
                }
            }
        }
    }

    /// A file that is not there stays an `include`, and is not understood.
    fn include(&mut self, directive: &Directive, depth: u32) -> Result<Vec<Directive>, Problem> {
        let pattern = directive.word(0);
        if depth >= INCLUDE_DEPTH_MAX {
            let text = format!("files include one another more than {INCLUDE_DEPTH_MAX} deep");
            return Err(Problem::new(&directive.place, text));
        }
        let names = if pattern.contains(['*', '?', '[']) {
            match self.environment.files(self.base, pattern) {
                Ok(names) => names,
                Err(_) => return Ok(vec![directive.clone()]),
            }
        } else {
            vec![pattern.to_owned()]
        };
        let mut directives = Vec::new();
        for name in names {
            match self.environment.file(self.base, &name) {
                Ok(text) => {
                    let shown = self.base.join(&name).display().to_string();
                    directives.extend(self.file(&shown, &text, depth + 1)?);
                }
                Err(_) => directives.push(Directive { words: vec![name], ..directive.clone() }),
            }
        }
        Ok(directives)
    }
}
