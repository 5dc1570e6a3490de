//! The demos: stories that are played with real parts.

mod gateway_502;
mod names_and_certificates;
mod small;
mod works_on_my_machine;

use crate::Demo;

pub const DEMOS: &[Demo] = &[
    Demo {
        name: "works-on-my-machine",
        summary: "the page works on every PC in the office and on no phone",
        shop: works_on_my_machine::shop,
        play: works_on_my_machine::play,
    },
    Demo {
        name: "gateway-502",
        summary: "502 Bad Gateway: whose is it? And what was made of it, one change after the other",
        shop: gateway_502::shop,
        play: gateway_502::play,
    },
    Demo {
        name: "expired-certificate",
        summary: "a certificate that nobody renewed",
        shop: small::expired_certificate,
        play: small::play_expired_certificate,
    },
    Demo {
        name: "health-check-301",
        summary: "every target is unhealthy, and the site works",
        shop: small::health_check_301,
        play: small::play_health_check_301,
    },
    Demo {
        name: "names-and-certificates",
        summary: "from a name to a certificate that everybody trusts, which renews itself",
        shop: names_and_certificates::shop,
        play: names_and_certificates::play,
    },
    Demo {
        name: "redirect-loop",
        summary: "too many redirects: the load balancer and the application both redirect",
        shop: small::redirect_loop,
        play: small::play_redirect_loop,
    },
    Demo {
        name: "target-group-empty",
        summary: "503 Service Unavailable: nobody is registered",
        shop: small::target_group_empty,
        play: small::play_target_group_empty,
    },
    Demo {
        name: "target-sg",
        summary: "504 Gateway Timeout: the machine does not let the load balancer in",
        shop: small::target_sg,
        play: small::play_target_sg,
    },
    Demo {
        name: "wrong-host",
        summary: "one name works, the other is not found",
        shop: small::wrong_host,
        play: small::play_wrong_host,
    },
];
