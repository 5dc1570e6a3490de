//! Changes of a listener's rules and actions.

use model::{Action, Change, Condition, Listener, ListenerId, Matcher, Model};

use crate::question::Request;

/// Redirects that lead to a port or protocol where nothing waits: to the listener that speaks it.
pub fn redirects(model: &Model) -> Vec<(Change, String)> {
    let mut changes = Vec::new();
    for (at, listener) in model.listeners.iter().enumerate() {
        let id = ListenerId(at as u32);
        for (rule, action) in actions(listener) {
            if !matches!(action, Action::Redirect(_)) {
                continue;
            }
            let own = model[listener.load_balancer].listeners.iter().map(|id| &model[*id]);
            for other in own.filter(|other| other.port != listener.port) {
                let words = format!(
                    "redirect to port {}, where {} is spoken",
                    other.port,
                    other.protocol.scheme()
                );
                changes
                    .push((Change::RedirectPort { listener: id, rule, port: other.port }, words));
            }
            let protocol = "HTTPS".to_owned();
            let words = "redirect to https".to_owned();
            changes.push((Change::RedirectProtocol { listener: id, rule, protocol }, words));
        }
    }
    changes
}

fn actions(listener: &Listener) -> impl Iterator<Item = (Option<usize>, &Action)> {
    let rules = listener.rules.iter().enumerate().map(|(at, rule)| (Some(at), &rule.action));
    rules.chain([(None, &listener.default_action)])
}

/// A rule for everything below a path that does not take the path itself, with or without a slash.
pub fn paths(model: &Model, request: &Request, id: ListenerId) -> Vec<(Change, String)> {
    let path = request.url.path.trim_end_matches('/');
    let mut changes = Vec::new();
    for (at, rule) in model[id].rules.iter().enumerate() {
        for condition in &rule.conditions {
            let Condition::Path(values) = condition else { continue };
            let near = values.iter().any(|value| match value {
                Matcher::Wildcard(wildcard) => {
                    let source = wildcard.source();
                    !path.is_empty()
                        && (source == format!("{path}/*")
                            || source == path
                            || source == format!("{path}/"))
                }
                Matcher::Regex(_) => false,
            });
            if near {
                let value = request.url.path.clone();
                let words = format!("let the rule \"{}\" take {value} as well", rule.name);
                changes.push((Change::AddPath { listener: id, rule: at, value }, words));
            }
        }
    }
    changes
}

/// A rule for a name that differs from this one by its first label only, such as `www`.
pub fn hosts(model: &Model, request: &Request, id: ListenerId) -> Vec<(Change, String)> {
    let host = &request.url.host;
    let parent = |name: &str| name.split_once('.').map(|(_, parent)| parent.to_owned());
    let mut changes = Vec::new();
    for (at, rule) in model[id].rules.iter().enumerate() {
        for condition in &rule.conditions {
            let Condition::Host(values) = condition else { continue };
            let related =
                values.iter().filter(|value| matches!(value, Matcher::Wildcard(_))).any(|value| {
                    let other = value.source().trim_start_matches("*.");
                    parent(host).as_deref() == Some(other) || parent(other).as_deref() == Some(host)
                });
            if related {
                let words = format!("let the rule \"{}\" take {host} as well", rule.name);
                changes
                    .push((Change::AddHost { listener: id, rule: at, value: host.clone() }, words));
            }
        }
    }
    changes
}

pub fn weights(model: &Model, id: ListenerId) -> Vec<(Change, String)> {
    let mut changes = Vec::new();
    for (rule, action) in actions(&model[id]) {
        let Action::Forward(forward) = action else { continue };
        if forward.groups.iter().all(|group| group.weight == 0)
            && let Some(first) = forward.groups.first()
        {
            let words = format!("give target_group.{} a weight", model[first.group].name);
            changes.push((
                Change::Weight { listener: id, rule, group: first.group, weight: 1 },
                words,
            ));
        }
    }
    changes
}
