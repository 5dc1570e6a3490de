//! The first story: it works on every PC in the office and on no phone.

use crate::Failed;
use crate::theatre::{Expected, Theatre};

pub fn shop() -> String {
    include_str!("works_on_my_machine.hcl").to_owned()
}

const PAGE: &str = "https://shop.example/";
const FIRST: &str = "http://api.internal/products?page=1";
const NEXT: &str = "https://api.shop.example/products?page=2";

pub fn play(theatre: &mut Theatre) -> Result<(), Failed> {
    theatre.tell("browser ──▶ www (public load balancer, shop.example) ──▶ the shop's server");
    theatre.tell("the shop's server ──▶ inner (internal load balancer, api.internal) ──┐");
    theatre.tell("browser ──▶ edge (public load balancer, api.shop.example) ──────────┴─▶ its API");

    theatre.scene("The shop opens");
    theatre.start("web", 3000)?;
    theatre.start("web", 8080)?;
    theatre.tell(
        "The page comes from the server, with the first ten products in it: everybody sees them.",
    );
    for network in ["office", "guest-wifi", "lte"] {
        theatre.visit(network, PAGE, Expected::Status(200))?;
    }
    theatre.visit("instance.web", FIRST, Expected::Status(200))?;

    theatre.scene("Scrolling: the next ten are fetched by the browser");
    theatre.visit("office", NEXT, Expected::Status(200))?;
    theatre.visit("guest-wifi", NEXT, Expected::Hangs)?;
    theatre.visit("lte", NEXT, Expected::Hangs)?;
    theatre.tell(
        "\"It works on my machine.\" No access log has a line: no packet of a phone ever got in.",
    );
    theatre.tell("But they can be seen, by the name of their network:");
    theatre.refused(&["guest-wifi", "lte"])?;

    theatre.scene("Where do the ways of the office and the phones part?");
    theatre.run(&["compare", NEXT, "--from", "office", "--from", "lte"])?;

    theatre.scene("Why, and what a person on LTE sees of the whole page");
    theatre.explain(PAGE, "lte", "admit/no-rule")?;

    theatre.scene("For whom does it work at all?");
    theatre.run(&["who", NEXT])?;

    theatre.scene("The smallest change that lets customers in, as explain shows it");
    theatre.explain(NEXT, "internet", "anywhere")?;
    theatre.mend(NEXT, "internet")?;
    for network in ["office", "guest-wifi", "lte"] {
        theatre.visit(network, NEXT, Expected::Status(200))?;
    }

    theatre.scene("So that it never comes back: an expectation");
    theatre.expect(
        "customers can scroll",
        NEXT,
        "[network.office, network.guest-wifi, network.lte, internet]",
    )?;
    theatre.check()?;
    theatre.tell("Somebody takes the phones out again:");
    theatre.refused_edit("[network.office, anywhere]", "[network.office]")?;
    theatre.visit("lte", NEXT, Expected::Status(200))?;
    println!("\nThe end. One line of a security group stood between the phones and the shop.");
    Ok(())
}
