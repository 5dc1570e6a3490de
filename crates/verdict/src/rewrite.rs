//! What a rule's transforms make of host and URL (ALB.md §4c): after the rule is chosen, never
//! re-evaluating rules; no match leaves things as they are.

use model::{Refusal, Transform};
use regex::bytes::{Captures, Regex};

/// A host or URL longer than this after rewriting is a failed transform.
pub const REWRITTEN_MAX: usize = 16 * 1024;

/// Which of the two buffers hold a rewritten value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rewritten {
    pub host: bool,
    pub url: bool,
}

/// Clears and fills `host_out` and `url_out` where a transform matched. `url` is path and query.
pub fn rewrite(
    transforms: &[Transform],
    host: &[u8],
    url: &[u8],
    host_out: &mut Vec<u8>,
    url_out: &mut Vec<u8>,
) -> Result<Rewritten, Refusal> {
    let mut rewritten = Rewritten::default();
    for transform in transforms {
        match transform {
            Transform::HostHeader { pattern, replacement } => {
                rewritten.host = replace(pattern, replacement, host, host_out);
                if rewritten.host && !valid_host(host_out) {
                    return Err(Refusal::RouteTransformFailed);
                }
            }
            Transform::Url { pattern, replacement } => {
                rewritten.url = replace(pattern, replacement, url, url_out);
                if rewritten.url && !valid_url(url_out) {
                    return Err(Refusal::RouteTransformFailed);
                }
            }
        }
    }
    Ok(rewritten)
}

fn replace(pattern: &Regex, replacement: &str, text: &[u8], out: &mut Vec<u8>) -> bool {
    out.clear();
    let Some(captures) = pattern.captures(text) else { return false };
    let Some(whole) = captures.get(0) else { return false };
    out.extend_from_slice(&text[..whole.start()]);
    substitute(replacement, &captures, out);
    out.extend_from_slice(&text[whole.end()..]);
    true
}

/// `$1`…`$99` are captures, `$$` a dollar sign.
fn substitute(replacement: &str, captures: &Captures<'_>, out: &mut Vec<u8>) {
    let mut rest = replacement.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let digits = tail.iter().take(2).take_while(|b| b.is_ascii_digit()).count();
        if first == b'$' && digits > 0 {
            let number = tail[..digits].iter().fold(0, |n, d| n * 10 + usize::from(d - b'0'));
            out.extend_from_slice(captures.get(number).map_or(&[][..], |m| m.as_bytes()));
            rest = &tail[digits..];
        } else {
            out.push(first);
            rest = if first == b'$' && tail.first() == Some(&b'$') { &tail[1..] } else { tail };
        }
    }
}

fn valid_host(host: &[u8]) -> bool {
    (1..=255).contains(&host.len())
        && host.iter().all(|b| b.is_ascii_alphanumeric() || b"-._:[]".contains(b))
}

fn valid_url(url: &[u8]) -> bool {
    url.first() == Some(&b'/')
        && url.len() <= REWRITTEN_MAX
        && url.iter().all(|b| b.is_ascii_graphic() && *b != b'#')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(pattern: &str, replacement: &str) -> [Transform; 1] {
        [Transform::Url { pattern: Regex::new(pattern).unwrap(), replacement: replacement.into() }]
    }

    #[test]
    fn transforms() {
        let rows = [
            ("^/old/(.*)$", "/new/$1", "/old/a?b=1", Ok(Some("/new/a?b=1"))),
            ("^/old/(.*)$", "/new/$1", "/other", Ok(None)),
            ("^/(\\w+)/(\\w+)", "/$2/$1x", "/a/b", Ok(Some("/b/ax"))),
            ("^/a", "$$", "/a", Err(Refusal::RouteTransformFailed)),
            ("^/a", "/ b", "/a", Err(Refusal::RouteTransformFailed)),
        ];
        for (pattern, replacement, input, expected) in rows {
            let (mut host, mut out) = (Vec::new(), Vec::new());
            let got =
                rewrite(&url(pattern, replacement), b"h", input.as_bytes(), &mut host, &mut out);
            let got = got.map(|r| r.url.then(|| String::from_utf8(out.clone()).unwrap()));
            assert_eq!(
                got,
                expected.map(|o: Option<&str>| o.map(str::to_owned)),
                "{pattern} {input}"
            );
        }
        let host = [Transform::HostHeader {
            pattern: Regex::new("^(.*)\\.old$").unwrap(),
            replacement: "$1.new".into(),
        }];
        let (mut out, mut unused) = (Vec::new(), Vec::new());
        let got = rewrite(&host, b"www.old", b"/", &mut out, &mut unused);
        assert_eq!(got, Ok(Rewritten { host: true, url: false }));
        assert_eq!(out, b"www.new");
    }
}
