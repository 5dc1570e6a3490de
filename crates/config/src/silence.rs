//! `silence "lint/…" { reason = "…" }`: at the top level, or in the block whose findings it is about.

use hcl_edit::structure::Block;
use model::{Extent, LINTS, Place, Silence, never_silenced};

use crate::section::Section;
use crate::suggest::nearest;

/// The blocks that it may stand in, besides `site`: those that findings point into.
pub const HOLDERS: [&str; 12] = [
    "network",
    "security_group",
    "instance",
    "certificate",
    "application",
    "load_balancer",
    "listener",
    "rule",
    "target_group",
    "zone",
    "record",
    "page",
];

/// Where it belongs, for whoever wrote it elsewhere.
pub const HOME: &str = "at the top level, or inside a block such as `load_balancer`, `listener`, `rule`, `target_group`, `instance` or `record`";

/// It covers everything.
pub fn at_top<'s>(section: Section<'s>, block: &'s Block) {
    read(section, block, None, None);
}

/// Those of a block cover that block; `expand` shows them at `holder`.
pub fn within(outer: &Section<'_>, holder: &Place) {
    for block in outer.blocks("silence") {
        let section = Section::new(outer.context, outer.origin, "silence", block);
        read(section, block, Some(outer.extent()), Some(holder.clone()));
    }
}

fn read<'s>(section: Section<'s>, block: &'s Block, within: Option<Extent>, holder: Option<Place>) {
    let code = section.label(block, true).and_then(|written| code(&section, block, written));
    let reason = section.required("reason", "\"known, and mended in June\"").and_then(|value| {
        let reason = section.text("reason", value)?;
        if reason.trim().is_empty() {
            section.invalid(value, "the reason is empty", "say why it may be so, and until when");
            return None;
        }
        Some(reason)
    });
    if let (Some(code), Some(reason)) = (code, reason) {
        let silence = Silence { code, reason, within, holder, place: section.place() };
        section.context.silences.borrow_mut().push(silence);
    }
    section.finish();
}

fn code(section: &Section<'_>, block: &Block, written: &str) -> Option<&'static str> {
    let wrong = |message: String, hint: String| {
        let finding = section.error_at(&block.labels[0], "config/silence", message);
        section.push(finding.hint(hint));
    };
    let Some(code) = LINTS.into_iter().find(|code| *code == written) else {
        let whole = format!("lint/{written}");
        let hint = match nearest(written, LINTS).or_else(|| nearest(&whole, LINTS)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "only what `check` warns of with `lint/…` can be silenced".to_owned(),
        };
        wrong(format!("there is no lint `{written}`"), hint);
        return None;
    };
    match never_silenced(code) {
        Some(why) => {
            wrong(format!("`{code}` cannot be silenced"), why.to_owned());
            None
        }
        None => Some(code),
    }
}
