//! What a figure has to be.

use std::fmt;

/// A goal of one case.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Goal {
    at_most: f64,
    /// The best of these is the measure; none: the figure itself.
    against: &'static [&'static str],
}

/// What became of a goal.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Outcome {
    Met(f64),
    Missed(f64),
    /// Somebody was not measured.
    Open,
}

impl Goal {
    pub const fn ratio(at_most: f64, against: &'static [&'static str]) -> Goal {
        Goal { at_most, against }
    }

    pub const fn at_most(at_most: f64) -> Goal {
        Goal { at_most, against: &[] }
    }

    /// `cost` answers the median of a proxy; less is better.
    pub fn judge(&self, ours: f64, cost: impl Fn(&str) -> Option<f64>) -> Outcome {
        let mut best = if self.against.is_empty() { 1.0 } else { f64::INFINITY };
        for name in self.against {
            match cost(name) {
                Some(cost) => best = best.min(cost),
                None => return Outcome::Open,
            }
        }
        match ours / best {
            value if value <= self.at_most => Outcome::Met(value),
            value => Outcome::Missed(value),
        }
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "≤ {:.2}", self.at_most)?;
        match self.against {
            [] => Ok(()),
            [one] => write!(f, " × {one}"),
            several => write!(f, " × the better of {}", several.join(" and ")),
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Met(value) => write!(f, "{value:.2}, met"),
            Outcome::Missed(value) => write!(f, "{value:.2}, MISSED"),
            Outcome::Open => f.write_str("not measured"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goals_are_held_against_the_best() {
        let cost = |name: &str| [("x", 10.0), ("y", 20.0)].into_iter().find(|p| p.0 == name);
        let cost = |name: &str| cost(name).map(|pair| pair.1);
        let both = Goal::ratio(0.8, &["x", "y"]);
        assert_eq!(both.judge(8.0, cost), Outcome::Met(0.8));
        assert_eq!(both.judge(9.0, cost), Outcome::Missed(0.9));
        assert_eq!(Goal::ratio(0.8, &["x", "z"]).judge(1.0, cost), Outcome::Open);
        assert_eq!(Goal::at_most(2.0).judge(1.5, cost), Outcome::Met(1.5));
        assert_eq!(both.to_string(), "≤ 0.80 × the better of x and y");
    }
}
