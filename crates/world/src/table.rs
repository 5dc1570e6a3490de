//! The rules of a listener with an index that prunes (DECISIONS 1).
//!
//! Rules are kept under what a request must literally have to match them: its host, or an end of
//! it, and its path, or a beginning of it. A request looks its own up; what cannot be indexed, such
//! as expressions and conditions on headers, is among the candidates of every request.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::ops::ControlFlow;
use std::sync::Arc;

use model::{Action, Condition, ListenerId, Matcher, Model, Rule};
use verdict::route::{Headers, RequestFacts, RuleTable};

/// So few rules are asked one after the other.
const SCANNED_MAX: usize = 16;
/// Lists of candidates that one request may have; with more, all rules are asked.
const LISTS_MAX: usize = 64;

/// One listener's rules.
#[derive(Debug)]
pub struct ListenerTable {
    model: Arc<Model>,
    listener: ListenerId,
    index: Option<Arc<Index>>,
}

type Positions = Vec<u32>;
type Map<V> = HashMap<Box<[u8]>, V, BuildHasherDefault<Mix>>;

#[derive(Debug, Default)]
struct Index {
    /// By the whole host.
    hosts: Map<Paths>,
    /// By the end of the host, with its dot: `.example.com`.
    suffixes: Map<Paths>,
    /// Dots in the longest of them.
    suffix_dots_max: usize,
    any_host: Paths,
}

#[derive(Debug, Default)]
struct Paths {
    /// By the whole path.
    exact: Map<Positions>,
    /// By the beginning of the path, apart by its length, ascending.
    prefixes: Vec<(usize, Map<Positions>)>,
    any: Positions,
}

impl ListenerTable {
    pub fn new(model: Arc<Model>, listener: ListenerId) -> Self {
        let rules = &model[listener].rules;
        let index = (rules.len() > SCANNED_MAX).then(|| Arc::new(Index::new(rules)));
        ListenerTable { model, listener, index }
    }

    /// Of a changed model: the index stays where the rules did.
    pub fn changed(&self, model: Arc<Model>) -> Self {
        let listener = self.listener;
        match model[listener].rules.is_same(&self.model[listener].rules) {
            true => ListenerTable { model, listener, index: self.index.clone() },
            false => ListenerTable::new(model, listener),
        }
    }
}

impl RuleTable for ListenerTable {
    fn rules(&self) -> &[Rule] {
        &self.model[self.listener].rules
    }

    fn default_action(&self) -> &Action {
        &self.model[self.listener].default_action
    }

    fn allow_ambiguous_paths(&self) -> bool {
        self.model[self.listener].attributes.allow_ambiguous_paths
    }

    fn candidates<H: Headers + ?Sized>(
        &self,
        request: &RequestFacts<'_, H>,
        each: &mut dyn FnMut(usize) -> ControlFlow<()>,
    ) {
        let mut lists = Lists::default();
        let found =
            self.index.as_ref().map(|index| index.find(request.host, request.path, &mut lists));
        match found {
            Some(Found::Pruned) => lists.merge(each),
            Some(Found::TooMany) | None => {
                let _ = (0..self.rules().len()).try_for_each(each);
            }
        }
    }
}

enum Found {
    Pruned,
    TooMany,
}

/// Ascending positions from several places of the index.
struct Lists<'i> {
    lists: [&'i [u32]; LISTS_MAX],
    count: usize,
    overflowed: bool,
}

impl Default for Lists<'_> {
    fn default() -> Self {
        Lists { lists: [&[]; LISTS_MAX], count: 0, overflowed: false }
    }
}

impl<'i> Lists<'i> {
    fn push(&mut self, list: &'i [u32]) {
        if list.is_empty() {
            return;
        }
        match self.lists.get_mut(self.count) {
            Some(slot) => {
                *slot = list;
                self.count += 1;
            }
            None => self.overflowed = true,
        }
    }

    /// Each position once, ascending.
    fn merge(&mut self, each: &mut dyn FnMut(usize) -> ControlFlow<()>) {
        let lists = &mut self.lists[..self.count];
        while let Some(least) = lists.iter().filter_map(|list| list.first().copied()).min() {
            for list in lists.iter_mut() {
                if list.first() == Some(&least) {
                    *list = &list[1..];
                }
            }
            if each(least as usize).is_break() {
                return;
            }
        }
    }
}

// === impl Index ===

/// Where a rule is kept.
enum HostKey {
    Exact(Box<[u8]>),
    Suffix(Box<[u8]>),
    Any,
}

enum PathKey {
    Exact(Box<[u8]>),
    Prefix(Box<[u8]>),
    Any,
}

impl Index {
    fn new(rules: &[Rule]) -> Self {
        let mut index = Index::default();
        for (position, rule) in rules.iter().enumerate() {
            let paths = path_keys(rule);
            for host in host_keys(rule) {
                let place = match host {
                    HostKey::Exact(host) => index.hosts.entry(host).or_default(),
                    HostKey::Suffix(suffix) => {
                        let dots = suffix.iter().filter(|byte| **byte == b'.').count();
                        index.suffix_dots_max = index.suffix_dots_max.max(dots);
                        index.suffixes.entry(suffix).or_default()
                    }
                    HostKey::Any => &mut index.any_host,
                };
                paths.iter().for_each(|path| place.insert(path, position as u32));
            }
        }
        index.any_host.settle();
        index.hosts.values_mut().chain(index.suffixes.values_mut()).for_each(Paths::settle);
        index
    }

    fn find<'i>(&'i self, host: &[u8], path: &[u8], lists: &mut Lists<'i>) -> Found {
        self.any_host.find(path, lists);
        if let Some(paths) = self.hosts.get(host) {
            paths.find(path, lists);
        }
        // From the right: a host with many labels costs no more than the longest end there is.
        let dots = host.iter().enumerate().rev().filter(|(_, byte)| **byte == b'.');
        for (at, _) in dots.take(self.suffix_dots_max) {
            if let Some(paths) = self.suffixes.get(&host[at..]) {
                paths.find(path, lists);
            }
        }
        if lists.overflowed { Found::TooMany } else { Found::Pruned }
    }
}

// === impl Paths ===

impl Paths {
    fn insert(&mut self, key: &PathKey, position: u32) {
        let list = match key {
            PathKey::Exact(path) => self.exact.entry(path.clone()).or_default(),
            PathKey::Prefix(prefix) => {
                let at = match self
                    .prefixes
                    .binary_search_by_key(&prefix.len(), |(length, _)| *length)
                {
                    Ok(at) => at,
                    Err(at) => {
                        self.prefixes.insert(at, (prefix.len(), Map::default()));
                        at
                    }
                };
                self.prefixes[at].1.entry(prefix.clone()).or_default()
            }
            PathKey::Any => &mut self.any,
        };
        list.push(position);
    }

    /// Several values of one rule may have the same key.
    fn settle(&mut self) {
        let prefixes = self.prefixes.iter_mut().flat_map(|(_, map)| map.values_mut());
        self.exact.values_mut().chain(prefixes).chain([&mut self.any]).for_each(Vec::dedup);
    }

    fn find<'i>(&'i self, path: &[u8], lists: &mut Lists<'i>) {
        lists.push(&self.any);
        if !self.exact.is_empty()
            && let Some(list) = self.exact.get(path)
        {
            lists.push(list);
        }
        for (length, map) in &self.prefixes {
            let Some(prefix) = path.get(..*length) else { break };
            if let Some(list) = map.get(prefix) {
                lists.push(list);
            }
        }
    }
}

/// The literal that every text matching `matcher` has, as the caller's `key` takes it.
fn keys<K>(
    values: Option<&Vec<Matcher>>,
    any: fn() -> K,
    key: impl Fn(&Matcher) -> Option<K>,
) -> Vec<K> {
    let Some(values) = values else { return vec![any()] };
    let keys: Option<Vec<K>> = values.iter().map(key).collect();
    keys.filter(|keys| !keys.is_empty()).unwrap_or_else(|| vec![any()])
}

fn host_keys(rule: &Rule) -> Vec<HostKey> {
    let values = rule.conditions.iter().find_map(|condition| match condition {
        Condition::Host(values) | Condition::ServerName(values) => Some(values),
        _ => None,
    });
    keys(
        values,
        || HostKey::Any,
        |matcher| match matcher {
            Matcher::Regex(_) => None,
            Matcher::Wildcard(wildcard) if wildcard.is_literal() => {
                Some(HostKey::Exact(wildcard.literal_prefix().into()))
            }
            Matcher::Wildcard(wildcard) => {
                // From its first dot, the literal end of the pattern is an end of the host.
                let suffix = wildcard.literal_suffix();
                let dot = suffix.iter().position(|byte| *byte == b'.')?;
                Some(HostKey::Suffix(suffix[dot..].into()))
            }
        },
    )
}

fn path_keys(rule: &Rule) -> Vec<PathKey> {
    let values = rule.conditions.iter().find_map(|condition| match condition {
        Condition::Path(values) => Some(values),
        _ => None,
    });
    keys(
        values,
        || PathKey::Any,
        |matcher| match matcher {
            Matcher::Regex(_) => None,
            Matcher::Wildcard(wildcard) if wildcard.is_literal() => {
                Some(PathKey::Exact(wildcard.literal_prefix().into()))
            }
            Matcher::Wildcard(wildcard) => {
                let prefix = wildcard.literal_prefix();
                (!prefix.is_empty()).then(|| PathKey::Prefix(prefix.into()))
            }
        },
    )
}

/// A fast hash. Keys come from the configuration; clients only look up, and cannot make the table
/// uneven.
#[derive(Default)]
struct Mix(u64);

impl Hasher for Mix {
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.write_u64(u64::from_le_bytes(*word));
        }
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        self.write_u64(u64::from_le_bytes(last) ^ (rest.len() as u64) << 56);
    }

    fn write_u64(&mut self, word: u64) {
        let product = u128::from(self.0 ^ word) * u128::from(0x9e37_79b9_7f4a_7c15_u64);
        self.0 = (product as u64) ^ (product >> 64) as u64 ^ word.rotate_left(23);
    }

    fn write_usize(&mut self, word: usize) {
        self.write_u64(word as u64);
    }

    fn finish(&self) -> u64 {
        self.0.wrapping_mul(0xff51_afd7_ed55_8ccd) ^ (self.0 >> 29)
    }
}

#[cfg(test)]
mod tests;
