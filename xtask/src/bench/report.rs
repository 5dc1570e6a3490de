//! Medians with their range, and the ratio of ours to each peer.

use std::fmt::Write;

use serde_json::{Value, json};

use super::Case;
use super::goal::{Goal, Outcome};
use super::sample::Sample;

/// All samples of one proxy in one case.
struct Row<'a> {
    proxy: &'static str,
    samples: Vec<&'a Sample>,
}

impl Row<'_> {
    fn cost(&self) -> f64 {
        median(self.samples.iter().map(|sample| sample.cost))
    }

    fn least(&self) -> f64 {
        self.samples.iter().map(|sample| sample.cost).fold(f64::INFINITY, f64::min)
    }

    fn most(&self) -> f64 {
        self.samples.iter().map(|sample| sample.cost).fold(0.0, f64::max)
    }

    fn median_of(&self, value: fn(&Sample) -> Option<f64>) -> Option<f64> {
        let values: Vec<f64> = self.samples.iter().filter_map(|sample| value(sample)).collect();
        (!values.is_empty()).then(|| median(values.into_iter()))
    }

    fn errors(&self) -> u64 {
        self.samples.iter().map(|sample| sample.errors).sum()
    }
}

pub fn text(cases: &[Case], samples: &[Sample]) -> String {
    let mut out = String::new();
    for case in cases {
        let rows = rows(case, samples);
        let ours = case.ours(&rows);
        let _ = writeln!(out, "\n{}: {}", case.name, case.summary);
        let _ = writeln!(
            out,
            "  {:<14} {:>10} {:>19} {:>10} {:>9} {:>9} {:>8} {:>7}",
            "", "median", "[min..max]", "ours ÷ it", "per s", "p99 ms", "RSS MB", "errors"
        );
        for row in &rows {
            write_row(case, row, ours, &mut out);
        }
        let _ = writeln!(
            out,
            "  ({}; median of {})",
            case.kind.unit(),
            rows.first().map_or(0, |r| r.samples.len())
        );
        for (goal, outcome) in outcomes(case, &rows) {
            let _ = writeln!(out, "  goal {goal}: {outcome}");
        }
    }
    out
}

impl Case {
    fn ours(&self, rows: &[Row<'_>]) -> Option<f64> {
        let name = self.proxies.first()?;
        rows.iter().find(|row| row.proxy == *name).map(Row::cost)
    }
}

fn outcomes(case: &Case, rows: &[Row<'_>]) -> Vec<(Goal, Outcome)> {
    let cost = |name: &str| rows.iter().find(|row| row.proxy == name).map(Row::cost);
    let judge = |goal: &Goal| match case.ours(rows) {
        Some(ours) => goal.judge(ours, cost),
        None => Outcome::Open,
    };
    case.goals.iter().map(|goal| (*goal, judge(goal))).collect()
}

fn write_row(case: &Case, row: &Row<'_>, ours: Option<f64>, out: &mut String) {
    let range = format!("[{:.2}..{:.2}]", row.least(), row.most());
    let ratio = match ours {
        Some(ours) if case.proxies.first() != Some(&row.proxy) && row.cost() > 0.0 => {
            format!("{:.2}", ours / row.cost())
        }
        Some(_) | None => String::new(),
    };
    let number = |value: Option<f64>, digits: usize| {
        value.map_or(String::new(), |v| format!("{v:.digits$}"))
    };
    let _ = writeln!(
        out,
        "  {:<14.14} {:>10.2} {range:>19} {ratio:>10} {:>9} {:>9} {:>8} {:>7}",
        row.proxy,
        row.cost(),
        number(row.median_of(|sample| sample.per_second), 0),
        number(row.median_of(|sample| sample.p99_milliseconds), 2),
        number(row.median_of(|sample| sample.resident_megabytes), 1),
        row.errors(),
    );
}

pub fn json(cases: &[Case], samples: &[Sample]) -> String {
    let cases: Vec<Value> = cases.iter().map(|case| case_json(case, samples)).collect();
    format!("{:#}\n", json!({ "version": 2, "cases": cases }))
}

fn case_json(case: &Case, samples: &[Sample]) -> Value {
    let measured = rows(case, samples);
    let goals: Vec<Value> = outcomes(case, &measured)
        .iter()
        .map(|(goal, outcome)| json!({ "goal": goal.to_string(), "outcome": outcome.to_string() }))
        .collect();
    let proxies: serde_json::Map<String, Value> = measured
        .iter()
        .map(|row| {
            let runs: Vec<f64> = row.samples.iter().map(|sample| sample.cost).collect();
            let value = json!({
                "median": row.cost(),
                "runs": runs,
                "per_second": row.median_of(|sample| sample.per_second),
                "p99_milliseconds": row.median_of(|sample| sample.p99_milliseconds),
                "resident_megabytes": row.median_of(|sample| sample.resident_megabytes),
                "errors": row.errors(),
            });
            (row.proxy.to_owned(), value)
        })
        .collect();
    json!({ "case": case.name, "what": case.summary, "unit": case.kind.unit().to_string(), "proxies": proxies, "goals": goals })
}

/// In the order in which proxies first ran.
fn rows<'a>(case: &Case, samples: &'a [Sample]) -> Vec<Row<'a>> {
    let mut rows: Vec<Row<'a>> = Vec::new();
    for sample in samples.iter().filter(|sample| sample.case == case.name) {
        match rows.iter_mut().find(|row| row.proxy == sample.proxy) {
            Some(row) => row.samples.push(sample),
            None => rows.push(Row { proxy: sample.proxy, samples: vec![sample] }),
        }
    }
    rows
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    match (values.len() / 2, values.len() % 2) {
        (_, _) if values.is_empty() => 0.0,
        (middle, 1) => values[middle],
        (middle, _) => f64::midpoint(values[middle - 1], values[middle]),
    }
}

#[cfg(test)]
mod tests {
    use super::super::CASES;
    use super::super::entrants::OURS;
    use super::*;

    fn samples() -> Vec<Sample> {
        let sample = |proxy, cost| Sample {
            case: "a",
            proxy,
            cost,
            per_second: Some(100.0),
            ..Sample::default()
        };
        vec![
            sample(OURS, 10.0),
            sample("nginx", 20.0),
            sample(OURS, 14.0),
            sample("nginx", 30.0),
            sample(OURS, 12.0),
        ]
    }

    #[test]
    fn medians() {
        for (values, expected) in
            [(vec![], 0.0), (vec![3.0, 1.0, 2.0], 2.0), (vec![4.0, 1.0, 2.0, 3.0], 2.5)]
        {
            assert!((median(values.iter().copied()) - expected).abs() < 1e-9, "{values:?}");
        }
    }

    #[test]
    fn the_table_and_the_file_say_the_same() {
        let text = text(&CASES[..1], &samples());
        assert!(text.contains("[10.00..14.00]") && text.contains(" 0.48 "), "{text}");
        let json: Value = serde_json::from_str(&json(&CASES[..1], &samples())).unwrap();
        assert_eq!(json["cases"][0]["proxies"]["nginx"]["median"], 25.0);
        assert_eq!(json["cases"][0]["proxies"][OURS]["runs"].as_array().unwrap().len(), 3);
    }
}
