//! As much of HTTP/1.1 as a load client and a target of ours need of each other.

const HEAD_END: &[u8] = b"\r\n\r\n";

/// The length of a whole head.
pub fn head_length(buffer: &[u8]) -> Option<usize> {
    let window = |window: &[u8]| window == HEAD_END;
    buffer.windows(HEAD_END.len()).position(window).map(|at| at + HEAD_END.len())
}

pub fn content_length(head: &str) -> Option<usize> {
    header(head, "content-length")?.parse().ok()
}

pub fn header<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    head.lines().skip(1).find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// The status of an answer's head.
pub fn status(head: &str) -> Option<u16> {
    head.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read() {
        let head = "HTTP/1.1 502 Bad Gateway\r\nContent-length:  12\r\n\r\n";
        assert_eq!(head_length(head.as_bytes()), Some(head.len()));
        assert_eq!(head_length(b"HTTP/1.1 200 OK\r\n"), None);
        assert_eq!((status(head), content_length(head)), (Some(502), Some(12)));
        assert_eq!(status("nonsense"), None);
    }
}
