//! The answer to `explain`: a value, for programs and for [`crate::text`].

use std::collections::BTreeSet;

use model::{Asker, Model};
use serde::{Deserialize, Serialize};

use crate::atlas::Atlas;
use crate::chain::{self, Leg};
use crate::facts::Facts;
use crate::fix::{Fix, fixes};
use crate::hop::{Evidence, Hop, State};
use crate::outcome::{Grade, Outcome, Stage};
use crate::probe::{ProbeReport, SEEN_OTHERWISE};
use crate::question::{Request, asker_words};
use crate::who::{Inquiry, Part};

/// `version` changes when a field changes its meaning; fields are added without.
pub const REPORT_VERSION: u32 = 1;
/// Parts of one network that are told apart.
const PARTS_MAX: usize = 4;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Report {
    pub version: u32,
    pub url: String,
    pub method: String,
    pub from: String,
    pub grade: Grade,
    /// The clients of the network, by what they get; one part as a rule.
    pub parts: Vec<PartReport>,
    pub others: Vec<OtherReport>,
    pub fixes: Vec<FixReport>,
    pub calls: Vec<CallReport>,
    pub advice: Vec<String>,
    pub left_out: Option<String>,
    /// What real packets saw beside it, if there were any.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub probe: Option<ProbeReport>,
    pub exit_code: u8,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PartReport {
    pub clients: String,
    pub grade: Grade,
    pub outcomes: Vec<OutcomeReport>,
    pub legs: Vec<LegReport>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutcomeReport {
    pub grade: Grade,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub code: Option<String>,
    pub stage: Stage,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub status: Option<u16>,
    /// What the person sees, in a browser's words.
    pub sees: String,
    pub short: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LegReport {
    pub url: String,
    pub hops: Vec<Hop>,
}

/// What another network gets from the same address.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OtherReport {
    pub from: String,
    pub grade: Grade,
    pub short: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub code: Option<String>,
    /// The hop at which it stops, if it does.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub stage: Option<Stage>,
    /// Clients of the network that were not asked.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub left_out: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FixReport {
    pub stage: Stage,
    pub words: String,
    /// Lines as `pointsman explain` prints them; filled in by whoever has the text.
    pub diff: Vec<String>,
    /// What the client gets then.
    pub then: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub instead: Option<String>,
    #[serde(skip)]
    pub change: Option<model::Change>,
}

/// A call that a page makes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CallReport {
    pub url: String,
    /// `browser` or `server`.
    pub by: String,
    pub from: String,
    pub grade: Grade,
    pub sees: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub code: Option<String>,
    /// Clients of the network that were not asked.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub left_out: Option<String>,
}

/// Explains a request from one network, and says what the others get.
pub fn explain(atlas: &Atlas<'_>, facts: &Facts<'_>, request: &Request, asker: Asker) -> Report {
    let model = &atlas.world.model;
    let inquiry = Inquiry::new(atlas, facts, request);
    let partition = inquiry.partition_of(asker);
    let mut parts: Vec<&Part> = partition.parts.iter().collect();
    // The worst comes first: it is what somebody asks about.
    parts.sort_by_key(|part| std::cmp::Reverse(grade(&part.outcomes)));
    let many = parts.len() > 1;
    let reports: Vec<PartReport> = parts
        .iter()
        .take(PARTS_MAX)
        .map(|part| part_report(atlas, facts, request, part, asker, many))
        .collect();
    let worst = parts.iter().map(|part| grade(&part.outcomes)).max().unwrap_or(Grade::NotKnown);
    let mended = match parts.first() {
        Some(part) => fixes(atlas.world, facts, request, &part.example, asker),
        None => Vec::new(),
    };
    let mut report = Report {
        version: REPORT_VERSION,
        url: request.url.to_string(),
        method: request.method.clone(),
        from: asker_words(model, asker),
        grade: worst,
        others: match asker == Asker::Anywhere {
            // Everybody was told of above.
            true => Vec::new(),
            false => others(&inquiry, asker),
        },
        fixes: mended.iter().map(fix_report).collect(),
        calls: crate::page::calls(atlas, facts, request, asker),
        advice: crate::advice::advice(atlas.world, &reports, &partition.parts, &mended),
        parts: reports,
        left_out: atlas.left_out_words(&partition.left_out),
        probe: None,
        exit_code: worst.exit_code(),
    };
    report.advice.extend(crate::page::advice(&report.calls));
    // A page of which a call fails does not work.
    let calls = report.calls.iter().map(|call| call.grade).max();
    if report.grade == Grade::Reaches
        && calls.is_some_and(|calls| matches!(calls, Grade::Fails | Grade::Blocked))
    {
        report.grade = Grade::Fails;
        report.exit_code = Grade::Fails.exit_code();
    }
    report
}

impl Report {
    /// An explanation that was seen to be otherwise says so first.
    pub fn beside(&mut self, probe: ProbeReport) {
        if !probe.findings.is_empty() {
            self.exit_code = SEEN_OTHERWISE;
        }
        self.probe = Some(probe);
    }
}

pub fn grade(outcomes: &BTreeSet<Outcome>) -> Grade {
    outcomes.iter().map(Outcome::grade).max().unwrap_or(Grade::NotKnown)
}

fn part_report(
    atlas: &Atlas<'_>,
    facts: &Facts<'_>,
    request: &Request,
    part: &Part,
    asker: Asker,
    many: bool,
) -> PartReport {
    let model = &atlas.world.model;
    let (legs, _) = chain::record(atlas.world, facts, &request.ask(&part.example));
    let clients = match many {
        true => crate::space::words(model, &part.clients, 3),
        false => asker_words(model, asker),
    };
    PartReport {
        clients,
        grade: grade(&part.outcomes),
        outcomes: part.outcomes.iter().map(outcome_report).collect(),
        legs: legs.into_iter().map(leg_report).collect(),
    }
}

fn leg_report(leg: Leg) -> LegReport {
    LegReport { url: leg.url.to_string(), hops: leg.hops }
}

pub fn outcome_report(outcome: &Outcome) -> OutcomeReport {
    OutcomeReport {
        grade: outcome.grade(),
        code: outcome.code().map(str::to_owned),
        stage: outcome.stage,
        status: outcome.status(),
        sees: outcome.words(),
        short: outcome.short(),
    }
}

/// Every declared network, and the internet.
pub fn askers(model: &Model) -> Vec<Asker> {
    let networks = (0..model.networks.len() as u32).map(|id| Asker::Network(model::NetworkId(id)));
    let internet = !crate::space::internet(model).is_empty();
    networks.chain(internet.then_some(Asker::Internet)).collect()
}

fn others(inquiry: &Inquiry<'_>, asker: Asker) -> Vec<OtherReport> {
    let model = &inquiry.atlas.world.model;
    let all = askers(model).into_iter().filter(|other| *other != asker);
    all.map(|other| other_report(inquiry, other)).collect()
}

pub fn other_report(inquiry: &Inquiry<'_>, asker: Asker) -> OtherReport {
    let atlas = inquiry.atlas;
    let partition = inquiry.partition_of(asker);
    let all: BTreeSet<&Outcome> = partition.parts.iter().flat_map(|part| &part.outcomes).collect();
    let shorts: BTreeSet<String> = all.iter().map(|outcome| outcome.short()).collect();
    let grades: BTreeSet<Outcome> = all.iter().map(|o| (*o).clone()).collect();
    let failed =
        all.iter().find(|outcome| !matches!(outcome.grade(), Grade::Reaches | Grade::NotKnown));
    OtherReport {
        from: asker_words(&atlas.world.model, asker),
        grade: grade(&grades),
        short: shorts.into_iter().collect::<Vec<_>>().join(" or "),
        code: failed.and_then(|outcome| outcome.code()).map(str::to_owned),
        stage: failed.map(|outcome| outcome.stage),
        left_out: atlas.left_out_words(&partition.left_out),
    }
}

fn fix_report(fix: &Fix) -> FixReport {
    let then: BTreeSet<String> = fix.then.iter().map(Outcome::words).collect();
    let then: Vec<String> = then.into_iter().collect();
    FixReport {
        stage: fix.stage,
        words: fix.words.clone(),
        diff: Vec::new(),
        then: match fix.takes_certificate {
            true => format!("with a new certificate: {}", then.join(", or ")),
            false => then.join(", or "),
        },
        instead: fix.instead.as_ref().map(|(_, words)| words.clone()),
        change: Some(fix.change.clone()),
    }
}

/// What each kind of evidence carries, as stages of all parts: (proved, observed, assumed).
pub fn evidence(parts: &[PartReport]) -> [BTreeSet<Stage>; 3] {
    let mut kinds = [BTreeSet::new(), BTreeSet::new(), BTreeSet::new()];
    for hop in parts.iter().flat_map(|part| &part.legs).flat_map(|leg| &leg.hops) {
        let at = match hop.evidence {
            Evidence::Proved if hop.state != State::NotKnown => 0,
            Evidence::Observed { .. } => 1,
            Evidence::Proved | Evidence::Assumed => 2,
        };
        kinds[at].insert(hop.stage);
    }
    kinds
}
