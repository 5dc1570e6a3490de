//! "Did you mean".

/// The candidate nearest to what was written, if it is near enough to be a slip.
pub fn nearest<'a>(
    written: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let limit = (written.chars().count() / 3).max(1) + 1;
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(written, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= limit && *distance < candidate.chars().count())
        .min()
        .map(|(_, candidate)| candidate)
}

/// `` `a`, `b` and `c` ``.
pub fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let quoted: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    match quoted.split_last() {
        None => "none".to_owned(),
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_enough() {
        let names = ["security_groups", "scheme", "addresses"];
        let rows = [
            ("security_group", Some("security_groups")),
            ("shceme", Some("scheme")),
            ("adresses", Some("addresses")),
            ("zzz", None),
        ];
        for (written, expected) in rows {
            assert_eq!(nearest(written, names), expected, "{written}");
        }
        assert_eq!(list(["a", "b", "c"]), "`a`, `b` and `c`");
    }
}
