//! DNS cookies (RFC 7873) in the interoperable form (RFC 9018): who shows ours can receive at the
//! address that it writes on its questions.

use std::hash::Hasher;
use std::net::IpAddr;

use aws_lc_rs::digest::{SHA256, digest};

/// RFC 9018 §4.3: a cookie is good for an hour, and for clocks that are five minutes behind.
const OLD_SECONDS: u32 = 3600;
const EARLY_SECONDS: u32 = 300;
/// RFC 9018 §5: a secret is replaced from time to time. One of a day is derived from that of the
/// instance, and that of the day before stays good.
const SECRET_SECONDS: u64 = 86_400;

/// What a client sends of itself.
pub type ClientCookie = [u8; 8];
/// What we make of it: version, reserved, time, hash (RFC 9018 §4).
pub type ServerCookie = [u8; 16];

/// The option as a question brought it (RFC 7873 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shown {
    pub client: ClientCookie,
    /// `None`: none yet, or one that is not of our form.
    pub server: Option<ServerCookie>,
}

impl Shown {
    /// `None` where the length is none that a cookie has (RFC 7873 §5.2.2).
    pub fn read(option: &[u8]) -> Option<Shown> {
        let (client, server) = option.split_first_chunk::<8>()?;
        match server.len() {
            0 | 8..=32 => Some(Shown { client: *client, server: server.try_into().ok() }),
            _ => None,
        }
    }
}

/// The secret of an instance. All its cores have the same.
#[derive(Clone)]
pub struct Secret([u8; 32]);

impl Secret {
    pub fn new(random: [u8; 32]) -> Secret {
        Secret(random)
    }

    fn of_day(&self, day: u64) -> [u8; 16] {
        let mut input = [0; 40];
        input[..32].copy_from_slice(&self.0);
        input[32..].copy_from_slice(&day.to_be_bytes());
        let hash = digest(&SHA256, &input);
        let mut out = [0; 16];
        out.copy_from_slice(&hash.as_ref()[..16]);
        out
    }
}

/// Makes and checks cookies; one for each core.
pub struct Cookies {
    secret: Secret,
    day: u64,
    /// Of today and of yesterday.
    keys: [[u8; 16]; 2],
}

impl Cookies {
    pub fn new(secret: Secret) -> Cookies {
        let keys = [secret.of_day(0), secret.of_day(0)];
        Cookies { secret, day: 0, keys }
    }

    /// A fresh one for a client, at a time in seconds since 1970.
    pub fn make(&mut self, client: ClientCookie, address: IpAddr, now: u64) -> ServerCookie {
        self.turn(now);
        let mut cookie = [0; 16];
        cookie[0] = 1;
        // RFC 9018 §4.3: the time is a serial number of 32 bits.
        cookie[4..8].copy_from_slice(&(now as u32).to_be_bytes());
        let hash = hash(self.keys[0], client, &cookie, address);
        cookie[8..].copy_from_slice(&hash);
        cookie
    }

    /// Whether we gave it to this client not long ago.
    pub fn is_ours(&mut self, shown: &Shown, address: IpAddr, now: u64) -> bool {
        self.turn(now);
        let Some(server) = shown.server.filter(|server| server[0] == 1) else { return false };
        let made = u32::from_be_bytes([server[4], server[5], server[6], server[7]]);
        let age = (now as u32).wrapping_sub(made);
        let timely = age <= OLD_SECONDS || age.wrapping_neg() <= EARLY_SECONDS;
        // The hash is of a public function's kind that resists forgery only by its secret: compared
        // without leaving early.
        let matches = |key: &[u8; 16]| {
            let expected = hash(*key, shown.client, &server, address);
            aws_lc_rs::constant_time::verify_slices_are_equal(&expected, &server[8..]).is_ok()
        };
        timely && self.keys.iter().any(matches)
    }

    fn turn(&mut self, now: u64) {
        let day = now / SECRET_SECONDS;
        if day != self.day {
            self.day = day;
            self.keys = [self.secret.of_day(day), self.secret.of_day(day.wrapping_sub(1))];
        }
    }
}

/// RFC 9018 §4.4: SipHash-2-4 of the client's cookie, the first half of ours, and the address.
fn hash(key: [u8; 16], client: ClientCookie, server: &ServerCookie, address: IpAddr) -> [u8; 8] {
    let half = |at: usize| {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&key[at..at + 8]);
        u64::from_le_bytes(bytes)
    };
    // The standard hasher has fewer rounds, and may change; cookies are of other servers as well.
    #[expect(deprecated, reason = "the RFC names this function")]
    let mut hasher = std::hash::SipHasher::new_with_keys(half(0), half(8));
    hasher.write(&client);
    hasher.write(&server[..8]);
    match address {
        IpAddr::V4(v4) => hasher.write(&v4.octets()),
        IpAddr::V6(v6) => hasher.write(&v6.octets()),
    }
    hasher.finish().to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex<const N: usize>(text: &str) -> [u8; N] {
        std::array::from_fn(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap())
    }

    #[test]
    fn the_hashes_of_the_rfc() {
        // RFC 9018, appendix A.
        let rows = [
            (
                "A.1 a new one",
                "e5e973e5a6b2a43f48e7dc849e37bfcf",
                "2464c4abcf10c957",
                "198.51.100.100",
                "010000005cf79f111f8130c3eee29480",
            ),
            (
                "A.3 reserved bits count",
                "e5e973e5a6b2a43f48e7dc849e37bfcf",
                "fc93fc62807ddb86",
                "203.0.113.203",
                "01abcdef5cf78f71a314227b6679ebf5",
            ),
            (
                "A.4 IPv6",
                "dd3bdf9344b678b185a6f5cb60fca715",
                "22681ab97d52c298",
                "2001:db8:220:1:59de:d0f4:8769:82b8",
                "010000005cf7c57926556bd0934c72f8",
            ),
        ];
        for (name, key, client, address, cookie) in rows {
            let cookie: ServerCookie = hex(cookie);
            let made = hash(hex(key), hex(client), &cookie, address.parse().unwrap());
            assert_eq!(made, cookie[8..], "{name}");
        }
    }

    #[test]
    fn a_cookie_is_good_for_its_client_and_an_hour() {
        let now = 1_700_000_000;
        let mut cookies = Cookies::new(Secret::new([7; 32]));
        let here: IpAddr = "192.0.2.1".parse().unwrap();
        let there: IpAddr = "192.0.2.2".parse().unwrap();
        let server = cookies.make([1; 8], here, now);
        let forged = {
            let mut forged = server;
            forged[15] ^= 1;
            forged
        };
        let rows = [
            ("at once", [1; 8], Some(server), here, now, true),
            ("another client cookie", [2; 8], Some(server), here, now, false),
            ("another address", [1; 8], Some(server), there, now, false),
            ("forged", [1; 8], Some(forged), here, now, false),
            ("none yet", [1; 8], None, here, now, false),
            ("after an hour", [1; 8], Some(server), here, now + 3600, true),
            ("after more", [1; 8], Some(server), here, now + 3601, false),
            ("our clock went back", [1; 8], Some(server), here, now - 300, true),
            ("our clock went far back", [1; 8], Some(server), here, now - 301, false),
        ];
        for (name, client, server, address, at, expected) in rows {
            let shown = Shown { client, server };
            assert_eq!(cookies.is_ours(&shown, address, at), expected, "{name}");
        }
        // Over midnight.
        let midnight = (now / SECRET_SECONDS + 1) * SECRET_SECONDS;
        let server = cookies.make([1; 8], here, midnight - 10);
        let shown = Shown { client: [1; 8], server: Some(server) };
        assert!(cookies.is_ours(&shown, here, midnight + 10));
    }

    #[test]
    fn lengths_of_the_option() {
        let rows = [(0, false), (7, false), (8, true), (9, false), (15, false), (16, true)];
        let more = [(24, true), (40, true), (41, false)];
        for (length, good) in rows.into_iter().chain(more) {
            assert_eq!(Shown::read(&vec![0; length]).is_some(), good, "{length}");
        }
        assert_eq!(Shown::read(&[0; 24]).unwrap().server, Some([0; 16]));
        assert_eq!(Shown::read(&[0; 16]).unwrap().server, None);
    }
}
