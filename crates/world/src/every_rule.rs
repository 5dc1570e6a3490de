use std::ops::ControlFlow;

use model::{Action, Listener, Rule};
use verdict::route::{Headers, RequestFacts, RuleTable};

/// Every rule of a listener, in order: for whoever wants to hear of near misses, which an index leaves
/// out (DECISIONS 1), or asks too seldom for an index to be worth its making.
#[derive(Clone, Copy, Debug)]
pub struct EveryRule<'m>(pub &'m Listener);

impl RuleTable for EveryRule<'_> {
    fn rules(&self) -> &[Rule] {
        &self.0.rules
    }

    fn default_action(&self) -> &Action {
        &self.0.default_action
    }

    fn allow_ambiguous_paths(&self) -> bool {
        self.0.attributes.allow_ambiguous_paths
    }

    fn candidates<H: Headers + ?Sized>(
        &self,
        _: &RequestFacts<'_, H>,
        each: &mut dyn FnMut(usize) -> ControlFlow<()>,
    ) {
        let _ = (0..self.0.rules.len()).try_for_each(each);
    }
}
