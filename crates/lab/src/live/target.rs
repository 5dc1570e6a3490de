//! A target, asked as the load balancer would.

use std::net::SocketAddr;

use explain::Observed;
use explain::probe::{AtTarget, Sends, TargetCall, TargetProbed};
use model::{Host, Url};
use tls::{TargetTls, Trusted};

use super::{ANSWER_LIMIT, CONNECT_LIMIT, USER_AGENT, brief, resolve};
use crate::observe::{Call, Trusts, connect, converse};

pub fn ask(call: &TargetCall, method: &str, sends: Sends) -> TargetProbed {
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
                    Sends::Everywhere => AtTarget::Asked(brief(request(call, method, to, stream))),
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
) -> Observed {
    let url = match Url::parse(&call.url) {
        Ok(url) => url,
        Err(error) => return Observed::Failed(error.message),
    };
    let target_tls = match target_tls(call) {
        Ok(target_tls) => target_tls,
        Err(why) => return Observed::Failed(why),
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
            trusts: Trusts::Target { name: call.name.as_deref(), target_tls: &target_tls },
            connect_limit: CONNECT_LIMIT,
            answer_limit: ANSWER_LIMIT,
        },
    )
}

/// What the group asks of its targets.
fn target_tls(call: &TargetCall) -> Result<TargetTls, String> {
    let Some(proof) = &call.proof else { return TargetTls::new().map_err(|e| e.to_string()) };
    let trusted = match &proof.authorities {
        Some(path) => Trusted::from_files([path.as_path()])
            .map_err(|error| format!("cannot read `{}`: {error}", path.display()))?,
        None => Trusted::of_machine([]).map_err(|error| error.to_string())?,
    };
    TargetTls::verifying(trusted.roots(), proof.name.clone().map(Host)).map_err(|e| e.to_string())
}
