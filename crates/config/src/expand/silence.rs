//! Silences in the blocks that they were written in.

use model::{Model, Place, Silence};

use super::writer::{Writer, quoted};

/// Those that stand at the top level.
pub fn at_top(out: &mut Writer, model: &Model) {
    model.silences.iter().filter(|one| one.holder.is_none()).for_each(|one| silence(out, one));
}

/// Those of the block whose head is at `place`.
pub fn of_block(out: &mut Writer, model: &Model, place: &Place) {
    let here = |one: &&Silence| one.holder.as_ref() == Some(place);
    model.silences.iter().filter(here).for_each(|one| silence(out, one));
}

fn silence(out: &mut Writer, silence: &Silence) {
    out.block(&format!("silence {}", quoted(silence.code)), |out| {
        out.text("reason", &silence.reason);
    });
}
