//! The vectors of http-desync-guardian, AWS's own judge of requests, and the judge itself.

use http_desync_guardian::request_analyzer::HttpRequestData;

use super::*;

/// Where we judge otherwise, and why.
const EXCEPTIONS: &[(Judgement, &str)] = &[
    (
        Judgement::Refused(RequestError::SimpleRequest),
        "an answer of HTTP/0.9 has no head, so nothing that routes can say what went wrong",
    ),
    (
        Judgement::Refused(RequestError::Framing(FramingError::CodingUnsupported)),
        "ALB.md §6b: 501, and a length that we cannot know is 400 in every mode (DECISIONS 16)",
    ),
    (
        Judgement::Refused(RequestError::Framing(FramingError::CodingUnknown)),
        "RFC 9112 §7.1: parameters of `chunked` are an error",
    ),
    (
        Judgement::Refused(RequestError::TargetMissing),
        "there is no target that could be matched or forwarded",
    ),
    (
        Judgement::Routed(DesyncClass::Severe, Some(DesyncReason::SuspiciousTeClPresent)),
        "ALB.md §6c lists it; the library of 2020 has only SuspiciousHeader, which is ambiguous",
    ),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Judgement {
    Routed(DesyncClass, Option<DesyncReason>),
    Refused(RequestError),
}

fn judge(raw: &[u8]) -> Judgement {
    match parse(raw) {
        Ok((head, _)) => Judgement::Routed(head.class, head.reasons.worst()),
        Err(error) => Judgement::Refused(error),
    }
}

fn agrees(ours: Judgement, class: DesyncClass, reason: &str) -> bool {
    match ours {
        Judgement::Routed(ours, worst) => {
            ours == class && worst.map_or("Compliant", DesyncReason::name) == reason
        }
        Judgement::Refused(error) => {
            class == DesyncClass::Severe
                && error.class_and_reason().is_some_and(|ours| ours.name() == reason)
        }
    }
}

fn class_named(name: &str) -> DesyncClass {
    use DesyncClass::*;
    [Compliant, Acceptable, Ambiguous, Severe]
        .into_iter()
        .find(|class| format!("{class:?}") == name)
        .unwrap_or_else(|| panic!("{name}"))
}

#[test]
fn vectors() {
    let mut differing = Vec::new();
    for line in include_str!("guardian.tsv").lines().filter(|line| !line.starts_with('#')) {
        let columns: Vec<&str> = line.split('\t').collect();
        let [class, reason, name, raw] = columns[..] else { panic!("{line}") };
        let raw_bytes = unescape(raw);
        let ours = judge(&raw_bytes);
        // Vectors with line breaks inside a value describe the work of a parser; as raw bytes they
        // are something else, and the library has its own judgement of that.
        let (raw_class, raw_reason) = theirs(&raw_bytes);
        let agreed = agrees(ours, class_named(class), reason)
            || agrees(ours, raw_class, &raw_reason)
            || EXCEPTIONS.iter().any(|(exception, _)| *exception == ours);
        if !agreed {
            differing.push(format!("{name}: {class} {reason}, but we {ours:?}\n   {raw}"));
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

fn theirs(raw: &[u8]) -> (DesyncClass, String) {
    let result = HttpRequestData::analyze_raw_request(raw);
    (class_named(&format!("{:?}", result.tier)), format!("{:?}", result.reason))
}

proptest! {
    #![proptest_config(crate::test_bytes::cases(20_000))]

    /// What we route, the guardian does not find worse than we do.
    #[test]
    fn never_milder(mut raw in heads()) {
        raw.extend_from_slice(b"\r\n\r\n");
        let Ok(Parsed::Complete(head)) = parse_request(&raw, &mut Fields::new()) else {
            return Ok(());
        };
        // The library lets a folded line go on with the last line that had a colon, not with the
        // line before.
        let skipped = [DesyncReason::MultilineHeader, DesyncReason::MissingHeaderColon];
        if skipped.iter().all(|reason| head.reasons.contains(*reason)) {
            return Ok(());
        }
        // Nor does it skip empty lines before the request line.
        let empty = raw.iter().take_while(|byte| b"\r\n".contains(byte)).count();
        let (class, reason) = theirs(&raw[empty..head.len]);
        let raw = raw.escape_ascii();
        prop_assert!(head.class >= class, "we {:?}, they {reason}: {raw}", head.reasons);
    }
}
