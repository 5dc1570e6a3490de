//! Which rule a request meets (ALB.md §4a, §4b).

use std::net::IpAddr;
use std::ops::ControlFlow;

use model::{Action, Condition, QueryPattern, Refusal, Rule, canonical};

use crate::Witness;
use crate::path::{Spelling, loosest, normalise, spelling};

/// The headers of a request, however they are kept.
pub trait Headers {
    /// Calls `each` with the value of every header of that name (case is ignored), in order, until
    /// it answers `true`; answers whether it did.
    fn any(&self, name: &str, each: &mut dyn FnMut(&[u8]) -> bool) -> bool;
}

/// What a request says, borrowed.
#[derive(Clone, Copy, Debug)]
pub struct RequestFacts<'a, H: ?Sized> {
    pub method: &'a [u8],
    /// Lower case, without a port; empty if there is none. Of a connection that is passed through: the
    /// server name.
    pub host: &'a [u8],
    /// As it was sent; [`route`] normalises it.
    pub path: &'a [u8],
    /// Without the question mark.
    pub query: &'a [u8],
    pub headers: &'a H,
    /// The TCP peer.
    pub source: IpAddr,
}

/// The rules of one listener, with whatever index finds the possible ones.
pub trait RuleTable {
    /// In ascending priority.
    fn rules(&self) -> &[Rule];
    fn default_action(&self) -> &Action;
    fn allow_ambiguous_paths(&self) -> bool;
    /// Calls `each` with positions in [`RuleTable::rules`], ascending: at least every rule that
    /// matches. The index only prunes; [`rule_matches`] decides (DECISIONS 1).
    fn candidates<H: Headers + ?Sized>(
        &self,
        request: &RequestFacts<'_, H>,
        each: &mut dyn FnMut(usize) -> ControlFlow<()>,
    );
}

#[derive(Clone, Copy, Debug)]
pub enum Note<'a> {
    Matched(&'a Rule),
    /// The condition of the rule that did not hold.
    Unmet(&'a Rule, &'a Condition),
    Default,
    /// Two readings of the path meet different rules.
    TwoReadings {
        normal: Option<u32>,
        loose: Option<u32>,
    },
}

/// A position in [`RuleTable::rules`]; `None` is the default action.
pub type RulePosition = Option<usize>;

/// Buffers that [`route`] uses for peculiar paths, so that it need not allocate.
#[derive(Debug, Default)]
pub struct RouteScratch {
    normal: Vec<u8>,
    loose: Vec<u8>,
}

/// The first rule that matches the normalised path. A path that another reading would send to
/// another rule is refused (DECISIONS 17).
pub fn route<T: RuleTable, H: Headers + ?Sized, W: Witness>(
    table: &T,
    request: &RequestFacts<'_, H>,
    scratch: &mut RouteScratch,
    witness: &mut W,
) -> Result<RulePosition, Refusal> {
    match spelling(request.path) {
        Spelling::Plain => Ok(first_match(table, request, witness)),
        Spelling::Peculiar => route_peculiar(table, request, scratch, witness),
    }
}

#[cold]
fn route_peculiar<T: RuleTable, H: Headers + ?Sized, W: Witness>(
    table: &T,
    request: &RequestFacts<'_, H>,
    scratch: &mut RouteScratch,
    witness: &mut W,
) -> Result<RulePosition, Refusal> {
    scratch.normal.clear();
    scratch.loose.clear();
    normalise(request.path, &mut scratch.normal);
    loosest(request.path, &mut scratch.loose);
    let chosen = first_match(table, &RequestFacts { path: &scratch.normal, ..*request }, witness);
    if table.allow_ambiguous_paths() {
        return Ok(chosen);
    }
    let others = [&scratch.loose[..], request.path];
    for path in others {
        let other = first_match(table, &RequestFacts { path, ..*request }, &mut ());
        if other != chosen {
            let priority =
                |at: RulePosition| at.and_then(|i| table.rules().get(i)).map(|r| r.priority);
            let note = Note::TwoReadings { normal: priority(chosen), loose: priority(other) };
            witness.note(crate::Note::Route(note));
            return Err(Refusal::RequestAmbiguousPath);
        }
    }
    Ok(chosen)
}

fn first_match<T: RuleTable, H: Headers + ?Sized, W: Witness>(
    table: &T,
    request: &RequestFacts<'_, H>,
    witness: &mut W,
) -> RulePosition {
    let mut found = None;
    table.candidates(request, &mut |position| match table.rules().get(position) {
        Some(rule) if rule_matches(rule, request, witness) => {
            found = Some(position);
            ControlFlow::Break(())
        }
        Some(_) | None => ControlFlow::Continue(()),
    });
    if found.is_none() {
        witness.note(crate::Note::Route(Note::Default));
    }
    found
}

/// Whether every condition of the rule holds.
pub fn rule_matches<H: Headers + ?Sized, W: Witness>(
    rule: &Rule,
    request: &RequestFacts<'_, H>,
    witness: &mut W,
) -> bool {
    let mut all = true;
    for condition in &rule.conditions {
        if !condition_holds(condition, request) {
            all = false;
            witness.note(crate::Note::Route(Note::Unmet(rule, condition)));
            if !W::THOROUGH {
                break;
            }
        }
    }
    if all {
        witness.note(crate::Note::Route(Note::Matched(rule)));
    }
    all
}

/// ALB.md §4b, one field.
pub fn condition_holds<H: Headers + ?Sized>(
    condition: &Condition,
    request: &RequestFacts<'_, H>,
) -> bool {
    match condition {
        // A listener has rules of one of the two kinds: each is what its clients call it.
        Condition::Host(values) | Condition::ServerName(values) => {
            values.iter().any(|value| value.matches(request.host))
        }
        Condition::Path(values) => values.iter().any(|value| value.matches(request.path)),
        Condition::Header { name, values } => {
            request.headers.any(name, &mut |text| values.iter().any(|value| value.matches(text)))
        }
        Condition::Method(methods) => methods.iter().any(|m| m.as_bytes() == request.method),
        Condition::Query(patterns) => query_holds(patterns, request.query),
        Condition::SourceIp(nets) => {
            let source = canonical(request.source);
            nets.iter().any(|net| net.contains(&source))
        }
    }
}

/// Keys and values are compared as they were sent, without decoding (ALB.md §4b leaves it open).
fn query_holds(patterns: &[QueryPattern], query: &[u8]) -> bool {
    query.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()).any(|pair| {
        let (key, value) = match memchr_equals(pair) {
            Some(at) => (&pair[..at], &pair[at + 1..]),
            None => (pair, &pair[pair.len()..]),
        };
        patterns.iter().any(|pattern| {
            pattern.key.as_ref().is_none_or(|k| k.matches(key)) && pattern.value.matches(value)
        })
    })
}

fn memchr_equals(pair: &[u8]) -> Option<usize> {
    pair.iter().position(|byte| *byte == b'=')
}

#[cfg(test)]
mod tests;
