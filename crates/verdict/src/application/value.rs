//! Text with variables (<https://nginx.org/en/docs/varindex.html>).

use model::application::{Part, Value};
use model::{Place, TemplatePart};

use super::request::Request;
use super::{Answer, uri};

/// How captures are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Captures {
    AsTheyAre,
    /// In the replacement of a redirecting `rewrite`, and in queries.
    Escaped,
}

impl<'a> Request<'a, '_> {
    pub fn text(
        &self,
        value: &Value,
        captures: Captures,
        place: &'a Place,
    ) -> Result<Vec<u8>, Answer<'a>> {
        let mut out = Vec::new();
        for part in &value.0 {
            match part {
                Part::Text(text) => out.extend_from_slice(text.as_bytes()),
                Part::Capture(at) => {
                    let text = self.captures.get(usize::from(*at)).map_or(&[][..], Vec::as_slice);
                    // nginx escapes only where the request itself had something escaped.
                    let quoted = self.asked.path.contains(['%', '+']);
                    match (captures, quoted) {
                        (Captures::Escaped, true) => uri::escaped(text, &mut out),
                        (Captures::Escaped, false) | (Captures::AsTheyAre, _) => {
                            out.extend_from_slice(text)
                        }
                    }
                }
                Part::Variable(name) => match self.variable(name) {
                    Some(text) => out.extend_from_slice(&text),
                    None => {
                        let why = format!("it depends on `${name}`, which is not known");
                        return Err(Answer::NotKnown { why, place });
                    }
                },
                Part::Request(part) => self.template(part, &mut out),
            }
        }
        Ok(out)
    }

    /// `None`: not known from what was asked.
    fn variable(&self, name: &str) -> Option<Vec<u8>> {
        if let Some(text) = self.variables.get(name) {
            return Some(text.clone());
        }
        let asked = self.asked;
        let text = match name {
            "host" if self.host.is_empty() => &self.server.server_name,
            "host" => &self.host,
            "http_host" => asked.host,
            "request_uri" if asked.query.is_empty() => asked.path,
            "request_uri" => return Some(format!("{}?{}", asked.path, asked.query).into_bytes()),
            "uri" | "document_uri" => return Some(self.path.clone()),
            "args" | "query_string" => return Some(self.query.clone()),
            "is_args" if self.query.is_empty() => "",
            "is_args" => "?",
            "scheme" => asked.scheme,
            "https" if asked.scheme == "https" => "on",
            "https" => "",
            "server_name" => &self.server.server_name,
            "server_port" => return Some(asked.port.to_string().into_bytes()),
            "request_method" => self.method,
            "http_x_forwarded_proto" => asked.forwarded_proto.unwrap_or_default(),
            name if self.server.variables.iter().any(|set| set == name) => "",
            name => return name.strip_prefix("arg_").map(|name| self.argument(name)),
        };
        Some(text.as_bytes().to_vec())
    }

    /// The first argument of that name; case is ignored.
    fn argument(&self, name: &str) -> Vec<u8> {
        let mut pairs = self.query.split(|byte| *byte == b'&');
        let value = pairs.find_map(|pair| {
            let at = pair.iter().position(|byte| *byte == b'=')?;
            let (key, value) = pair.split_at(at);
            key.eq_ignore_ascii_case(name.as_bytes()).then(|| value.get(1..).unwrap_or_default())
        });
        value.unwrap_or_default().to_vec()
    }

    fn template(&self, part: &TemplatePart, out: &mut Vec<u8>) {
        let asked = self.asked;
        match part {
            TemplatePart::Text(text) => out.extend_from_slice(text.as_bytes()),
            TemplatePart::Protocol => out.extend_from_slice(asked.scheme.as_bytes()),
            TemplatePart::Host => out.extend_from_slice(self.host.as_bytes()),
            TemplatePart::Port => out.extend_from_slice(asked.port.to_string().as_bytes()),
            TemplatePart::Path => {
                let path = asked.path.strip_prefix('/').unwrap_or(asked.path);
                out.extend_from_slice(path.as_bytes());
            }
            TemplatePart::Query => out.extend_from_slice(asked.query.as_bytes()),
        }
    }
}
