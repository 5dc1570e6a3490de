//! A reader of HTTP/1.1 requests that forgives nothing, for what reaches a target. It shares no code
//! with the product, so that both cannot be wrong in the same way.

/// A request as RFC 9112 knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub method: String,
    pub target: String,
    pub fields: Vec<(String, Vec<u8>)>,
    /// Decoded.
    pub body: Vec<u8>,
}

impl Request {
    pub fn field(&self, name: &str) -> Option<String> {
        let (_, value) = self.fields.iter().find(|(n, _)| n.eq_ignore_ascii_case(name))?;
        Some(String::from_utf8_lossy(value).into_owned())
    }
}

pub enum Read {
    /// A request and how many bytes it took.
    Whole(Request, usize),
    /// Nothing is wrong so far.
    More,
    Wrong(String),
}

/// What a strict reader sees of all that was sent on one connection.
#[derive(Debug, Default)]
pub struct Verdict {
    pub requests: Vec<Request>,
    /// Bytes behind the last whole request.
    pub unfinished: Vec<u8>,
    /// Why the reader stopped.
    pub wrong: Option<String>,
}

pub fn read_all(from: From, bytes: &[u8]) -> Verdict {
    let mut verdict = Verdict::default();
    let mut rest = bytes;
    loop {
        match read_from(from, rest) {
            Read::Whole(request, length) => {
                verdict.requests.push(request);
                rest = &rest[length..];
            }
            Read::More => break,
            Read::Wrong(why) => {
                verdict.wrong = Some(why);
                break;
            }
        }
    }
    verdict.unfinished = rest.to_vec();
    verdict
}

/// Who wrote the bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum From {
    /// The load balancer: the narrowest form of everything.
    LoadBalancer,
    /// A client: whatever RFC 9112 lets it write with one meaning.
    Client,
}

/// The first request in `bytes`.
pub fn read(bytes: &[u8]) -> Read {
    read_from(From::LoadBalancer, bytes)
}

pub fn read_from(from: From, bytes: &[u8]) -> Read {
    match parse(from, bytes) {
        Ok(Some((request, length))) => Read::Whole(request, length),
        Ok(None) => Read::More,
        Err(why) => Read::Wrong(why),
    }
}

/// `None`: more is needed.
type Parsed<T> = Result<Option<T>, String>;

fn parse(from: From, bytes: &[u8]) -> Parsed<(Request, usize)> {
    let mut at = 0;
    // RFC 9112 §2.2.
    while from == From::Client && bytes[at..].starts_with(b"\r\n") {
        at += 2;
    }
    let Some(line) = take_line(bytes, &mut at)? else { return Ok(None) };
    let old = line.ends_with(b"HTTP/1.0");
    let (method, target) = request_line(from, line)?;
    let Some(fields) = field_lines(bytes, &mut at)? else { return Ok(None) };
    let hosts = fields.iter().filter(|(name, _)| name.eq_ignore_ascii_case("host")).count();
    // Several are RFC 9112's error, but ALB's rules use the first (ALB.md §6a), and that goes on.
    if (hosts == 0 && !old) || (hosts > 1 && from == From::LoadBalancer) {
        return Err(format!("{hosts} Host headers"));
    }
    let body = match framing(from, &fields)? {
        Framing::None => Some(Vec::new()),
        Framing::Length(length) => {
            let end = at.saturating_add(length);
            let body = bytes.get(at..end).map(<[u8]>::to_vec);
            at = end;
            body
        }
        Framing::Chunked => chunks(from, bytes, &mut at)?,
    };
    Ok(body.map(|body| (Request { method, target, fields, body }, at)))
}

/// The line at `at` without its CRLF; CR and LF stand nowhere else, NUL nowhere at all.
fn take_line<'a>(bytes: &'a [u8], at: &mut usize) -> Parsed<&'a [u8]> {
    let rest = &bytes[(*at).min(bytes.len())..];
    for (index, byte) in rest.iter().enumerate() {
        match byte {
            0 => return Err("NUL in a head".into()),
            b'\n' => return Err("a bare LF".into()),
            b'\r' => {
                return match rest.get(index + 1) {
                    None => Ok(None),
                    Some(b'\n') => {
                        *at += index + 2;
                        Ok(Some(&rest[..index]))
                    }
                    Some(_) => Err("a bare CR".into()),
                };
            }
            _ => {}
        }
    }
    Ok(None)
}

fn request_line(from: From, line: &[u8]) -> Result<(String, String), String> {
    let shown = || format!("request line `{}`", line.escape_ascii());
    let parts: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
    let [method, target, version] = parts[..] else { return Err(shown()) };
    // Bytes above ASCII are not RFC 9112's, but the guardian's vectors find them compliant, and no
    // reader ends a target at one.
    let fragment = |byte: &u8| *byte == b'#' && from == From::LoadBalancer;
    let visible = |byte: &u8| *byte > b' ' && *byte != 0x7f && !fragment(byte);
    let asterisk = method == b"OPTIONS" && target == b"*";
    let well_formed = is_token(method)
        && (target.starts_with(b"/") || asterisk)
        && target.iter().all(visible)
        && (version == b"HTTP/1.1" || (from == From::Client && version == b"HTTP/1.0"));
    if !well_formed {
        return Err(shown());
    }
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    // No request has a fragment; a client's is data, and passed on as such.
    Ok((text(method), text(target).replace('#', "%23")))
}

fn is_token(name: &[u8]) -> bool {
    let tchar = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    !name.is_empty() && name.iter().all(tchar)
}

/// Field lines up to the empty one, of a head or a trailer section.
fn field_lines(bytes: &[u8], at: &mut usize) -> Parsed<Vec<(String, Vec<u8>)>> {
    let mut fields = Vec::new();
    loop {
        let Some(line) = take_line(bytes, at)? else { return Ok(None) };
        if line.is_empty() {
            return Ok(Some(fields));
        }
        let shown = || line.escape_ascii().to_string();
        let colon = line.iter().position(|byte| *byte == b':');
        let Some(colon) = colon else { return Err(format!("no colon in `{}`", shown())) };
        let (name, value) = (&line[..colon], &line[colon + 1..]);
        if !is_token(name) {
            // Folded lines begin with white space, which no token does.
            return Err(format!("`{}` is no field name", name.escape_ascii()));
        }
        // Other control bytes in a value may stay (RFC 9110 §5.5), and ALB lets them (ALB.md §6c,
        // NonCompliantHeader is acceptable); CR, LF and NUL have been refused with the line.
        let name = String::from_utf8_lossy(name).into_owned();
        fields.push((name, value.trim_ascii().to_vec()));
    }
}

enum Framing {
    None,
    Length(usize),
    Chunked,
}

fn framing(from: From, fields: &[(String, Vec<u8>)]) -> Result<Framing, String> {
    let mut framing = None;
    for (name, value) in fields {
        let lower = name.to_ascii_lowercase();
        let shown = || format!("`{name}: {}`", value.escape_ascii());
        let this = match lower.as_str() {
            "content-length" => {
                let text = std::str::from_utf8(value).unwrap_or_default();
                let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
                let length = text.parse().ok().filter(|_| digits);
                Framing::Length(length.ok_or_else(shown)?)
            }
            "transfer-encoding" if value == b"chunked" => Framing::Chunked,
            "transfer-encoding"
                if from == From::Client && value.eq_ignore_ascii_case(b"chunked") =>
            {
                Framing::Chunked
            }
            "transfer-encoding" => return Err(shown()),
            _ if resembles_framing(name) => return Err(format!("{} is a look-alike", shown())),
            _ => continue,
        };
        if framing.replace(this).is_some() {
            return Err("two framing headers".into());
        }
    }
    Ok(framing.unwrap_or(Framing::None))
}

/// Whatever a lenient reader could take for one of the two: their letters, and anything else between
/// or around them. The bare letters are a name of their own, as for http-desync-guardian.
fn resembles_framing(name: &str) -> bool {
    let letters: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    if letters.len() == name.len() {
        return false;
    }
    matches!(letters.to_ascii_lowercase().as_str(), "contentlength" | "transferencoding")
}

/// RFC 9112 §7.1.
fn chunks(from: From, bytes: &[u8], at: &mut usize) -> Parsed<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let Some(line) = take_line(bytes, at)? else { return Ok(None) };
        // Nobody needs extensions, and readers differ about them: they must not be passed on.
        let size = match line.iter().position(|byte| *byte == b';') {
            Some(at) if from == From::Client => &line[..at],
            _ => line,
        };
        let text = std::str::from_utf8(size).unwrap_or_default();
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let size = usize::from_str_radix(text, 16).ok().filter(|_| digits);
        let Some(size) = size else { return Err(format!("chunk size `{}`", line.escape_ascii())) };
        if size == 0 {
            let Some(trailers) = field_lines(bytes, at)? else { return Ok(None) };
            return match trailers.iter().find(|(name, _)| is_forbidden_in_trailers(name)) {
                Some((name, _)) if from == From::LoadBalancer => {
                    Err(format!("`{name}` in a trailer"))
                }
                _ => Ok(Some(body)),
            };
        }
        let end = at.saturating_add(size);
        let Some(piece) = bytes.get(*at..end) else { return Ok(None) };
        body.extend_from_slice(piece);
        *at = end;
        match bytes.get(end..) {
            Some([b'\r', b'\n', ..]) => *at += 2,
            None | Some([] | [b'\r']) => return Ok(None),
            Some(_) => return Err("a chunk longer than its size".into()),
        }
    }
}

/// RFC 9110 §6.5.1: framing and routing.
fn is_forbidden_in_trailers(name: &str) -> bool {
    let routing = ["host", "connection", "upgrade", "te", "trailer", "authorization", "cookie"];
    resembles_framing(name) || routing.iter().any(|other| name.eq_ignore_ascii_case(other))
}
