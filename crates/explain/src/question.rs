//! What is asked, and by whom.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::IpNet;
use model::{Asker, LoadBalancerId, Model, NetworkId, Url};
use world::World;

use crate::chain;
use crate::facts::Facts;
use crate::outcome::Outcome;
use crate::space::Piece;
use crate::walk::Ask;

/// A request without its client.
#[derive(Clone, Debug)]
pub struct Request {
    pub url: Url,
    pub method: String,
    pub headers: Vec<(String, String)>,
    /// Where to go when no record says it.
    pub to: Option<LoadBalancerId>,
}

/// Clients that are alike in every decision, by one of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    pub piece: Piece,
    pub seen_as: Option<IpAddr>,
    pub networks: Vec<NetworkId>,
}

/// What is wrong with `--from`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownAsker {
    pub message: String,
    pub hint: String,
}

impl Request {
    pub fn get(url: Url) -> Request {
        Request { url, method: "GET".to_owned(), headers: Vec::new(), to: None }
    }

    pub fn ask<'a>(&'a self, client: &'a Client) -> Ask<'a> {
        Ask {
            client: client.piece.first,
            seen_as: client.seen_as,
            networks: &client.networks,
            url: &self.url,
            method: &self.method,
            headers: &self.headers,
            to: self.to,
        }
    }

    /// Every way it ends for these clients, redirects followed.
    pub fn ends(&self, world: &World, facts: &Facts<'_>, client: &Client) -> BTreeSet<Outcome> {
        chain::ends(world, facts, &self.ask(client), &mut ())
    }
}

/// A network's name, `internet`, `anywhere`, `instance.name`, an address, or a prefix.
pub fn parse_asker(model: &Model, text: &str) -> Result<Asker, UnknownAsker> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(Asker::Prefix(IpNet::from(model::canonical(address))));
    }
    if let Ok(net) = text.parse::<IpNet>() {
        return Ok(Asker::Prefix(net.trunc()));
    }
    match text {
        "internet" => return Ok(Asker::Internet),
        "anywhere" => return Ok(Asker::Anywhere),
        _ => {}
    }
    let instance = text.strip_prefix("instance.");
    let network = text.strip_prefix("network.").unwrap_or(text);
    if let Some(name) = instance {
        if let Some(at) = model.instances.iter().position(|instance| instance.name == name) {
            return Ok(Asker::Instance(model::InstanceId(at as u32)));
        }
    } else if let Some(at) = model.networks.iter().position(|other| other.name == network) {
        return Ok(Asker::Network(NetworkId(at as u32)));
    }
    let networks = model.networks.iter().map(|network| network.name.clone());
    let instances = model.instances.iter().map(|instance| format!("instance.{}", instance.name));
    let known: Vec<String> = networks.chain(instances).chain(["internet".to_owned()]).collect();
    let near = known
        .iter()
        .map(|name| (strsim::damerau_levenshtein(text, name), name))
        .filter(|(distance, _)| *distance <= text.len() / 3 + 1)
        .min();
    let hint = match near {
        Some((_, name)) => format!("did you mean `{name}`?"),
        None => format!(
            "there are {}; or write an address such as `192.0.2.7`",
            known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
        ),
    };
    Err(UnknownAsker { message: format!("there is no network called `{text}`"), hint })
}

/// `guest-wifi (198.51.100.0/24)`.
pub fn asker_words(model: &Model, asker: Asker) -> String {
    match asker {
        Asker::Network(id) => {
            let network = &model[id];
            let cidrs: Vec<String> =
                network.cidrs.iter().take(2).map(ToString::to_string).collect();
            let more = if network.cidrs.len() > 2 { ", …" } else { "" };
            format!("{} ({}{more})", network.name, cidrs.join(", "))
        }
        Asker::Instance(id) => format!("instance.{}", model[id].name),
        Asker::Prefix(net) if net.prefix_len() == net.max_prefix_len() => {
            let named = model.networks.iter().find(|n| n.cidrs.iter().any(|c| c.contains(&net)));
            match named {
                Some(network) => format!("{} ({})", net.addr(), network.name),
                None => net.addr().to_string(),
            }
        }
        Asker::Prefix(net) => net.to_string(),
        Asker::Internet => "internet".to_owned(),
        Asker::Anywhere => "anywhere".to_owned(),
    }
}
