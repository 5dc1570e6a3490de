//! A page of prose for every code: cause, what the person sees, how to confirm it, remedy. The same
//! pages are `pointsman explain CODE` and the reference, `docs/codes.md`.

mod admit;
mod answered;
mod connect;
mod delegation;
mod findings;
mod issuance;
mod journal;
mod lint_admission;
mod lint_name;
mod lint_redirect;
mod lint_rule;
mod lint_target;
mod lint_tls;
mod markdown;
mod name;
mod near;
mod redirect;
mod request;
mod route;
mod target;
mod terminal;
mod tls;
mod tls_client;
mod tls_pass;
mod trust;

use model::{Obstacle, Refusal};

pub use self::markdown::markdown;
pub use self::near::nearest;
pub use self::terminal::text;

/// What there is to say about one code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Page {
    pub code: &'static str,
    /// One sentence, as in the logs and reports.
    pub what: &'static str,
    /// In the words of a browser, of curl, or of `check`.
    pub sees: &'static str,
    /// Most common first.
    pub causes: &'static [&'static str],
    /// A command, and what its output tells.
    pub confirm: &'static [(&'static str, &'static str)],
    pub remedy: &'static [&'static str],
    /// Other codes.
    pub related: &'static [&'static str],
}

impl Page {
    const fn new(code: &'static str, what: &'static str) -> Page {
        Page { code, what, sees: "", causes: &[], confirm: &[], remedy: &[], related: &[] }
    }

    const fn refusal(refusal: Refusal) -> Page {
        Page::new(refusal.code(), refusal.text().trim_ascii())
    }

    const fn obstacle(obstacle: Obstacle) -> Page {
        Page::new(obstacle.code(), obstacle.text())
    }
}

/// Codes that belong together.
struct Family {
    /// The heading; in most, what stands before the `/`.
    name: &'static str,
    about: &'static str,
    pages: &'static [&'static [Page]],
}

/// In the order in which a request meets them; what `check` says comes last.
const FAMILIES: &[Family] = &[
    Family {
        name: "name",
        about: "Before any load balancer: where the name leads, and whether something is there.",
        pages: &[name::PAGES],
    },
    Family { name: "admit", about: "Who may connect at all.", pages: &[admit::PAGES] },
    Family {
        name: "tls",
        about: "The handshake, and what the browser thinks of the certificate.",
        pages: &[tls::PAGES, tls_client::PAGES, tls_pass::PAGES, tls::OBSTACLES],
    },
    Family {
        name: "request",
        about: "What is wrong with the request itself, or with how the client sends it.",
        pages: &[request::PAGES],
    },
    Family {
        name: "route",
        about: "What the rules and actions of the listener make of it.",
        pages: &[route::PAGES],
    },
    Family {
        name: "target",
        about: "From the load balancer to the application and back.",
        pages: &[connect::PAGES, target::PAGES, answered::PAGES, answered::OBSTACLES],
    },
    Family {
        name: "redirect",
        about: "Where the answer sends the browser next.",
        pages: &[redirect::PAGES],
    },
    Family {
        name: "lint",
        about: "What `check` doubts: declared without error, and probably not what was meant.",
        pages: &[
            lint_name::PAGES,
            lint_admission::PAGES,
            lint_rule::PAGES,
            lint_redirect::PAGES,
            lint_target::PAGES,
            lint_tls::PAGES,
            issuance::LINTS,
        ],
    },
    Family {
        name: "delegation",
        about: "What `dns check` finds between a zone and the world.",
        pages: &[delegation::PAGES],
    },
    Family {
        name: "journal",
        about: "What the log on standard error warns of, beside the codes of requests.",
        pages: &[journal::PAGES],
    },
    Family {
        name: "syntax",
        about: "What is not the configuration language.",
        pages: &[findings::SYNTAX],
    },
    Family {
        name: "config",
        about: "What is the language and says nothing that can be served.",
        pages: &[findings::CONFIG, issuance::CONFIG],
    },
    Family {
        name: "certificate",
        about: "What is wrong with the files of a certificate or a trust store, and why one is not issued.",
        pages: &[findings::CERTIFICATE, trust::PAGES, issuance::CERTIFICATE],
    },
];

/// The page of exactly this code.
pub fn page(code: &str) -> Option<Page> {
    all().find(|page| page.code == code)
}

/// Every page: by family, in the order of the enums.
pub fn all() -> impl Iterator<Item = Page> {
    FAMILIES.iter().flat_map(Family::all)
}

impl Family {
    fn all(&self) -> impl Iterator<Item = Page> + use<> {
        self.pages.iter().copied().flatten().copied()
    }
}

#[cfg(test)]
mod tests;
