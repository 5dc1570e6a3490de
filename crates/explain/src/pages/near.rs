//! What may have been meant.

/// As many as one line holds.
const SUGGESTIONS_MAX: usize = 3;
/// Of `strsim::jaro_winkler`: below it, two codes have little in common.
const SIMILARITY_MIN: f64 = 0.92;
/// For the last part alone.
const PART_SIMILARITY_MIN: f64 = 0.9;

/// Up to three codes near this one, the nearest first; the last part alone will do.
pub fn nearest(code: &str) -> Vec<&'static str> {
    let code = code.trim().to_ascii_lowercase();
    if code.is_empty() {
        return Vec::new();
    }
    let mut found: Vec<(f64, &'static str)> =
        super::all().filter_map(|page| Some((similarity(&code, page.code)?, page.code))).collect();
    // Stable: equals stay in the order of the pages.
    found.sort_by(|a, b| b.0.total_cmp(&a.0));
    found.into_iter().map(|(_, code)| code).take(SUGGESTIONS_MAX).collect()
}

fn similarity(typed: &str, code: &str) -> Option<f64> {
    let last = code.rsplit('/').next().unwrap_or(code);
    let typed_last = typed.rsplit('/').next().unwrap_or(typed);
    let whole = strsim::jaro_winkler(typed, code);
    if typed_last == last {
        // Exact parts come before anything that is only similar.
        return Some(1.0 + whole);
    }
    let part = strsim::jaro_winkler(typed_last, last);
    (whole >= SIMILARITY_MIN || part >= PART_SIMILARITY_MIN).then_some(whole.max(part))
}
