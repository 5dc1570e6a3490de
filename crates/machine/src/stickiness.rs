//! Stickiness cookies: which target, or which target group, a client goes back to (ALB.md §4c, §5c).
//!
//! A value is sealed with AES-256-GCM. Inside are a key ([`crate::board::target_key`] or
//! [`crate::board::group_key`]) and the end of the stickiness period; a value of one kind of cookie
//! does not open as another kind.

mod base64;
mod cookie_header;
mod date;
mod seal;

pub use seal::{KEY_LEN, KEY_LIFETIME, KeyRing, NONCE_LEN};

use model::Seconds;

use cookie_header::Pairs;
use seal::{Sealed, VALUE_LEN};

/// "Expires 7 days fixed": the period of stickiness is enforced inside (ALB.md §5c).
const EXPIRES: Seconds = Seconds(7 * 24 * 3600);

/// One kind of cookie.
#[derive(Debug)]
pub struct Cookie {
    name: &'static str,
    attributes: &'static str,
    /// "Both always sent", "CORS twin wins when both arrive" (ALB.md §5c).
    cors_twin: Option<&'static str>,
    /// Bound into the seal.
    kind: &'static [u8],
}

const CROSS_SITE: &str = "; SameSite=None; Secure";

/// `AWSALB` and `AWSALBCORS`: the target.
pub const LOAD_BALANCER: Cookie =
    Cookie { name: "AWSALB", attributes: "", cors_twin: Some("AWSALBCORS"), kind: b"target" };

/// `AWSALBTG` and `AWSALBTGCORS`: the target group.
pub const TARGET_GROUP: Cookie =
    Cookie { name: "AWSALBTG", attributes: "", cors_twin: Some("AWSALBTGCORS"), kind: b"group" };

/// `AWSALBAPP-0`: the target, for as long as the client has the application's cookie too.
pub const APP: Cookie =
    Cookie { name: "AWSALBAPP-0", attributes: "", cors_twin: None, kind: b"app" };

/// [`APP`] for a client that [`takes_cross_site`].
pub const APP_CROSS_SITE: Cookie =
    Cookie { name: "AWSALBAPP-0", attributes: CROSS_SITE, cors_twin: None, kind: b"app" };

/// Why a request is not sticky.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotSticky {
    /// No such cookie.
    Absent,
    /// The application's own cookie did not come with it.
    AppCookieAbsent,
    /// Not sealed with one of our keys, or altered.
    Undecodable,
    /// The stickiness period is over.
    Expired,
}

// === impl Cookie ===

impl Cookie {
    /// The key inside the cookie, if it is valid at `now` (seconds since 1970). `cookies` are the
    /// values of all `Cookie` headers.
    pub fn read<'a>(
        &self,
        cookies: impl IntoIterator<Item = &'a [u8]>,
        keys: &KeyRing,
        now: i64,
    ) -> Option<u64> {
        self.find(cookies, keys, now).ok()
    }

    /// Like [`Cookie::read`], and says why not.
    pub fn find<'a>(
        &self,
        cookies: impl IntoIterator<Item = &'a [u8]>,
        keys: &KeyRing,
        now: i64,
    ) -> Result<u64, NotSticky> {
        let mut found = Found::default();
        for header in cookies {
            self.note_pairs(header, &mut found, None);
        }
        self.open(&found, keys, now)
    }

    fn note_pairs<'a>(&self, header: &'a [u8], found: &mut Found<'a>, app: Option<&str>) {
        for (name, value) in Pairs::new(header) {
            // The first of equal names: clients send the most specific path first (RFC 6265 §5.4).
            if name == self.name.as_bytes() {
                found.own.get_or_insert(value);
            } else if self.cors_twin.is_some_and(|twin| name == twin.as_bytes()) {
                found.twin.get_or_insert(value);
            } else if app.is_some_and(|app| name == app.as_bytes()) {
                found.app_seen = true;
            }
        }
    }

    fn open(&self, found: &Found<'_>, keys: &KeyRing, now: i64) -> Result<u64, NotSticky> {
        let value = found.twin.or(found.own).ok_or(NotSticky::Absent)?;
        let sealed = keys.open(value, self.kind).ok_or(NotSticky::Undecodable)?;
        if now >= sealed.expires { Err(NotSticky::Expired) } else { Ok(sealed.key) }
    }

    /// Appends the whole header lines: `Set-Cookie: AWSALB=…; Expires=…; Path=/` and its CORS twin.
    /// `now` is in seconds since 1970; `nonce` must not come twice with the same key.
    pub fn write_set_cookie(
        &self,
        out: &mut Vec<u8>,
        keys: &KeyRing,
        key: u64,
        now: i64,
        duration: Seconds,
        nonce: [u8; NONCE_LEN],
    ) {
        let sealed = Sealed { key, expires: now.saturating_add(i64::from(duration.0)) };
        let Some(value) = keys.seal(sealed, self.kind, nonce) else { return };
        let expires = date::imf_fixdate(now.saturating_add(i64::from(EXPIRES.0)));
        write_line(out, self.name, &value, &expires, self.attributes);
        if let Some(twin) = self.cors_twin {
            write_line(out, twin, &value, &expires, CROSS_SITE);
        }
    }
}

#[derive(Default)]
struct Found<'a> {
    own: Option<&'a [u8]>,
    twin: Option<&'a [u8]>,
    app_seen: bool,
}

/// The target of an application cookie's session: the client must return both the application's
/// cookie `app_cookie` and ours (ALB.md §5c).
pub fn read_app<'a>(
    cookies: impl IntoIterator<Item = &'a [u8]>,
    app_cookie: &str,
    keys: &KeyRing,
    now: i64,
) -> Option<u64> {
    find_app(cookies, app_cookie, keys, now).ok()
}

/// Like [`read_app`], and says why not.
pub fn find_app<'a>(
    cookies: impl IntoIterator<Item = &'a [u8]>,
    app_cookie: &str,
    keys: &KeyRing,
    now: i64,
) -> Result<u64, NotSticky> {
    let mut found = Found::default();
    for header in cookies {
        APP.note_pairs(header, &mut found, Some(app_cookie));
    }
    if found.own.is_some() && !found.app_seen {
        return Err(NotSticky::AppCookieAbsent);
    }
    APP.open(&found, keys, now)
}

/// Whether the value of a target's `Set-Cookie` header sets `app_cookie`: "only its name is checked,
/// its attributes are not copied" (ALB.md §5c).
pub fn sets_app_cookie(set_cookie: &[u8], app_cookie: &str) -> bool {
    Pairs::new(set_cookie).next().is_some_and(|(name, _)| name == app_cookie.as_bytes())
}

/// "SameSite=None; Secure only if User-Agent is Chromium ≥80" (ALB.md §5c).
pub fn takes_cross_site(user_agent: &[u8]) -> bool {
    ["Chrome/", "Chromium/"].iter().any(|product| {
        let mut windows = user_agent.windows(product.len());
        let Some(at) = windows.position(|window| window == product.as_bytes()) else {
            return false;
        };
        let version = user_agent[at + product.len()..].iter().take_while(|b| b.is_ascii_digit());
        version.fold(0_u32, |n, b| n.saturating_mul(10).saturating_add(u32::from(b - b'0'))) >= 80
    })
}

fn write_line(out: &mut Vec<u8>, name: &str, value: &[u8; VALUE_LEN], expires: &str, more: &str) {
    for part in [b"Set-Cookie: ", name.as_bytes(), b"=", value, b"; Expires="] {
        out.extend_from_slice(part);
    }
    for part in [expires, "; Path=/", more, "\r\n"] {
        out.extend_from_slice(part.as_bytes());
    }
}

#[cfg(test)]
mod tests;
