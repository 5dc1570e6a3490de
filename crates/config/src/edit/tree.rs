//! Finding a block again by its place.

use hcl_edit::Span;
use hcl_edit::expr::Expression;
use hcl_edit::structure::{Block, Body};
use model::Place;

use crate::sources::{Source, Sources};
use crate::syntax::{File, parse};

/// A file and its blocks.
pub struct Tree<'t> {
    pub text: &'t str,
    file: File,
}

impl<'t> Tree<'t> {
    pub fn parse(source: &'t Source) -> Option<Self> {
        let mut findings = Vec::new();
        let file = parse(&Sources(vec![source.clone()]), &mut findings).pop()?;
        findings.is_empty().then_some(Tree { text: &source.text, file })
    }

    /// The block whose name begins there, and what its spans count from.
    pub fn block(&self, place: &Place) -> Option<(&Block, usize)> {
        self.file
            .bodies
            .iter()
            .find_map(|(offset, body)| Some((self.inside(*offset, body, place)?, *offset)))
    }

    fn inside<'b>(&self, offset: usize, body: &'b Body, place: &Place) -> Option<&'b Block> {
        body.blocks().find_map(|block| {
            if self.place(offset, &block.ident).as_ref() == Some(place) {
                return Some(block);
            }
            self.inside(offset, &block.body, place)
        })
    }

    pub fn place(&self, offset: usize, item: &impl Span) -> Option<Place> {
        Some(self.file.lines.place(offset + item.span()?.start))
    }
}

/// Whether a block of this kind stands there.
pub fn is_declared(tree: &Tree<'_>, place: &Place, kind: &str) -> bool {
    tree.block(place).is_some_and(|(block, _)| block.ident.as_str() == kind)
}

pub fn value<'b>(block: &'b Block, name: &str) -> Option<&'b Expression> {
    block.body.get_attribute(name).map(|attribute| &attribute.value)
}
