//! A target, asked as the load balancer would.

use std::net::SocketAddr;

use explain::Observed;
use explain::probe::{AtTarget, Sends, TargetCall, TargetProbed};
use model::Url;
use tls::TargetTls;

use super::{ANSWER_LIMIT, CONNECT_LIMIT, USER_AGENT, brief, resolve};
use crate::observe::{Call, Trusts, connect, converse};

pub fn ask(call: &TargetCall, method: &str, sends: Sends, target_tls: &TargetTls) -> TargetProbed {
    let addresses = match &call.name {
        Some(name) => resolve(name, call.port),
        None => call.addresses.clone(),
    };
    let mut told = (None, AtTarget::NoAddress);
    // The first that connects is asked, as by the load balancer.
    for address in addresses {
        let to = SocketAddr::new(address, call.port);
        match connect(None, to, CONNECT_LIMIT) {
            Ok(stream) => {
                let seen = match sends {
                    Sends::Everywhere => {
                        AtTarget::Asked(brief(request(call, method, to, stream, target_tls)))
                    }
                    Sends::ThroughTheDoor | Sends::Nowhere => AtTarget::Connects,
                };
                told = (Some(to), seen);
                break;
            }
            Err(observed) => told = (Some(to), AtTarget::Asked(observed)),
        }
    }
    let (to, seen) = told;
    TargetProbed { group: call.group.clone(), target: call.target.clone(), to, seen }
}

fn request(
    call: &TargetCall,
    method: &str,
    to: SocketAddr,
    stream: std::net::TcpStream,
    target_tls: &TargetTls,
) -> Observed {
    let url = match Url::parse(&call.url) {
        Ok(url) => url,
        Err(error) => return Observed::Failed(error.message),
    };
    converse(
        stream,
        &Call {
            from: None,
            to,
            url: &url,
            method,
            headers: &call.headers,
            user_agent: USER_AGENT,
            trusts: Trusts::Anybody { name: call.name.as_deref(), target_tls },
            connect_limit: CONNECT_LIMIT,
            answer_limit: ANSWER_LIMIT,
        },
    )
}
