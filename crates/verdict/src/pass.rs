//! Where a connection goes whose TLS ends at the target: decided by the name in its ClientHello, before any
//! byte of it is passed on.

use std::net::IpAddr;

use model::{Action, Forward, Refusal};

use crate::Witness;
use crate::route::{Headers, RequestFacts, RouteScratch, RulePosition, RuleTable, route};

/// What a client shows of itself without being asked.
#[derive(Clone, Copy, Debug)]
pub struct Greeting<'a> {
    /// Lower case; empty if the ClientHello has none (RFC 6066 §3). Where the name is encrypted (ECH), the
    /// outer one: the other is not ours to see.
    pub server_name: &'a [u8],
    /// The TCP peer.
    pub source: IpAddr,
}

/// There is no request, and so there are no headers.
#[derive(Clone, Copy, Debug)]
pub struct NoHeaders;

impl Headers for NoHeaders {
    fn any(&self, _: &str, _: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        false
    }
}

impl<'a> Greeting<'a> {
    /// As the conditions of rules look at it.
    pub fn facts(self) -> RequestFacts<'a, NoHeaders> {
        RequestFacts {
            method: b"",
            host: self.server_name,
            path: b"/",
            query: b"",
            headers: &NoHeaders,
            source: self.source,
        }
    }
}

/// The connection is closed before any byte of it is passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed {
    pub refusal: Refusal,
    /// The rule that wants it so; `None` is the default action.
    pub rule: RulePosition,
}

/// The rule that takes the connection, and the groups it is drawn from; `None` is the default action.
pub fn pass_through<'t, T: RuleTable, W: Witness>(
    table: &'t T,
    greeting: Greeting<'_>,
    witness: &mut W,
) -> Result<(RulePosition, &'t Action, &'t Forward), Closed> {
    let rule = route(table, &greeting.facts(), &mut RouteScratch::default(), witness)
        .map_err(|refusal| Closed { refusal, rule: None })?;
    let (action, refusal) = match rule.and_then(|at| table.rules().get(at)) {
        Some(rule) => (&rule.action, Refusal::TlsClosedByRule),
        None => (table.default_action(), Refusal::TlsNoRuleForName),
    };
    match action {
        Action::Forward(forward) => Ok((rule, action, forward)),
        // Answers are HTTP, which is not spoken here: `config` lets no such action in.
        Action::Close | Action::Redirect(_) | Action::FixedResponse(_) => {
            Err(Closed { refusal, rule })
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::ops::ControlFlow;

    use model::{Condition, GroupId, Matcher, Place, Rule, WeightedGroup, Wildcard};

    use super::*;

    struct Table {
        rules: Vec<Rule>,
        default: Action,
    }

    impl RuleTable for Table {
        fn rules(&self) -> &[Rule] {
            &self.rules
        }

        fn default_action(&self) -> &Action {
            &self.default
        }

        fn allow_ambiguous_paths(&self) -> bool {
            false
        }

        fn candidates<H: Headers + ?Sized>(
            &self,
            _: &RequestFacts<'_, H>,
            each: &mut dyn FnMut(usize) -> ControlFlow<()>,
        ) {
            let _ = (0..self.rules.len()).try_for_each(each);
        }
    }

    fn forward(group: u32) -> Action {
        let groups = vec![WeightedGroup { group: GroupId(group), weight: 1 }];
        Action::Forward(Forward { groups, stickiness: None })
    }

    fn rule(priority: u32, conditions: Vec<Condition>, action: Action) -> Rule {
        let (name, place) = (priority.to_string(), Place::described("test"));
        Rule { name, priority, conditions, transforms: Vec::new(), action, place }
    }

    fn names(names: &[&str]) -> Condition {
        let values = names.iter().map(|name| Matcher::Wildcard(Wildcard::insensitive(name)));
        Condition::ServerName(values.collect())
    }

    #[test]
    fn the_name_decides() {
        let inside = Condition::SourceIp(vec!["10.0.0.0/8".parse().unwrap()]);
        let rules = vec![
            rule(1, vec![names(&["a.example"])], forward(1)),
            rule(2, vec![names(&["old.b.example"])], Action::Close),
            rule(3, vec![names(&["b.example", "*.b.example"])], forward(2)),
            rule(4, vec![names(&["inside.example"]), inside], forward(3)),
        ];
        type Row<'a> = (&'a str, &'a str, &'a [u8], [u8; 4], Result<u32, Refusal>);
        let rows: [Row<'_>; 9] = [
            ("exact", "close", b"a.example", [192, 0, 2, 1], Ok(1)),
            ("one of several", "close", b"b.example", [192, 0, 2, 1], Ok(2)),
            ("wildcard", "close", b"x.b.example", [192, 0, 2, 1], Ok(2)),
            ("more labels", "close", b"x.y.b.example", [192, 0, 2, 1], Ok(2)),
            (
                "closed by a rule",
                "close",
                b"old.b.example",
                [192, 0, 2, 1],
                Err(Refusal::TlsClosedByRule),
            ),
            ("from inside", "close", b"inside.example", [10, 0, 0, 1], Ok(3)),
            (
                "from outside",
                "close",
                b"inside.example",
                [192, 0, 2, 1],
                Err(Refusal::TlsNoRuleForName),
            ),
            ("no name, closed", "close", b"", [192, 0, 2, 1], Err(Refusal::TlsNoRuleForName)),
            ("no name, forwarded", "forward", b"", [192, 0, 2, 1], Ok(9)),
        ];
        for (row, default, server_name, source, expected) in rows {
            let default = if default == "close" { Action::Close } else { forward(9) };
            let table = Table { rules: rules.clone(), default };
            let greeting = Greeting { server_name, source: Ipv4Addr::from(source).into() };
            let passed = pass_through(&table, greeting, &mut ());
            let group = passed.map(|(_, _, forward)| forward.groups[0].group.0);
            assert_eq!(group.map_err(|closed| closed.refusal), expected, "{row}");
            if expected == Err(Refusal::TlsClosedByRule) {
                assert_eq!(group.map_err(|closed| closed.rule), Err(Some(1)), "{row}");
            }
        }
    }
}
