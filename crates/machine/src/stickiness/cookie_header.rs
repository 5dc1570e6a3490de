//! The pairs of a `Cookie` header (RFC 6265 §4.2.1), read as leniently as §5.2 reads them.

/// `name=value` pairs between semicolons; parts without `=` are passed over.
pub struct Pairs<'a> {
    rest: Option<&'a [u8]>,
}

impl<'a> Pairs<'a> {
    pub fn new(header: &'a [u8]) -> Self {
        Pairs { rest: Some(header) }
    }
}

impl<'a> Iterator for Pairs<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let rest = self.rest.take()?;
            let part = match rest.iter().position(|byte| *byte == b';') {
                Some(end) => {
                    self.rest = rest.get(end + 1..);
                    &rest[..end]
                }
                None => rest,
            };
            if let Some(equals) = part.iter().position(|byte| *byte == b'=') {
                let (name, value) = part.split_at(equals);
                return Some((name.trim_ascii(), value[1..].trim_ascii()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs() {
        let rows: &[(&str, &[(&str, &str)])] = &[
            ("", &[]),
            (";", &[]),
            ("a", &[]),
            ("a=", &[("a", "")]),
            ("=b", &[("", "b")]),
            ("a=1; b=2", &[("a", "1"), ("b", "2")]),
            ("a=1;b=2;", &[("a", "1"), ("b", "2")]),
            (" a = 1 ;; x; b=2=3", &[("a", "1"), ("b", "2=3")]),
        ];
        for (header, expected) in rows {
            let pairs: Vec<_> = Pairs::new(header.as_bytes())
                .map(|(n, v)| (str::from_utf8(n).unwrap(), str::from_utf8(v).unwrap()))
                .collect();
            assert_eq!(pairs, *expected, "`{header}`");
        }
    }
}
