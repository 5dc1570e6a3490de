//! The pages of the reference that are made from the source: they say what the program says.

use std::fmt::Write;
use std::path::Path;

use model::{Blame, Refusal};

fn refusals() -> String {
    let mut out = String::from(
        "# Refusals\n\nWhy a request did not make it: one code each, the same in the access log (field 35), the connection log, and\n\
         `pointsman status`. The page is made from the source by `pointsman/tests/reference.rs`.\n\n\
         | code | answer | who mends it | what happened |\n|---|---|---|---|\n",
    );
    for refusal in Refusal::ALL {
        let status = refusal.status().map_or("–".to_owned(), |status| status.to_string());
        let blame = match refusal.blame() {
            Blame::Client => "client",
            Blame::Target => "target",
            Blame::Operator => "operator",
            Blame::Us => "Pointsman",
        };
        let _ = writeln!(out, "| `{refusal}` | {status} | {blame} | {} |", refusal.text());
    }
    out.push_str(
        "\n`–`: nothing is said, or the target's own answer stands. `route/default` stands in the same field and is no refusal:\n\
         only the default action caught the request.\n",
    );
    out
}

#[test]
fn every_refusal_is_on_its_page() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/refusals.md");
    if std::env::var_os("UPDATE_REFERENCE").is_some() {
        std::fs::write(&page, refusals()).unwrap();
    }
    let written = std::fs::read_to_string(&page).unwrap_or_default();
    assert!(
        written == refusals(),
        "docs/refusals.md is not current: UPDATE_REFERENCE=1 cargo test -p pointsman --test reference"
    );
}
