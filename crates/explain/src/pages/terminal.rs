//! A page for the terminal.

use std::fmt::Write;

use super::Page;
use crate::text::{Layout, Tone, block};

const INDENT: &str = "  ";

pub fn text(page: &Page, layout: Layout) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "{}", layout.paint.of(Tone::Strong, page.code));
    block(&mut out, INDENT, page.what, layout);
    title(&mut out, "What the person sees", layout);
    block(&mut out, INDENT, page.sees, layout);
    title(&mut out, "Likely causes", layout);
    page.causes.iter().for_each(|cause| block(&mut out, "  - ", cause, layout));
    title(&mut out, "How to confirm it", layout);
    for (command, tells) in page.confirm {
        // Never wrapped: it is to be copied.
        let _ = writeln!(out, "{INDENT}{}", layout.paint.of(Tone::Strong, command));
        block(&mut out, "      ", tells, layout);
    }
    title(&mut out, "What to do", layout);
    page.remedy.iter().for_each(|remedy| block(&mut out, "  - ", remedy, layout));
    if !page.related.is_empty() {
        out.push('\n');
        block(&mut out, "See also ", &page.related.join(", "), layout);
    }
    out
}

fn title(out: &mut String, words: &str, layout: Layout) {
    let _ = writeln!(out, "\n{}", layout.paint.of(Tone::Strong, words));
}
