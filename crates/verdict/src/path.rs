//! The path that rules see, and whether another program could read it as another path.
//!
//! Normalisation (DECISIONS 17): percent-encoded unreserved characters are decoded, the hex digits
//! of the others become upper case, and dot segments are removed (RFC 3986 §6.2.2). The original
//! goes to the target.

/// Whether the path is already in the form that rules see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spelling {
    /// Nothing in it can be read in two ways.
    Plain,
    /// Dot segments, `%`, `//`, `;` or `\` occur: see [`normalise`] and [`loosest`].
    Peculiar,
}

pub fn spelling(path: &[u8]) -> Spelling {
    let mut previous = 0;
    for &byte in path {
        let peculiar = match byte {
            b'%' | b';' | b'\\' => true,
            b'/' | b'.' => previous == b'/',
            _ => false,
        };
        if peculiar {
            return Spelling::Peculiar;
        }
        previous = byte;
    }
    Spelling::Plain
}

/// Appends the form that rules see to `out`.
pub fn normalise(path: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    decode(path, out, |byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte));
    remove_dot_segments(out, start);
}

/// Appends the loosest reading to `out`: what a target sees that decodes `%2F` and `%5C`, takes `\`
/// for `/`, joins `//`, drops `;parameters` and removes dot segments.
pub fn loosest(path: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    decode(path, out, |_| true);
    let mut write = start;
    let mut parameters = false;
    for read in start..out.len() {
        let byte = if out[read] == b'\\' { b'/' } else { out[read] };
        match byte {
            b';' => parameters = true,
            b'/' => {
                parameters = false;
                if write > start && out[write - 1] == b'/' {
                    continue;
                }
            }
            _ => {}
        }
        if !parameters {
            out[write] = byte;
            write += 1;
        }
    }
    out.truncate(write);
    remove_dot_segments(out, start);
}

fn decode(path: &[u8], out: &mut Vec<u8>, wanted: impl Fn(u8) -> bool) {
    let mut rest = path;
    while let Some((&first, tail)) = rest.split_first() {
        let pair = match (first, tail) {
            (b'%', [high, low, ..]) => hex(*high).zip(hex(*low)).map(|(h, l)| h << 4 | l),
            _ => None,
        };
        match pair {
            Some(byte) if wanted(byte) => {
                out.push(byte);
                rest = &tail[2..];
            }
            Some(_) => {
                out.extend([b'%', tail[0].to_ascii_uppercase(), tail[1].to_ascii_uppercase()]);
                rest = &tail[2..];
            }
            None => {
                out.push(first);
                rest = tail;
            }
        }
    }
}

fn hex(byte: u8) -> Option<u8> {
    (byte as char).to_digit(16).map(|digit| digit as u8)
}

/// RFC 3986 §5.2.4 in place, on `out[start..]`.
fn remove_dot_segments(out: &mut Vec<u8>, start: usize) {
    let mut write = start;
    let mut read = start;
    while read < out.len() {
        // A segment with the slash before it.
        let end =
            out[read + 1..].iter().position(|b| *b == b'/').map_or(out.len(), |n| read + 1 + n);
        let last = end == out.len();
        match &out[read..end] {
            b"/." => {
                if last {
                    out[write] = b'/';
                    write += 1;
                }
            }
            b"/.." => {
                while write > start {
                    write -= 1;
                    if out[write] == b'/' {
                        break;
                    }
                }
                if last {
                    out[write] = b'/';
                    write += 1;
                }
            }
            _ => {
                out.copy_within(read..end, write);
                write += end - read;
            }
        }
        read = end;
    }
    out.truncate(write);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(f: impl Fn(&[u8], &mut Vec<u8>), path: &str) -> String {
        let mut out = b"keep".to_vec();
        f(path.as_bytes(), &mut out);
        String::from_utf8(out).unwrap().strip_prefix("keep").unwrap().to_owned()
    }

    #[test]
    fn normalised_and_loosest() {
        let rows = [
            ("/a/b", "/a/b", "/a/b"),
            ("/a/../b", "/b", "/b"),
            ("/a/./b/", "/a/b/", "/a/b/"),
            ("/a/%2e%2E/b", "/b", "/b"),
            ("/..", "/", "/"),
            ("/a/..", "/", "/"),
            ("/../../x", "/x", "/x"),
            ("/%7Euser", "/~user", "/~user"),
            ("/a%2fb", "/a%2Fb", "/a/b"),
            ("/a%2f..%2fb", "/a%2F..%2Fb", "/b"),
            ("//a", "//a", "/a"),
            ("/a;x=1/b", "/a;x=1/b", "/a/b"),
            ("/..;/admin", "/..;/admin", "/admin"),
            ("\\admin", "\\admin", "/admin"),
            ("/a%", "/a%", "/a%"),
            ("/a%zz", "/a%zz", "/a%zz"),
            ("", "", ""),
            ("*", "*", "*"),
        ];
        for (path, normal, loose) in rows {
            assert_eq!(text(normalise, path), normal, "normalise {path}");
            assert_eq!(text(loosest, path), loose, "loosest {path}");
        }
    }

    #[test]
    fn plain_paths_are_already_normal() {
        for path in ["/", "/a/b.html", "/a.b/c", "*", "/a.", "/a/b..c"] {
            assert_eq!(spelling(path.as_bytes()), Spelling::Plain, "{path}");
            assert_eq!(text(normalise, path), path);
            assert_eq!(text(loosest, path), path);
        }
        for path in ["/a//b", "/./", "/.hidden", "/a;b", "/a%20", "\\"] {
            assert_eq!(spelling(path.as_bytes()), Spelling::Peculiar, "{path}");
        }
    }
}
