//! Reading values: each reader says what it wanted, what it found, and how to write it.

mod reference;

use std::net::IpAddr;

use hcl_edit::Span;
use hcl_edit::expr::{Expression, FuncCall};
use hcl_edit::template::Element;
use ipnet::IpNet;
use model::{PortRange, Ports, Seconds};

use crate::section::Section;
use crate::suggest::{list, nearest};

/// What a value is, in plain words.
fn kind_of(value: &Expression) -> &'static str {
    match value {
        Expression::Null(_) => "null",
        Expression::Bool(_) => "a true or false",
        Expression::Number(_) => "a number",
        Expression::String(_) | Expression::StringTemplate(_) | Expression::HeredocTemplate(_) => {
            "a string"
        }
        Expression::Array(_) => "a list",
        Expression::Object(_) => "an object",
        Expression::Variable(_) => "a bare word",
        Expression::Traversal(_) => "a reference",
        Expression::FuncCall(_) => "a function call",
        Expression::Parenthesis(_)
        | Expression::Conditional(_)
        | Expression::UnaryOp(_)
        | Expression::BinaryOp(_)
        | Expression::ForExpr(_) => "an expression",
    }
}

impl<'s> Section<'s> {
    fn wrong_type(&self, value: &Expression, name: &str, wanted: &str, example: &str) {
        let text = format!("`{name}` is {wanted}, not {}", kind_of(value));
        let mut hint = format!("write `{name} = {example}`");
        if let Expression::Variable(word) = value {
            hint = format!("write `{name} = \"{}\"`, with quotes", word.as_str());
        }
        self.push(self.error_at(value, "config/wrong-type", text).hint(hint));
    }

    pub fn invalid(&self, value: &impl Span, message: impl Into<String>, hint: impl Into<String>) {
        self.push(self.error_at(value, "config/invalid-value", message).hint(hint));
    }

    // === strings ===

    /// A string, with `env()`, `file()` and templates of them.
    pub fn text(&self, name: &str, value: &Expression) -> Option<String> {
        match value {
            Expression::String(text) => Some(text.value().clone()),
            Expression::StringTemplate(template) => self.template(value, template.iter()),
            Expression::HeredocTemplate(heredoc) => self.template(value, heredoc.template.iter()),
            Expression::FuncCall(call) => self.call(call),
            Expression::Parenthesis(inner) => self.text(name, inner.inner()),
            other => {
                self.wrong_type(other, name, "a string", "\"…\"");
                None
            }
        }
    }

    fn template<'t>(
        &self,
        value: &Expression,
        elements: impl Iterator<Item = &'t Element>,
    ) -> Option<String> {
        let mut out = String::new();
        for element in elements {
            match element {
                Element::Literal(text) => out.push_str(text),
                Element::Interpolation(inner) => {
                    out.push_str(&self.text("a template", &inner.expr)?);
                }
                Element::Directive(_) => {
                    let text = "`%{` directives are not part of this language";
                    self.invalid(value, text, "write the text itself");
                    return None;
                }
            }
        }
        Some(out)
    }

    fn call(&self, call: &FuncCall) -> Option<String> {
        let name = call.name.name.as_str();
        let arguments: Option<Vec<String>> =
            call.args.iter().map(|value| self.text(name, value)).collect();
        let arguments = arguments?;
        match (name, &arguments[..]) {
            ("env", [variable]) => self.context.environment.variable(variable).or_else(|| {
                self.invalid(
                    call,
                    format!("the environment has no `{variable}`"),
                    format!("set it, or give a default: `env(\"{variable}\", \"…\")`"),
                );
                None
            }),
            ("env", [variable, default]) => {
                Some(self.context.environment.variable(variable).unwrap_or_else(|| default.clone()))
            }
            ("file", [path]) => match self.context.environment.file(&self.origin.folder, path) {
                Ok(text) => Some(text),
                Err(error) => {
                    self.invalid(
                        call,
                        format!("cannot read `{path}`: {error}"),
                        "paths are relative to this file",
                    );
                    None
                }
            },
            ("env" | "file", _) => {
                self.invalid(
                    call,
                    format!("`{name}` takes a name"),
                    format!("write `{name}(\"…\")`"),
                );
                None
            }
            (other, _) => {
                let hint = match nearest(other, ["env", "file"]) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => "there are `env(\"NAME\")` and `file(\"PATH\")`".to_owned(),
                };
                self.invalid(call, format!("there is no function `{other}`"), hint);
                None
            }
        }
    }

    pub fn optional_text(&self, name: &'static str) -> Option<String> {
        self.value(name).and_then(|value| self.text(name, value))
    }

    /// A list, or a single value in the place of a list of one.
    pub fn items(value: &'s Expression) -> Vec<&'s Expression> {
        match value {
            Expression::Array(array) => array.iter().collect(),
            other => vec![other],
        }
    }

    /// A string or a list of strings, with the place of each.
    pub fn texts(&self, name: &str, value: &'s Expression) -> Vec<(String, &'s Expression)> {
        use Expression::{Bool, Null, Number, Object};
        if matches!(value, Bool(_) | Null(_) | Number(_) | Object(_)) {
            self.wrong_type(value, name, "a list of strings", "[\"…\"]");
            return Vec::new();
        }
        let items = Section::items(value);
        items.into_iter().filter_map(|item| Some((self.text(name, item)?, item))).collect()
    }

    /// One of a few words.
    pub fn choice<T: Copy>(&self, name: &'static str, choices: &[(&str, T)]) -> Option<T> {
        let value = self.value(name)?;
        let text = self.text(name, value)?;
        if let Some((_, choice)) = choices.iter().find(|(word, _)| word.eq_ignore_ascii_case(&text))
        {
            return Some(*choice);
        }
        let words = choices.iter().map(|(word, _)| *word);
        let hint = match nearest(&text.to_lowercase(), words.clone()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("it is one of {}", list(words)),
        };
        self.invalid(value, format!("`{text}` is no value of `{name}`"), hint);
        None
    }

    // === numbers ===

    pub fn number(&self, name: &'static str, range: std::ops::RangeInclusive<u64>) -> Option<u64> {
        let value = self.value(name)?;
        self.number_in(name, value, range)
    }

    pub fn number_in(
        &self,
        name: &str,
        value: &Expression,
        range: std::ops::RangeInclusive<u64>,
    ) -> Option<u64> {
        let (least, most) = (range.start(), range.end());
        let number = match value {
            Expression::Number(number) => number.value().as_u64(),
            Expression::String(_) | Expression::StringTemplate(_) | Expression::FuncCall(_) => {
                let text = self.text(name, value)?;
                let number = text.trim().parse().ok();
                if number.is_none() {
                    self.invalid(
                        value,
                        format!("`{text}` is no number"),
                        format!("`{name}` is a number from {least} to {most}"),
                    );
                    return None;
                }
                number
            }
            Expression::UnaryOp(_) => None,
            other => {
                self.wrong_type(other, name, "a number", &least.to_string());
                return None;
            }
        };
        match number {
            Some(number) if range.contains(&number) => Some(number),
            _ => {
                self.invalid(
                    value,
                    format!("`{name}` is out of range"),
                    format!("it is a whole number from {least} to {most}"),
                );
                None
            }
        }
    }

    pub fn flag(&self, name: &'static str) -> Option<bool> {
        match self.value(name)? {
            Expression::Bool(flag) => Some(*flag.value()),
            other => {
                let text = format!("`{name}` is true or false, not {}", kind_of(other));
                self.push(
                    self.error_at(other, "config/wrong-type", text)
                        .hint(format!("write `{name} = true` or `{name} = false`")),
                );
                None
            }
        }
    }

    /// `"60s"`, `"5m"`, `"1h"`, `"1d"`, or a number of seconds.
    pub fn seconds(
        &self,
        name: &'static str,
        range: std::ops::RangeInclusive<u32>,
    ) -> Option<Seconds> {
        let value = self.value(name)?;
        let (least, most) = (*range.start(), *range.end());
        let seconds = match value {
            Expression::Number(number) => number.value().as_u64(),
            other => {
                let text = self.text(name, other)?;
                let parsed = duration(&text);
                if parsed.is_none() {
                    self.invalid(
                        value,
                        format!("`{text}` is no duration"),
                        "write a number with a unit: `\"30s\"`, `\"5m\"`, `\"1h\"` or `\"1d\"`",
                    );
                    return None;
                }
                parsed
            }
        };
        match seconds.and_then(|s| u32::try_from(s).ok()).filter(|s| range.contains(s)) {
            Some(seconds) => Some(Seconds(seconds)),
            None => {
                self.invalid(
                    value,
                    format!("`{name}` is out of range"),
                    format!("it is from {least}s to {most}s"),
                );
                None
            }
        }
    }

    // === networks ===

    pub fn cidr(&self, value: &Expression, text: &str) -> Option<IpNet> {
        if let Ok(net) = text.parse::<IpNet>() {
            if net.trunc() == net {
                return Some(net);
            }
            self.invalid(
                value,
                format!("`{text}` has bits set behind its prefix"),
                format!(
                    "did you mean `{}`, or the single address `{}/{}`?",
                    net.trunc(),
                    net.addr(),
                    net.max_prefix_len()
                ),
            );
            return None;
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            let net = IpNet::from(address);
            self.invalid(
                value,
                format!("`{text}` has no prefix length"),
                format!("write `{net}` for this address alone"),
            );
            return None;
        }
        self.invalid(value, format!("`{text}` is no network"), cidr_hint(text));
        None
    }

    /// A network, or one address.
    pub fn cidr_or_address(&self, value: &Expression, text: &str) -> Option<IpNet> {
        match text.parse::<IpAddr>() {
            Ok(address) => Some(IpNet::from(model::canonical(address))),
            Err(_) => self.cidr(value, text),
        }
    }

    pub fn address(&self, value: &Expression, text: &str) -> Option<IpAddr> {
        let parsed = text.parse().ok().map(model::canonical);
        if parsed.is_none() {
            self.invalid(
                value,
                format!("`{text}` is no IP address"),
                "write an address such as `10.0.1.5` or `2001:db8::5`",
            );
        }
        parsed
    }

    /// `[80, "8000-8100"]`, `443`, or `"all"`.
    pub fn ports(&self, name: &'static str, value: &'s Expression) -> Option<Ports> {
        let mut ranges = Vec::new();
        for item in Section::items(value) {
            if let Expression::Number(_) = item {
                let port = self.number_in(name, item, 0..=65535)? as u16;
                ranges.push(PortRange { first: port, last: port });
                continue;
            }
            let text = self.text(name, item)?;
            if text.eq_ignore_ascii_case("all") {
                return Some(Ports::all());
            }
            let (first, last) = text.split_once('-').unwrap_or((&text, &text));
            let range = first.trim().parse().ok().zip(last.trim().parse().ok());
            match range.and_then(|(first, last)| PortRange::new(first, last)) {
                Some(range) => ranges.push(range),
                None => {
                    self.invalid(item, format!("`{text}` is no port"), "write a port from 0 to 65535, a range such as `\"8000-8100\"`, or `\"all\"`");
                    return None;
                }
            }
        }
        Some(Ports(ranges))
    }
}

fn duration(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let number: u64 = text[..digits].parse().ok()?;
    let unit = match text[digits..].trim() {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return None,
    };
    number.checked_mul(unit)
}

fn cidr_hint(text: &str) -> String {
    if let Some((address, prefix)) = text.split_once('/')
        && address.parse::<IpAddr>().is_ok()
    {
        let most = if address.contains(':') { 128 } else { 32 };
        return format!("a prefix length is from 0 to {most}, not `{prefix}`");
    }
    let octets: Vec<&str> = text.split(['.', '/']).collect();
    match octets.iter().find(|octet| octet.parse::<u32>().is_ok_and(|n| n > 255)) {
        Some(octet) => format!("`{octet}` is more than 255"),
        None => "write a network such as `192.0.2.0/24` or `2001:db8::/32`".to_owned(),
    }
}
