//! Where an application listens, and what it could pass a request on to.

use super::{Application, Behaviour, Content, Listen, Location, Part, Proxy, ProxyTo, Step, Value};
use crate::TargetProtocol;

impl Application {
    /// Whether one of its servers names the port.
    pub fn listens_on(&self, port: u16) -> bool {
        self.listens().any(|listen| listen.port == port)
    }

    /// What it speaks on a port that it is on.
    pub fn speaks_on(&self, port: u16) -> TargetProtocol {
        let there = || self.listens().filter(|listen| listen.port == port);
        match (there().next(), there().any(|listen| listen.tls)) {
            (None, _) => self.protocol,
            (Some(_), true) => TargetProtocol::Https,
            (Some(_), false) => TargetProtocol::Http,
        }
    }

    fn listens(&self) -> impl Iterator<Item = &Listen> {
        self.servers.iter().flat_map(|server| &server.listens)
    }

    /// Everything that it passes some request on to.
    pub fn proxies(&self) -> Vec<&Proxy> {
        let mut found = Vec::new();
        for server in &self.servers {
            server.own.proxies(&mut found);
            server.locations.iter().chain(&server.named).for_each(|l| l.proxies(&mut found));
        }
        found
    }
}

impl Location {
    fn proxies<'a>(&'a self, found: &mut Vec<&'a Proxy>) {
        self.behaviour.proxies(found);
        self.nested.iter().for_each(|location| location.proxies(found));
    }
}

impl Behaviour {
    fn proxies<'a>(&'a self, found: &mut Vec<&'a Proxy>) {
        if let Content::Proxy(proxy) = &self.content {
            found.push(proxy);
        }
        for step in &self.steps {
            if let Step::If { then, .. } = step {
                then.proxies(found);
            }
        }
    }
}

impl Proxy {
    /// The addresses that it names without a variable, as they were written.
    pub fn addresses(&self) -> Vec<&str> {
        match &self.to {
            ProxyTo::Address(Value(parts)) => match &parts[..] {
                [Part::Text(text)] => vec![text],
                _ => Vec::new(),
            },
            ProxyTo::Unix(_) => Vec::new(),
            ProxyTo::Upstream { servers, .. } => servers.iter().map(String::as_str).collect(),
        }
    }
}
