//! What the operator says must hold: expectations, and pages with the calls they make.

use ipnet::IpNet;

use crate::{InstanceId, NetworkId, Place, StatusMatcher, Url};

/// `expect "…" { … }`: proved at `check` and at each reload (DECISIONS 5).
#[derive(Clone, Debug)]
pub struct Expectation {
    pub name: String,
    pub urls: Vec<Url>,
    pub method: String,
    pub headers: Vec<(String, String)>,
    /// For these clients it reaches a target, or an answer below 400.
    pub works: Vec<Asker>,
    /// These clients are refused at admission.
    pub denied: Vec<Asker>,
    /// What the last answer of a chain of redirects says.
    pub status: Option<StatusMatcher>,
    /// Where the first answer leads.
    pub redirects_to: Option<Url>,
    pub place: Place,
}

/// Whose point of view.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Asker {
    Network(NetworkId),
    Prefix(IpNet),
    /// A server of ours that asks, such as one that renders pages.
    Instance(InstanceId),
    /// Every address that no declared network covers (DECISIONS 5).
    Internet,
    /// Every address.
    Anywhere,
}

/// A page that asks for more once it is there: two clients of one page, of which one is the browser.
#[derive(Clone, Debug)]
pub struct Page {
    pub name: String,
    pub url: Url,
    /// Calls that the browser makes, from the visitor's network.
    pub calls: Vec<PageCall>,
    /// Calls that a server makes to render the page.
    pub server_calls: Vec<PageCall>,
    /// Where those come from.
    pub rendered_by: Option<InstanceId>,
    pub place: Place,
}

#[derive(Clone, Debug)]
pub struct PageCall {
    pub url: Url,
    pub place: Place,
}
