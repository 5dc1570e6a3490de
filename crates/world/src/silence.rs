//! Findings that an operator has silenced, and silences that nothing needs any more.

use model::{Finding, Silence};

/// What is left of the findings, whoever made them, and one for each silence that held none back.
pub fn unsilenced(silences: &[Silence], findings: Vec<Finding>) -> Vec<Finding> {
    let mut used = vec![false; silences.len()];
    let mut left: Vec<Finding> = Vec::with_capacity(findings.len());
    for finding in findings {
        let mut heard = true;
        for (silence, used) in silences.iter().zip(&mut used) {
            if silence.covers(&finding) {
                (heard, *used) = (false, true);
            }
        }
        if heard {
            left.push(finding);
        }
    }
    let unused = silences.iter().zip(used).filter(|(_, used)| !used);
    left.extend(unused.map(|(silence, _)| {
        let text = format!("nothing gives `{}` here", silence.code);
        Finding::warning("lint/unused-silence", &silence.place, text)
            .length("silence".len() as u32)
            .hint("remove it, so that it cannot hide the next mistake of the kind")
    }));
    left
}
