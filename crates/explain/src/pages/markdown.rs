//! The whole reference.

use std::fmt::Write;

use model::{Blame, Refusal};

use super::{FAMILIES, Family, Page};

const HEAD: &str = "# Codes

Why a request did not make it, and what `check` finds wrong or doubtful: one code each, the same everywhere. The codes of
refusals stand in the access log (field 35), the connection log and `pointsman status`. Each page is what
`pointsman explain CODE` says. The page is made from the source by `pointsman/tests/reference.rs`.

In commands, words in capitals are to be replaced: URL, NAME and HOST are what was asked for, ADDRESS and PORT the
target's, UNIT its service, NETWORK a declared one, FILE the configuration; `access.log`, `connection.log` and `chain.pem`
are the files that it names.

";

/// `docs/codes.md`: a table of contents by family, the table of refusals, one section for each code.
pub fn markdown() -> String {
    let mut out = HEAD.to_owned();
    for family in FAMILIES {
        let _ = writeln!(out, "- **{}** {}", family.name, family.about);
        let links: Vec<String> = family.all().map(|page| link(page.code)).collect();
        let _ = writeln!(out, "  {}", links.join(" · "));
    }
    refusals(&mut out);
    FAMILIES.iter().for_each(|family| family.write(&mut out));
    out
}

/// What the load balancer itself says no to.
fn refusals(out: &mut String) {
    out.push_str(
        "\n## Refusals at a glance\n\n| code | answer | who mends it | what happened |\n|---|---|---|---|\n",
    );
    for refusal in Refusal::ALL {
        let status = refusal.status().map_or("–".to_owned(), |status| status.to_string());
        let blame = match refusal.blame() {
            Blame::Client => "client",
            Blame::Target => "target",
            Blame::Operator => "operator",
            Blame::Us => "Pointsman",
        };
        let code = link(refusal.code());
        let _ = writeln!(out, "| {code} | {status} | {blame} | {} |", refusal.text().trim());
    }
    out.push_str(
        "\n`–`: nothing is said, or the target's own answer stands. `route/default` stands in the same field and is no refusal:\n\
         only the default action caught the request.\n",
    );
}

impl Family {
    fn write(&self, out: &mut String) {
        let _ = writeln!(out, "\n## {}\n\n{}", self.name, self.about);
        self.all().for_each(|page| section(out, &page));
    }
}

fn section(out: &mut String, page: &Page) {
    let _ = writeln!(out, "\n### {}\n\n{}.", page.code, capital(page.what));
    let _ = writeln!(out, "\n**What the person sees.** {}.", capital(page.sees));
    let _ = writeln!(out, "\n**Likely causes**\n\n{}", list(page.causes));
    out.push_str("\n**How to confirm it**\n\n");
    for (command, tells) in page.confirm {
        let _ = writeln!(out, "- {}: {tells}", code(command));
    }
    let _ = writeln!(out, "\n**What to do**\n\n{}", list(page.remedy));
    if !page.related.is_empty() {
        let links: Vec<String> = page.related.iter().map(|code| link(code)).collect();
        let _ = writeln!(out, "\nSee also {}.", links.join(", "));
    }
}

fn list(lines: &[&str]) -> String {
    lines.iter().map(|line| format!("- {line}")).collect::<Vec<_>>().join("\n")
}

/// As GitHub names a heading: the slash falls away.
fn link(code: &str) -> String {
    format!("[`{code}`](#{})", code.replace('/', ""))
}

/// A backtick within needs two around.
fn code(command: &str) -> String {
    if command.contains('`') { format!("`` {command} ``") } else { format!("`{command}`") }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string());
    first.unwrap_or_default() + letters.as_str()
}
