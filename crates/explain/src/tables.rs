//! `who`: every client address, by outcome.

use std::fmt::Write;

use model::Asker;
use serde::{Deserialize, Serialize};

use crate::atlas::Atlas;
use crate::chain;
use crate::facts::Facts;
use crate::hop::{Hop, State};
use crate::outcome::Grade;
use crate::question::Request;
use crate::report::{OutcomeReport, grade, outcome_report};
use crate::text::{Layout, grade_mark, labelled};
use crate::who::{Partition, partition_of};

/// The answer to `who`: every client address, by outcome.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WhoReport {
    pub version: u32,
    pub url: String,
    pub parts: Vec<WhoPart>,
    /// Into how many pieces the address space is cut, at whatever a decision asks.
    pub pieces: usize,
    /// What was not asked, because there are more pieces than that.
    pub left_out: Vec<String>,
    /// The same in words.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub left_out_words: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WhoPart {
    pub grade: Grade,
    /// Prefixes, the fewest.
    pub prefixes: Vec<String>,
    pub words: String,
    pub ipv4_addresses: u64,
    /// As text: it does not fit a number of JSON.
    pub ipv6_addresses: String,
    pub outcomes: Vec<OutcomeReport>,
    /// The hop that decides, and where it is declared.
    pub because: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub place: Option<String>,
}

pub fn who(atlas: &Atlas<'_>, facts: &Facts<'_>, request: &Request) -> WhoReport {
    let model = &atlas.world.model;
    let Partition { parts, pieces, aside, left_out } =
        partition_of(atlas, facts, request, Asker::Anywhere);
    let parts = parts
        .into_iter()
        .chain(aside)
        .map(|part| {
            let (legs, _) = chain::record(atlas.world, facts, &request.ask(&part.example));
            let decisive = decisive(legs.iter().flat_map(|leg| &leg.hops));
            let prefixes = crate::space::prefixes(&part.clients);
            let v4 = part.clients.v4_ranges();
            let v6 = part.clients.v6_ranges();
            WhoPart {
                grade: grade(&part.outcomes),
                prefixes: prefixes.iter().map(ToString::to_string).collect(),
                words: crate::space::words(model, &part.clients, 4),
                ipv4_addresses: v4.map(|(a, b)| u64::from(u32::from(b) - u32::from(a)) + 1).sum(),
                ipv6_addresses: count_v6(v6.map(|(a, b)| (u128::from(a), u128::from(b)))),
                outcomes: part.outcomes.iter().map(outcome_report).collect(),
                because: decisive.map_or(String::new(), |hop| hop.text.clone()),
                place: decisive.and_then(|hop| hop.place.clone()),
            }
        })
        .collect();
    WhoReport {
        version: crate::report::REPORT_VERSION,
        url: request.url.to_string(),
        parts,
        pieces,
        left_out_words: atlas.left_out_words(&left_out),
        left_out: crate::space::prefixes(&left_out).iter().map(ToString::to_string).collect(),
    }
}

/// All addresses together are one more than the largest number.
fn count_v6(ranges: impl Iterator<Item = (u128, u128)>) -> String {
    let mut less_one: Option<u128> = None;
    for (first, last) in ranges {
        let own = last - first;
        less_one = Some(match less_one {
            None => own,
            Some(sum) => sum.saturating_add(own).saturating_add(1),
        });
    }
    match less_one {
        None => "0".to_owned(),
        Some(u128::MAX) => "340282366920938463463374607431768211456".to_owned(),
        Some(count) => (count + 1).to_string(),
    }
}

/// The first "no"; without one, the security group's "yes".
fn decisive<'h>(hops: impl Iterator<Item = &'h Hop>) -> Option<&'h Hop> {
    let mut door = None;
    for hop in hops {
        if hop.state == State::Stopped {
            return Some(hop);
        }
        if hop.stage == crate::outcome::Stage::SecurityGroup && door.is_none() {
            door = Some(hop);
        }
    }
    door
}

/// Of a mark and what is seen.
const WHO_HEAD: usize = 19;

pub fn who_text(report: &WhoReport, layout: Layout) -> String {
    let mut out = format!("{}\n", report.url);
    for part in &report.parts {
        let (mark, tone) = grade_mark(part.grade);
        let shorts: Vec<&str> = part.outcomes.iter().map(|o| o.short.as_str()).collect();
        let code = part.outcomes.iter().find_map(|o| o.code.as_ref());
        let code = code.map_or(String::new(), |code| format!(" [{code}]"));
        let place = part.place.as_ref().map_or(String::new(), |place| format!("  {place}"));
        let shorts = match part.grade {
            Grade::NotKnown => "not known".to_owned(),
            Grade::Reaches | Grade::Fails | Grade::Blocked => shorts.join(" or "),
        };
        let label = format!("  {} {shorts:<14} ", layout.paint.of(tone, mark));
        labelled(&mut out, &label, WHO_HEAD, &format!("{}{code}", part.words), layout);
        if !part.because.is_empty() {
            labelled(&mut out, "", WHO_HEAD, &format!("{}{place}", part.because), layout);
        }
    }
    if let Some(left_out) = &report.left_out_words {
        let _ = writeln!(out, "  ? not asked      {left_out}");
    }
    out
}
