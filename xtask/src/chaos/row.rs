//! One line of the table: what was sent, what became of it, and what is wrong with that.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use serde_json::{Value, json};

use super::load::{Method, Outcome, Record};
use super::process::Usage;
use super::target::Seen;

/// What a case found.
#[derive(Clone, Debug, Default)]
pub struct Row {
    pub case: &'static str,
    pub sent: usize,
    pub outcomes: BTreeMap<Outcome, u64>,
    /// GETs that failed without an excuse.
    pub repeatable_failed: u64,
    /// Requests of any method that failed and were allowed to by the case.
    pub excused: u64,
    /// POSTs that failed without an excuse.
    pub others_failed: u64,
    pub posts_twice: u64,
    /// From relief to the first moment from which all went well.
    pub recovery: Option<Duration>,
    pub before: Option<Usage>,
    pub after: Option<Usage>,
    /// What else is worth knowing.
    pub notes: Vec<String>,
    /// Expectations that are broken.
    pub problems: Vec<String>,
    /// Why it could not be run here.
    pub skipped: Option<String>,
}

// === impl Row ===

impl Row {
    pub fn skipped(why: impl Into<String>) -> Row {
        Row { skipped: Some(why.into()), ..Row::default() }
    }

    /// Counts, and holds against the row what every case must keep: nothing that may be repeated
    /// fails, nothing that may not be is repeated, and no answer is made up. A failure that
    /// `excuse` lets pass is counted apart.
    pub fn count(records: &[Record], seen: &Seen, excuse: impl Fn(&Record) -> bool) -> Row {
        let mut row =
            Row { sent: records.len(), posts_twice: seen.posts_twice(), ..Row::default() };
        let mut made_up = 0;
        for record in records {
            *row.outcomes.entry(record.outcome).or_default() += 1;
            if !record.failed() {
                made_up += u64::from(seen.times(record.id) == 0);
            } else if excuse(record) {
                row.excused += 1;
            } else {
                if row.notes.is_empty() {
                    let Record { id, method, outcome, .. } = record;
                    row.note(format!("the first without an excuse: {method:?} {id}: {outcome}"));
                }
                match record.method {
                    Method::Get => row.repeatable_failed += 1,
                    Method::Post => row.others_failed += 1,
                }
            }
        }
        row.expect(row.sent > 0, || "nothing was sent".to_owned());
        let failures = [
            (row.repeatable_failed, "GETs failed"),
            (row.others_failed, "POSTs failed that had no excuse"),
            (row.posts_twice, "POSTs reached a target twice"),
            (made_up, "requests were answered 200 that no target has seen"),
        ];
        for (count, what) in failures {
            row.expect(count == 0, || format!("{count} {what}"));
        }
        row
    }

    pub fn expect(&mut self, holds: bool, problem: impl FnOnce() -> String) {
        if !holds {
            self.problems.push(problem());
        }
    }

    pub fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    /// The time to recover must be known and at most `limit`.
    pub fn recovered(&mut self, recovery: Option<Duration>, limit: Duration) {
        self.recovery = recovery;
        match recovery {
            Some(took) => self.expect(took <= limit, || format!("recovered after {took:.2?} only")),
            None => self.expect(false, || "did not recover".to_owned()),
        }
    }

    pub fn verdict(&self) -> &'static str {
        match (&self.skipped, self.problems.is_empty()) {
            (Some(_), _) => "SKIPPED",
            (None, true) => "ok",
            (None, false) => "BROKEN",
        }
    }

    fn json(&self) -> Value {
        let outcomes: BTreeMap<String, u64> =
            self.outcomes.iter().map(|(outcome, count)| (outcome.to_string(), *count)).collect();
        let usage = |usage: Option<Usage>| {
            usage.map(|u| json!({ "resident_kilobytes": u.resident_kilobytes, "descriptors": u.descriptors }))
        };
        json!({
            "case": self.case,
            "verdict": self.verdict(),
            "sent": self.sent,
            "outcomes": outcomes,
            "repeatable_failed": self.repeatable_failed,
            "others_failed": self.others_failed,
            "excused": self.excused,
            "posts_twice": self.posts_twice,
            "recovery_seconds": self.recovery.map(|took| took.as_secs_f64()),
            "before": usage(self.before),
            "after": usage(self.after),
            "notes": self.notes,
            "problems": self.problems,
            "skipped": self.skipped,
        })
    }
}

pub fn json(rows: &[Row]) -> String {
    let rows: Vec<Value> = rows.iter().map(Row::json).collect();
    format!("{:#}\n", json!({ "rows": rows }))
}

const COLUMNS: [&str; 9] = [
    "case",
    "sent",
    "outcomes",
    "GETs failed",
    "excused",
    "POSTs twice",
    "recovery",
    "memory, descriptors",
    "verdict",
];

/// A table that is also Markdown, then what is wrong and what is worth knowing.
pub fn text(rows: &[Row]) -> String {
    let cells: Vec<[String; 9]> = rows.iter().map(cells).collect();
    let width = |at: usize| {
        let longest = cells.iter().map(|row| row[at].chars().count()).max().unwrap_or(0);
        longest.max(COLUMNS[at].len())
    };
    let widths: Vec<usize> = (0..COLUMNS.len()).map(width).collect();
    let mut out = String::new();
    let mut line = |cells: &[String]| {
        for (cell, width) in cells.iter().zip(&widths) {
            let _ = write!(out, "| {cell:width$} ");
        }
        out.push_str("|\n");
    };
    line(&COLUMNS.map(str::to_owned));
    line(&widths.iter().map(|width| "-".repeat(*width)).collect::<Vec<_>>());
    cells.iter().for_each(|cells| line(cells));
    out + "\n" + &remarks(rows)
}

/// What is wrong, and what is worth knowing.
pub fn remarks(rows: &[Row]) -> String {
    let mut out = String::new();
    for row in rows {
        for note in &row.notes {
            let _ = writeln!(out, "{}: {note}", row.case);
        }
        for problem in &row.problems {
            let _ = writeln!(out, "{}: BROKEN: {problem}", row.case);
        }
        if let Some(why) = &row.skipped {
            let _ = writeln!(out, "{}: SKIPPED: {why}", row.case);
        }
    }
    out
}

fn cells(row: &Row) -> [String; 9] {
    let outcomes: Vec<String> =
        row.outcomes.iter().map(|(outcome, count)| format!("{outcome}: {count}")).collect();
    let recovery =
        row.recovery.map_or(String::new(), |took| format!("{:.2} s", took.as_secs_f64()));
    let usage = match (row.before, row.after) {
        (Some(before), Some(after)) => format!("{} → {}", shown(before), shown(after)),
        (Some(only), None) | (None, Some(only)) => shown(only),
        (None, None) => String::new(),
    };
    [
        row.case.to_owned(),
        row.sent.to_string(),
        outcomes.join(", "),
        row.repeatable_failed.to_string(),
        row.excused.to_string(),
        row.posts_twice.to_string(),
        recovery,
        usage,
        row.verdict().to_owned(),
    ]
}

fn shown(usage: Usage) -> String {
    let descriptors = usage.descriptors.map_or("?".to_owned(), |count| count.to_string());
    format!("{:.1} MB, {descriptors}", usage.resident_kilobytes as f64 / 1024.0)
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn record(id: u64, method: Method, outcome: Outcome) -> Record {
        let now = Instant::now();
        Record { id, method, began: now, sent: Some(now), ended: now, outcome, target: None }
    }

    #[test]
    fn every_expectation_can_be_broken() {
        let good = Outcome::Answered(200);
        let rows = [
            (Method::Get, Outcome::Answered(502), "1 GETs failed"),
            (Method::Get, Outcome::ResetBefore, "1 GETs failed"),
            (Method::Post, Outcome::Answered(502), "1 POSTs failed"),
            (Method::Get, good, "no target has seen"),
        ];
        for (method, outcome, problem) in rows {
            let records = [record(1, method, outcome)];
            let row = Row::count(&records, &Seen::default(), |_| false);
            assert!(row.problems.join(" ").contains(problem), "{outcome}: {:?}", row.problems);
            assert_eq!(row.verdict(), "BROKEN", "{outcome}");
            let excused = Row::count(&records, &Seen::default(), |_| true);
            assert_eq!(excused.problems.is_empty(), outcome != good, "{outcome}");
        }
        assert_eq!(Row::count(&[], &Seen::default(), |_| true).verdict(), "BROKEN");
        let mut row = Row::default();
        row.recovered(None, Duration::ZERO);
        row.recovered(Some(Duration::from_secs(2)), Duration::from_secs(1));
        assert_eq!(row.problems, ["did not recover", "recovered after 2.00s only"]);
    }

    #[test]
    fn the_table_says_what_is_wrong() {
        let mut row = Row { case: "kill", sent: 3, ..Row::default() };
        row.expect(false, || "so and so".to_owned());
        let skipped = Row { case: "disk", ..Row::skipped("no mount") };
        let text = text(&[row, skipped]);
        assert!(text.contains("kill: BROKEN: so and so\ndisk: SKIPPED: no mount\n"), "{text}");
        assert!(text.lines().take(4).all(|line| line.starts_with("| ")), "{text}");
    }
}
