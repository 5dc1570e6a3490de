//! Where the ways of two networks part.

use std::collections::BTreeSet;
use std::fmt::Write;

use model::Asker;
use serde::{Deserialize, Serialize};

use crate::atlas::Atlas;
use crate::chain;
use crate::facts::Facts;
use crate::hop::{Hop, State};
use crate::outcome::{Grade, Outcome};
use crate::question::{Request, asker_words};
use crate::report::{OutcomeReport, grade, outcome_report};
use crate::text::{Layout, grade_mark, labelled};
use crate::who::partition_of;

/// The answer to `compare`: where two networks part.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CompareReport {
    pub version: u32,
    pub url: String,
    pub sides: Vec<CompareSide>,
    /// The first hop that differs; `None` if none does.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub parting: Option<Parting>,
    pub exit_code: u8,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CompareSide {
    pub from: String,
    pub grade: Grade,
    pub outcomes: Vec<OutcomeReport>,
    pub hops: Vec<Hop>,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub calls: Vec<crate::report::CallReport>,
    /// Clients of the network that were not asked.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub left_out: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Parting {
    /// From 1.
    pub number: usize,
    pub hops: Vec<Option<Hop>>,
}

pub fn compare(
    atlas: &Atlas<'_>,
    facts: &Facts<'_>,
    request: &Request,
    pair: [Asker; 2],
) -> CompareReport {
    let model = &atlas.world.model;
    let sides = pair.map(|asker| {
        let partition = partition_of(atlas, facts, request, asker);
        let outcomes: BTreeSet<Outcome> =
            partition.parts.iter().flat_map(|part| part.outcomes.iter().cloned()).collect();
        let worst = partition.parts.iter().max_by_key(|part| grade(&part.outcomes));
        let hops = worst.map_or(Vec::new(), |part| {
            let (legs, _) = chain::record(atlas.world, facts, &request.ask(&part.example));
            legs.into_iter().flat_map(|leg| leg.hops).collect()
        });
        CompareSide {
            from: asker_words(model, asker),
            grade: grade(&outcomes),
            outcomes: outcomes.iter().map(outcome_report).collect(),
            hops,
            calls: crate::page::calls(atlas, facts, request, asker),
            left_out: atlas.left_out_words(&partition.left_out),
        }
    });
    let [a, b] = &sides;
    // The words name the client, so that they always differ: what was decided, and where, counts.
    let alike = |x: &Hop, y: &Hop| {
        (x.stage, x.state, &x.code, &x.place) == (y.stage, y.state, &y.code, &y.place)
    };
    let longest = a.hops.len().max(b.hops.len());
    let parting = (0..longest)
        .find(|at| match (a.hops.get(*at), b.hops.get(*at)) {
            (Some(x), Some(y)) => !alike(x, y),
            _ => true,
        })
        .map(|at| Parting {
            number: at + 1,
            hops: vec![a.hops.get(at).cloned(), b.hops.get(at).cloned()],
        });
    let worst = sides.iter().map(|side| side.grade).max().unwrap_or(Grade::NotKnown);
    CompareReport {
        version: crate::report::REPORT_VERSION,
        url: request.url.to_string(),
        exit_code: worst.exit_code(),
        sides: sides.into(),
        parting,
    }
}

/// Columns of a mark.
const MARK: usize = 4;
/// Of a network's name.
const PARTING_HEAD: usize = 19;

pub fn compare_text(report: &CompareReport, layout: Layout) -> String {
    let mut out = format!("{}\n", report.url);
    for side in &report.sides {
        let (mark, tone) = grade_mark(side.grade);
        let sees: Vec<&str> = side.outcomes.iter().map(|o| o.sees.as_str()).collect();
        let code = side.outcomes.iter().find_map(|o| o.code.as_ref());
        let code = code.map_or(String::new(), |code| format!(" [{code}]"));
        let label = format!("  {} ", layout.paint.of(tone, mark));
        let text = format!("{}: {}{code}", side.from, sees.join(", or "));
        labelled(&mut out, &label, MARK, &text, layout);
        if let Some(left_out) = &side.left_out {
            crate::text::block(&mut out, "      Left out: ", left_out, layout);
        }
        for call in &side.calls {
            let (mark, tone) = grade_mark(call.grade);
            let label = format!("      {} ", layout.paint.of(tone, mark));
            let text = format!("{} ({}): {}", call.url, call.by, call.sees);
            labelled(&mut out, &label, MARK + 4, &text, layout);
        }
    }
    match &report.parting {
        None => out.push_str("  they go the same way to the end\n"),
        Some(parting) => {
            let stage = parting.hops.iter().flatten().next().map_or("", |hop| hop.stage.words());
            let _ = writeln!(out, "  they part at hop {}: {stage}", parting.number);
            for (side, hop) in report.sides.iter().zip(&parting.hops) {
                let words = match hop {
                    Some(hop) => {
                        let place = hop.place.as_ref().map_or(String::new(), |p| format!("  {p}"));
                        let mark = match hop.state {
                            State::Passed | State::WouldPass => "✓",
                            State::Stopped | State::WouldFailToo => "✗",
                            State::NotKnown => "?",
                        };
                        format!("{mark} {}{place}", hop.text)
                    }
                    None => "is not there any more".to_owned(),
                };
                let name = side.from.split(' ').next().unwrap_or("");
                labelled(&mut out, &format!("    {name:<12} "), PARTING_HEAD, &words, layout);
            }
        }
    }
    out
}
