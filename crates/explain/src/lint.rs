//! Doubts about a configuration that only whole ways of requests can prove; those that the model
//! alone proves are in `world`.

pub mod page;
mod round;

use model::Finding;

use crate::atlas::Atlas;
use crate::facts::Facts;

/// `facts` are those of a proof: what is not declared is taken to be well.
pub fn lint(atlas: &Atlas<'_>, facts: &Facts<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let refused = page::lint(atlas, facts, &mut findings);
    round::public_but_not_open(atlas, &refused, &mut findings);
    round::goes_round(atlas, &mut findings);
    findings
}
