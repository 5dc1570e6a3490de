//! The demos: stories that are played with real parts.

mod gateway_502;
mod works_on_my_machine;

use crate::Demo;

pub const DEMOS: &[Demo] = &[
    Demo {
        name: "gateway-502",
        summary: "502 Bad Gateway: whose is it? And what was made of it, one change after the other",
        shop: gateway_502::SHOP,
        play: gateway_502::play,
    },
    Demo {
        name: "works-on-my-machine",
        summary: "the page works on every PC in the office and on no phone",
        shop: works_on_my_machine::SHOP,
        play: works_on_my_machine::play,
    },
];
