//! Rules and actions.

use model::{Obstacle, Refusal};

use super::Page;

pub const PAGES: &[Page] = &[
    Page {
        sees: "401 Unauthorized, a page of the load balancer; browsers never see it",
        causes: &[
            "An HTTP/1.0 client or a checker without a `Host` header met a redirect that needs one.",
            "A scanner that asks by bare address.",
        ],
        confirm: &[
            ("grep route/no-host access.log", "who asks without a host"),
            ("curl -0 -sv -o /dev/null -H 'Host:' http://ADDRESS/", "401: the same request"),
        ],
        remedy: &[
            "Have the client send `Host`.",
            "Or write a fixed `host` in the redirect, in the place of `#{host}`.",
        ],
        related: &["request/malformed"],
        ..Page::refusal(Refusal::RouteNoHost)
    },
    Page {
        sees: "507, a page of the load balancer, for very long addresses",
        causes: &[
            "A page puts its whole state into the query, and the redirect copies `#{query}`.",
            "A login that wraps the address it came from into itself, again and again.",
        ],
        confirm: &[(
            "grep route/redirect-too-long access.log",
            "the addresses, and whether they repeat themselves",
        )],
        remedy: &[
            "Leave `#{query}` out of the redirect, or redirect to a fixed path.",
            "Stop the application from nesting its own address.",
        ],
        related: &["request/line-too-long", "redirect/loop"],
        ..Page::refusal(Refusal::RouteRedirectTooLong)
    },
    Page {
        sees: "500 Internal Server Error, a page of the load balancer; the application's log has nothing",
        causes: &[
            "A `rewrite` makes a path that does not begin with `/`.",
            "A capture puts characters into a host or a path that may not stand there, such as a space.",
        ],
        confirm: &[
            ("grep route/transform-failed access.log", "the paths that were asked for"),
            ("pointsman explain URL", "hop `action` shows the rewrite that failed, with its line"),
        ],
        remedy: &[
            "Let `path` of the `rewrite` begin with `/`, and `path_regex` take in the slash.",
        ],
        related: &["lint/shadowed-rule"],
        ..Page::refusal(Refusal::RouteTransformFailed)
    },
    Page {
        sees: "503 Service Unavailable, a page of the load balancer",
        causes: &[
            "During a change all weights were set to 0: the old group was turned off before the new one was turned on.",
            "The only group of the action has `weight = 0`.",
        ],
        confirm: &[
            ("pointsman check FILE", "`lint/no-weight` names the line"),
            ("pointsman expand FILE", "the weights as they are"),
        ],
        remedy: &["Give one group a weight of at least 1, and reload."],
        related: &["lint/no-weight", "target/none-registered"],
        ..Page::refusal(Refusal::RouteNoWeight)
    },
    Page {
        sees: "what the default action says: usually 404 Not Found, or the wrong site",
        causes: &[
            "The path has no rule: `/products` does not cover `/products/1`; that is `/products*`.",
            "Upper and lower case: in paths they differ, in hosts they do not.",
            "The host of the rule is another: `www.` is missing, or the client sends an address.",
            "The rule is on the listener of https, and the request came over http.",
        ],
        confirm: &[
            (
                "pointsman explain URL",
                "hop `rule` names the rules that nearly took it, and which condition failed",
            ),
            (
                "grep route/default access.log",
                "what else falls through: many of one kind is a forgotten rule",
            ),
            ("curl -sv -o /dev/null URL -H 'Host: NAME'", "another answer: it was the host"),
        ],
        remedy: &[
            "Add a rule, or widen the `path` or `host` of the one that was meant.",
            "If everything else is meant to reach the application, let `default` forward.",
        ],
        related: &["lint/shadowed-rule", "lint/host-not-served"],
        ..Page::obstacle(Obstacle::RouteDefault)
    },
];
