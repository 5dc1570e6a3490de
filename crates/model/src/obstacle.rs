//! What stops a request where no load balancer refuses it: before it (names, routes, the browser's
//! own judgement) or behind it. The same kind of codes as [`Refusal`].

use std::fmt;

use crate::Refusal;

macro_rules! obstacles {
    ($($(#[doc = $doc:literal])+ $name:ident = $code:literal;)+) => {
        /// A stop that an explanation knows of and the data plane never sees.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Obstacle { $($(#[doc = $doc])+ $name),+ }

        impl Obstacle {
            pub const ALL: &'static [Obstacle] = &[$(Obstacle::$name),+];

            /// `stage/cause`.
            pub const fn code(self) -> &'static str {
                match self { $(Obstacle::$name => $code),+ }
            }

            /// One sentence for the operator.
            pub const fn text(self) -> &'static str {
                match self { $(Obstacle::$name => concat!($($doc),+).trim_ascii()),+ }
            }
        }
    };
}

obstacles! {
    /// nothing declares an address for the name
    NameNoRecord = "name/no-record";
    /// the name has records, and none of them is visible to this client
    NameNotVisible = "name/not-visible";
    /// the name exists and has no address
    NameNoData = "name/no-data";
    /// the private zone that this client gets does not have the name, and the public one does
    NamePrivateZone = "name/private-zone";
    /// there are addresses of the other IP family only: clients come by that, if they have it
    NameOtherFamily = "name/other-family";
    /// the name leads to another name that leads back
    NameLoop = "name/loop";
    /// the address is private and the client is outside
    NameUnroutable = "name/unroutable";
    /// nothing that is declared has this address
    NameUnknownAddress = "name/unknown-address";
    /// nothing listens on this port of the address
    NameNoListener = "name/no-listener";
    /// the certificate does not cover the name
    TlsNameMismatch = "tls/name-mismatch";
    /// the certificate has expired
    TlsExpired = "tls/expired";
    /// the certificate is not valid yet
    TlsNotYetValid = "tls/not-yet-valid";
    /// no authority that the client trusts has issued the certificate
    TlsUntrusted = "tls/untrusted";
    /// the port speaks plain HTTP and the client begins with TLS
    TlsNotSpoken = "tls/not-spoken";
    /// no rule took the request, and the default action answers with an error
    RouteDefault = "route/default";
    /// the redirects lead back to where they began
    RedirectLoop = "redirect/loop";
    /// more redirects follow one another than a browser follows
    RedirectTooMany = "redirect/too-many";
    /// the redirect leads to something that is no address of the web
    RedirectInvalid = "redirect/invalid";
    /// the target's security groups do not admit the load balancer
    TargetNotAdmitted = "target/not-admitted";
    /// nothing is declared to listen on the target's port
    TargetNotServed = "target/not-served";
    /// the target speaks another protocol than its group says
    TargetProtocol = "target/protocol";
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// Why a request did not make it, whoever says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    Refusal(Refusal),
    Obstacle(Obstacle),
}

impl Cause {
    pub const fn code(self) -> &'static str {
        match self {
            Cause::Refusal(refusal) => refusal.code(),
            Cause::Obstacle(obstacle) => obstacle.code(),
        }
    }

    pub const fn text(self) -> &'static str {
        match self {
            Cause::Refusal(refusal) => refusal.text(),
            Cause::Obstacle(obstacle) => obstacle.text(),
        }
    }
}

impl From<Refusal> for Cause {
    fn from(refusal: Refusal) -> Cause {
        Cause::Refusal(refusal)
    }
}

impl From<Obstacle> for Cause {
    fn from(obstacle: Obstacle) -> Cause {
        Cause::Obstacle(obstacle)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_also_among_refusals() {
        let mut seen = std::collections::BTreeSet::new();
        let codes = Obstacle::ALL.iter().map(|o| o.code());
        for code in codes.chain(Refusal::ALL.iter().map(|r| r.code())) {
            assert!(seen.insert(code), "{code} twice");
        }
    }
}
