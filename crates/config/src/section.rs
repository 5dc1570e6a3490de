//! Reading a block: each reader asks for the attributes and blocks it knows; what nobody asked for
//! is unknown.

use std::cell::RefCell;

use hcl_edit::Span;
use hcl_edit::expr::Expression;
use hcl_edit::structure::{Attribute, Block, Body, Structure};
use model::{Extent, Finding, Place, Silence};

use crate::environment::Environment;
use crate::names::Names;
use crate::silence;
use crate::suggest::{list, nearest};
use crate::syntax::Origin;

/// What reading needs besides the tree.
pub struct Context<'e> {
    pub environment: &'e dyn Environment,
    pub names: &'e Names,
    pub findings: RefCell<Vec<Finding>>,
    pub silences: RefCell<Vec<Silence>>,
    /// By [`model::NetworkId`]: rules copy them.
    pub networks: RefCell<Vec<Vec<ipnet::IpNet>>>,
}

impl Context<'_> {
    pub fn push(&self, finding: Finding) {
        self.findings.borrow_mut().push(finding);
    }
}

/// A block that is being read.
pub struct Section<'s> {
    pub context: &'s Context<'s>,
    pub origin: &'s Origin,
    /// `load_balancer "public"`, for messages.
    pub title: String,
    kind: &'static str,
    block: &'s Block,
    body: &'s Body,
    header: (Place, u32),
    known_attributes: RefCell<Vec<&'static str>>,
    known_blocks: RefCell<Vec<&'static str>>,
}

/// Names that later versions bring (DECISIONS 26), by the block they stand in.
const LATER: &[(&str, &str)] = &[
    ("files", "serving files comes later: forward to a server that has them"),
    ("authenticate_oidc", "authentication actions come later: authenticate in the application"),
    ("authenticate_cognito", "authentication actions come later: authenticate in the application"),
    ("jwt_validation", "authentication actions come later: validate tokens in the application"),
    ("proxy_protocol", "the PROXY protocol comes later: remove it"),
    ("proxy_protocol_v2", "the PROXY protocol comes later: remove it"),
    ("http2", "HTTP/2 comes later: clients are served over HTTP/1.1"),
    ("protocol_version", "HTTP/2 and gRPC to targets come later: targets are asked over HTTP/1.1"),
];

impl<'s> Section<'s> {
    pub fn new(
        context: &'s Context<'s>,
        origin: &'s Origin,
        kind: &'static str,
        block: &'s Block,
    ) -> Self {
        let start = block.ident.span().unwrap_or(0..1).start;
        let end = block
            .labels
            .last()
            .and_then(Span::span)
            .or_else(|| block.ident.span())
            .unwrap_or(0..1)
            .end;
        let title = match block.labels.first() {
            Some(label) => format!("{kind} \"{}\"", label.as_str()),
            None => kind.to_owned(),
        };
        Section {
            context,
            origin,
            title,
            kind,
            block,
            body: &block.body,
            header: origin.locate_range(start..end),
            known_attributes: RefCell::default(),
            known_blocks: RefCell::default(),
        }
    }

    pub fn place(&self) -> Place {
        self.header.0.clone()
    }

    pub fn place_of(&self, item: &impl Span) -> Place {
        self.origin.locate(item).0
    }

    /// An error at the head of the block.
    pub fn error(&self, code: &'static str, message: impl Into<String>) -> Finding {
        Finding::error(code, &self.header.0, message).length(self.header.1)
    }

    /// An error at a part of the block.
    pub fn error_at(
        &self,
        item: &impl Span,
        code: &'static str,
        message: impl Into<String>,
    ) -> Finding {
        let (place, length) = self.origin.locate(item);
        Finding::error(code, &place, message).length(length)
    }

    pub fn push(&self, finding: Finding) {
        self.context.push(finding);
    }

    pub fn attribute(&self, name: &'static str) -> Option<&'s Attribute> {
        self.known_attributes.borrow_mut().push(name);
        let mut found = self.body.attributes().filter(|a| a.key.as_str() == name);
        let first = found.next()?;
        for again in found {
            let finding = self
                .error_at(
                    &again.key,
                    "config/duplicate-attribute",
                    format!("`{name}` is set twice"),
                )
                .related(&self.place_of(&first.key), "first set here")
                .hint("keep one of the two");
            self.push(finding);
        }
        Some(first)
    }

    pub fn value(&self, name: &'static str) -> Option<&'s Expression> {
        self.attribute(name).map(|attribute| &attribute.value)
    }

    pub fn required(&self, name: &'static str, example: &str) -> Option<&'s Expression> {
        let value = self.value(name);
        if value.is_none() {
            self.push(
                self.error("config/missing-attribute", format!("{} has no `{name}`", self.title))
                    .hint(format!("add `{name} = {example}`")),
            );
        }
        value
    }

    pub fn blocks(&self, name: &'static str) -> Vec<&'s Block> {
        self.known_blocks.borrow_mut().push(name);
        self.body.blocks().filter(|block| block.ident.as_str() == name).collect()
    }

    /// At most one.
    pub fn block(&self, name: &'static str) -> Option<&'s Block> {
        let blocks = self.blocks(name);
        let (first, rest) = blocks.split_first()?;
        for again in rest {
            let finding = self
                .error_at(
                    &again.ident,
                    "config/duplicate-block",
                    format!("{} has two `{name}` blocks", self.title),
                )
                .related(&self.place_of(&first.ident), "the first is here")
                .hint("keep one of the two");
            self.push(finding);
        }
        Some(first)
    }

    /// A label is required where `named`, and refused elsewhere.
    pub fn label(&self, block: &'s Block, named: bool) -> Option<&'s str> {
        match (named, &block.labels[..]) {
            (false, []) => None,
            (true, [label]) => Some(label.as_str()),
            (true, []) => {
                let text = format!("a `{}` needs a name", self.kind);
                self.push(
                    self.error("config/missing-name", text)
                        .hint(format!("write `{} \"name\" {{`", self.kind)),
                );
                None
            }
            (false, [label, ..]) | (true, [_, label, ..]) => {
                let text = format!(
                    "a `{}` has {} here",
                    self.kind,
                    if named { "one name, and not two," } else { "no name" }
                );
                self.push(self.error_at(label, "config/label", text).hint("remove this one"));
                None
            }
        }
    }

    /// From its head to its closing brace.
    pub fn extent(&self) -> Extent {
        let end = self.block.span().map_or(0, |span| span.end.saturating_sub(1));
        let last = self.origin.locate_range(end..end + 1).0;
        Extent { first: self.place(), last }
    }

    /// The silences that stand in it, and everything that was not asked for.
    pub fn finish(self) {
        if silence::HOLDERS.contains(&self.kind) {
            silence::within(&self, &self.header.0);
        }
        let attributes = self.known_attributes.borrow();
        let blocks = self.known_blocks.borrow();
        for structure in self.body.iter() {
            let (ident, written_as_block) = match structure {
                Structure::Attribute(attribute) => (&attribute.key, false),
                Structure::Block(block) => (&block.ident, true),
            };
            let name = ident.as_str();
            let known = if written_as_block { &blocks } else { &attributes };
            if !known.contains(&name) {
                self.push(self.unknown(ident, name, written_as_block, &attributes, &blocks));
            }
        }
    }

    fn unknown(
        &self,
        ident: &impl Span,
        name: &str,
        written_as_block: bool,
        attributes: &[&'static str],
        blocks: &[&'static str],
    ) -> Finding {
        if let Some((_, text)) = LATER.iter().find(|(later, _)| *later == name) {
            return self
                .error_at(
                    ident,
                    "config/not-supported-yet",
                    format!("`{name}` is not supported yet"),
                )
                .hint((*text).to_owned());
        }
        if written_as_block && attributes.contains(&name) {
            return self
                .error_at(
                    ident,
                    "config/attribute-as-block",
                    format!("`{name}` is an attribute, not a block"),
                )
                .hint(format!("write `{name} = …`"));
        }
        if !written_as_block && blocks.contains(&name) {
            return self
                .error_at(
                    ident,
                    "config/block-as-attribute",
                    format!("`{name}` is a block, not an attribute"),
                )
                .hint(format!("write `{name} {{ … }}` without `=`"));
        }
        let what = if written_as_block { "block" } else { "attribute" };
        let code =
            if written_as_block { "config/unknown-block" } else { "config/unknown-attribute" };
        let finding = self.error_at(
            ident,
            code,
            format!("`{name}` is no {what} of {} {}", article(self.kind), self.kind),
        );
        if let Some(home) = crate::blocks::home_of(name).filter(|home| *home != self.kind) {
            return finding.hint(format!("it belongs {home}"));
        }
        let all = attributes.iter().chain(blocks).copied();
        match nearest(name, all.clone()) {
            Some(near) => finding.hint(format!("did you mean `{near}`?")),
            None => {
                let article = article(self.kind);
                finding.hint(format!("{article} {} knows {}", self.kind, list(all)))
            }
        }
    }
}

/// `an authority`, `a listener`.
fn article(kind: &str) -> &'static str {
    if kind.starts_with(['a', 'e', 'i', 'o']) { "an" } else { "a" }
}
