//! What is said of a client's certificate, in ALB's words (ALB.md §3d, §7b).

use std::fmt::Write;

use model::ClientCertificateMode;
use rustls_pki_types::CertificateDer;
use x509_parser::asn1_rs::{FromDer, ToDer};
use x509_parser::certificate::X509Certificate;
use x509_parser::time::ASN1Time;
use x509_parser::x509::{AttributeTypeAndValue, X509Name};

/// What a client has shown in its handshake. All of it is visible ASCII.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    /// RFC 2253.
    pub subject: Box<str>,
    /// `NotBefore=2026-01-01T00:00:00Z;NotAfter=…`.
    pub validity: Box<str>,
    /// Hexadecimal, in capitals.
    pub serial: Box<str>,
    pub presented: Presented,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Presented {
    /// Nobody has judged it: the whole chain, leaf first, as URL-encoded PEM.
    Unjudged { chain: Box<str> },
    Verified {
        /// RFC 2253.
        issuer: Box<str>,
        /// URL-encoded PEM.
        leaf: Box<str>,
    },
}

impl ClientCertificate {
    /// `None` if there is none, or if nobody can read it; then it was not judged either.
    pub fn of(
        chain: &[CertificateDer<'_>],
        mode: ClientCertificateMode,
    ) -> Option<ClientCertificate> {
        let leaf = chain.first()?;
        let parsed = X509Certificate::from_der(leaf).map(|(_, certificate)| certificate).ok();
        let presented = match (mode, &parsed) {
            (ClientCertificateMode::Passthrough, _) => {
                Presented::Unjudged { chain: encoded(chain) }
            }
            (ClientCertificateMode::Verify { .. }, Some(parsed)) => Presented::Verified {
                issuer: name(parsed.issuer()),
                leaf: encoded(std::slice::from_ref(leaf)),
            },
            (ClientCertificateMode::Verify { .. }, None) => return None,
        };
        let (subject, validity, serial) = match &parsed {
            Some(parsed) => (name(parsed.subject()), validity(parsed), serial(parsed)),
            None => ("".into(), "".into(), "".into()),
        };
        Some(ClientCertificate { subject, validity, serial, presented })
    }
}

/// PEM (RFC 7468), URL-encoded but for `+`, `=` and `/`.
fn encoded(chain: &[CertificateDer<'_>]) -> Box<str> {
    let mut out = String::new();
    for certificate in chain {
        out.push_str("-----BEGIN%20CERTIFICATE-----%0A");
        let text = base64(certificate);
        let mut rest = &text[..];
        while !rest.is_empty() {
            // Base64 is ASCII.
            let (line, after) = rest.split_at(rest.len().min(64));
            out.push_str(line);
            out.push_str("%0A");
            rest = after;
        }
        out.push_str("-----END%20CERTIFICATE-----%0A");
    }
    out.into()
}

/// RFC 4648 §4.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let at = |index: usize| u32::from(three.get(index).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for place in 0..4 {
            let digit = (bits >> (18 - 6 * place)) & 63;
            let used = place <= three.len();
            out.push(if used { char::from(DIGITS[digit as usize]) } else { '=' });
        }
    }
    out
}

fn validity(certificate: &X509Certificate<'_>) -> Box<str> {
    let validity = certificate.validity();
    format!("NotBefore={};NotAfter={}", time(&validity.not_before), time(&validity.not_after))
        .into()
}

fn time(time: &ASN1Time) -> String {
    let at = time.to_datetime();
    let (year, month, day) = at.to_calendar_date();
    let (hour, minute, second) = at.to_hms();
    format!("{year:04}-{:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z", u8::from(month))
}

fn serial(certificate: &X509Certificate<'_>) -> Box<str> {
    let bytes = match certificate.raw_serial() {
        // The sign.
        [0, rest @ ..] if !rest.is_empty() => rest,
        bytes => bytes,
    };
    let mut out = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        let _ = write!(out, "{byte:02X}");
    }
    out.into()
}

/// RFC 2253 §2: the most specific part first.
fn name(name: &X509Name<'_>) -> Box<str> {
    let parts: Vec<_> = name.iter_rdn().collect();
    let mut out = String::new();
    for (at, part) in parts.iter().rev().enumerate() {
        for (nth, attribute) in part.iter().enumerate() {
            match (at, nth) {
                (0, 0) => {}
                (_, 0) => out.push(','),
                (_, _) => out.push('+'),
            }
            write_attribute(&mut out, attribute);
        }
    }
    out.into()
}

/// RFC 2253 §2.3, with the names that OpenSSL adds.
const KEYWORDS: [(&str, &str); 11] = [
    ("2.5.4.3", "CN"),
    ("2.5.4.5", "serialNumber"),
    ("2.5.4.6", "C"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
    ("2.5.4.9", "street"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("0.9.2342.19200300.100.1.1", "UID"),
    ("0.9.2342.19200300.100.1.25", "DC"),
    ("1.2.840.113549.1.9.1", "emailAddress"),
];

fn write_attribute(out: &mut String, attribute: &AttributeTypeAndValue<'_>) {
    let oid = attribute.attr_type().to_id_string();
    let keyword = KEYWORDS.iter().find(|(known, _)| *known == oid).map(|(_, keyword)| keyword);
    match (keyword, attribute.as_str()) {
        (Some(keyword), Ok(text)) => {
            let _ = write!(out, "{keyword}=");
            write_text(out, text);
        }
        // RFC 2253 §2.4: what has no text is the digits of its encoding.
        (_, _) => {
            let _ = write!(out, "{oid}=#");
            for byte in attribute.attr_value().to_der_vec().unwrap_or_default() {
                let _ = write!(out, "{byte:02X}");
            }
        }
    }
}

/// RFC 2253 §2.4. What is not visible ASCII is escaped by octet, so that no name can end a header.
fn write_text(out: &mut String, text: &str) {
    let last = text.len().saturating_sub(1);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b',' | b'+' | b'"' | b'\\' | b'<' | b'>' | b';' => {
                out.push('\\');
                out.push(char::from(byte));
            }
            b'#' if at == 0 => out.push_str("\\#"),
            b' ' if at == 0 || at == last => out.push_str("\\ "),
            b' '..=b'~' => out.push(char::from(byte)),
            _ => {
                let _ = write!(out, "\\{byte:02X}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, DnValue, KeyPair, SerialNumber, date_time_ymd};

    use super::*;

    fn certificate(names: &[(DnType, &str)]) -> CertificateDer<'static> {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        for (kind, text) in names {
            params.distinguished_name.push(kind.clone(), DnValue::Utf8String((*text).into()));
        }
        params.serial_number = Some(SerialNumber::from_slice(&[0x03, 0xa5, 0xb1]));
        params.not_before = date_time_ymd(2026, 1, 2);
        params.not_after = date_time_ymd(2027, 11, 30);
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().clone()
    }

    #[test]
    fn names_are_written_as_rfc_2253_says() {
        use DnType::{CommonName, CountryName, OrganizationName};
        let uid = DnType::CustomDnType(vec![1, 2, 3]);
        let rows: [(&[(DnType, &str)], &str); 8] = [
            (
                &[(CountryName, "US"), (OrganizationName, "Shop"), (CommonName, "a")],
                "CN=a,O=Shop,C=US",
            ),
            (&[(CommonName, "a,b+c\"d\\e<f>g;h")], "CN=a\\,b\\+c\\\"d\\\\e\\<f\\>g\\;h"),
            (&[(CommonName, "#a# ")], "CN=\\#a#\\ "),
            (&[(CommonName, " a b")], "CN=\\ a b"),
            (&[(CommonName, "Żubr")], "CN=\\C5\\BBubr"),
            (&[(CommonName, "a\r\nX-Evil: 1")], "CN=a\\0D\\0AX-Evil: 1"),
            (&[(uid, "a")], "1.2.3=#0C0161"),
            (&[], ""),
        ];
        for (names, expected) in rows {
            let der = certificate(names);
            let mode = ClientCertificateMode::Passthrough;
            let shown = ClientCertificate::of(&[der], mode).unwrap();
            assert_eq!(&*shown.subject, expected, "{names:?}");
        }
    }

    #[test]
    fn the_rest_of_what_is_said() {
        let der = certificate(&[(DnType::CommonName, "a")]);
        let chain = [der.clone(), der];
        let shown = ClientCertificate::of(&chain, ClientCertificateMode::Passthrough).unwrap();
        assert_eq!(&*shown.serial, "03A5B1");
        assert_eq!(
            &*shown.validity,
            "NotBefore=2026-01-02T00:00:00Z;NotAfter=2027-11-30T00:00:00Z"
        );
        let Presented::Unjudged { chain } = shown.presented else { panic!("{shown:?}") };
        assert_eq!(chain.matches("-----BEGIN%20CERTIFICATE-----%0AMII").count(), 2, "{chain}");
        assert!(chain.ends_with("%0A-----END%20CERTIFICATE-----%0A"), "{chain}");
        assert!(chain.bytes().all(|byte| byte.is_ascii_graphic()), "{chain}");
        assert_eq!(ClientCertificate::of(&[], ClientCertificateMode::Passthrough), None);
    }

    #[test]
    fn base64_of_every_remainder() {
        let rows = [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")];
        for (text, expected) in rows {
            assert_eq!(base64(text.as_bytes()), expected, "{text}");
        }
    }
}
