//! Who may connect: `security_group "web" { … }`.

use hcl_edit::expr::Expression;
use hcl_edit::structure::Block;
use model::{InstanceId, NetworkId, Peer, SecurityGroup, SecurityGroupId, SecurityRule};

use crate::names::Kind;
use crate::section::Section;
use crate::suggest::nearest;

pub fn read<'s>(section: Section<'s>, block: &'s Block) -> SecurityGroup {
    let name = section.label(block, true).unwrap_or_default().to_owned();
    let rules = |kind: &'static str, peers: &'static str| {
        let blocks = section.blocks(kind);
        blocks
            .into_iter()
            .filter_map(|block| security_rule(&section, kind, peers, block))
            .collect::<Vec<_>>()
    };
    let ingress = rules("ingress", "from");
    let has_egress = !section.blocks("egress").is_empty();
    let egress = rules("egress", "to");
    let group = SecurityGroup {
        name,
        ingress,
        egress: has_egress.then_some(egress),
        place: section.place(),
    };
    section.finish();
    group
}

fn security_rule<'s>(
    outer: &Section<'s>,
    kind: &'static str,
    peers_name: &'static str,
    block: &'s Block,
) -> Option<SecurityRule> {
    let section = Section::new(outer.context, outer.origin, kind, block);
    section.label(block, false);
    let ports =
        section.required("ports", "[80, 443]").and_then(|value| section.ports("ports", value));
    let mut peers = Vec::new();
    if let Some(value) = section.required(peers_name, "[anywhere]") {
        for item in Section::items(value) {
            peers.extend(peer(&section, peers_name, item));
        }
    }
    let place = section.place();
    section.finish();
    Some(SecurityRule { ports: ports?, peers, place })
}

fn peer<'s>(section: &Section<'s>, name: &str, value: &'s Expression) -> Option<Peer> {
    const KINDS: [Kind; 3] = [Kind::Network, Kind::SecurityGroup, Kind::Instance];
    match value {
        Expression::Variable(word) if word.as_str() == "anywhere" => Some(Peer::Anywhere),
        Expression::Variable(word) => {
            let text = format!("`{}` is no source or destination", word.as_str());
            let hint = match nearest(word.as_str(), ["anywhere"]) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!(
                    "write `network.{}`, a network such as `\"10.0.0.0/8\"`, or `anywhere`",
                    word.as_str()
                ),
            };
            section.invalid(value, text, hint);
            None
        }
        Expression::Traversal(_) => {
            let (written, target) = Section::written_reference(value)?;
            let (kind, id) = section.resolve(name, value, written, target, &KINDS)?;
            Some(match kind {
                Kind::SecurityGroup => Peer::SecurityGroup(SecurityGroupId(id)),
                Kind::Instance => Peer::Instance(InstanceId(id)),
                _ => Peer::Network(NetworkId(id)),
            })
        }
        _ => {
            let text = section.text(name, value)?;
            if text == "anywhere" {
                return Some(Peer::Anywhere);
            }
            section.cidr(value, &text).map(Peer::Cidr)
        }
    }
}
