//! One request on its way, hop by hop, over the decisions of [`verdict`]. A "no" is noted and set
//! aside, so that what would fail next is told as well.

mod answer;
mod application;
mod between;
pub mod door;
mod forward;
mod name;
mod on_demand;
mod pass;
mod route;
mod tls;
mod told;

use std::collections::BTreeSet;
use std::net::IpAddr;

use model::{Cause, LoadBalancerId, NetworkId, Url};
use verdict::journey::{Hypothetical, Secured};
use world::World;

use crate::facts::Facts;
use crate::hop::Trace;
use crate::outcome::{Outcome, Sees, Speaker, Stage};

/// A client and its request.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// As its own network has it; canonical.
    pub client: IpAddr,
    /// Under which address the world sees it, where a gateway translates.
    pub seen_as: Option<IpAddr>,
    /// The declared networks that it belongs to.
    pub networks: &'a [NetworkId],
    pub url: &'a Url,
    pub method: &'a str,
    /// Beyond those that every client sends.
    pub headers: &'a [(String, String)],
    /// Where to go when no record says it.
    pub to: Option<LoadBalancerId>,
}

/// Every way the request can end. Where several addresses, groups or targets are possible, the
/// trace follows each in turn from where they part.
pub fn walk<T: Trace>(
    world: &World,
    facts: &Facts<'_>,
    ask: &Ask<'_>,
    trace: &mut T,
) -> BTreeSet<Outcome> {
    Walk { world, facts, ask }.onward_name(trace)
}

/// The addresses that the client's question for the name of the URL is answered with, of its own
/// family; `None` is a load balancer without a declared address. Nothing if the name leads nowhere.
pub fn addresses(world: &World, facts: &Facts<'_>, ask: &Ask<'_>) -> Vec<Option<IpAddr>> {
    Walk { world, facts, ask }.known_addresses()
}

/// Whether the name has addresses, and none of the client's family: whoever has both families uses the
/// other one, so that nobody asks as this client.
pub fn only_other_family(world: &World, facts: &Facts<'_>, ask: &Ask<'_>) -> bool {
    walk(world, facts, ask, &mut ()).iter().all(Outcome::is_other_family)
}

/// What every step looks at.
#[derive(Clone, Copy)]
struct Walk<'w> {
    world: &'w World,
    facts: &'w Facts<'w>,
    ask: &'w Ask<'w>,
}

/// The first "no" decides what the client sees; what follows is only told.
#[derive(Clone, Debug, Default)]
struct Verdict(Option<Outcome>);

impl Verdict {
    fn stop(&mut self, outcome: Outcome) {
        self.0.get_or_insert(outcome);
    }

    /// The outcomes that count: those of the rest of the way only if nothing stopped it before.
    fn settle(self, rest: BTreeSet<Outcome>) -> BTreeSet<Outcome> {
        match self.0 {
            Some(outcome) => BTreeSet::from([outcome]),
            None => rest,
        }
    }
}

impl Walk<'_> {
    fn outcome(&self, sees: Sees, cause: impl Into<Option<Cause>>, stage: Stage) -> Outcome {
        Outcome { sees, cause: cause.into(), stage, listener: None, group: None }
    }

    /// The host that the request names: lower case and without a port.
    fn host(&self) -> String {
        let header = self.host_header();
        let (host, _) = verdict::host::split_host(header.as_bytes());
        String::from_utf8_lossy(host).to_ascii_lowercase()
    }

    /// As the client sends it.
    fn host_header(&self) -> String {
        let named = self.ask.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("host"));
        named.map_or_else(|| self.ask.url.authority(), |(_, value)| value.clone())
    }
}

/// An answer of the load balancer's own.
fn answered(load_balancer: LoadBalancerId, status: u16) -> Sees {
    Sees::Answer { status, speaker: Speaker::LoadBalancer(load_balancer), location: None }
}

type SecuredJourney = Secured<Hypothetical>;
