//! The second story: "502 Bad Gateway", and what was done about it, one step after the other.

use crate::Failed;
use crate::theatre::{Expected, Theatre};

pub fn shop() -> String {
    include_str!("gateway_502.hcl").to_owned()
}

const SITE: &str = "https://shop.example/";
const PLAIN: &str = "http://shop.example/";
const BARE: &str = "http://203.0.113.30/";
const REDIRECT: &str = "    redirects = \"https\"\n";
const FORWARD: &str = "    forward = \"127.0.0.1:3000\"\n";

pub fn play(theatre: &mut Theatre) -> Result<(), Failed> {
    theatre.tell("browser ──▶ load balancer (80 redirects, 443 speaks TLS) ──▶ front server :80 ──▶ app :3000");

    theatre.scene("Everything runs");
    theatre.start("web", 3000)?;
    theatre.start("web", 80)?;
    theatre.await_target("front", "healthy")?;
    theatre.visit("internet", PLAIN, Expected::Status(200))?;

    theatre.scene("The machine was restarted, and nobody started the app again");
    theatre.stop("web", 3000);
    theatre.visit("internet", SITE, Expected::Status(502))?;
    theatre.await_target("front", "unhealthy")?;
    theatre.explain(SITE, "internet", "target/answered-502")?;
    theatre.tell("The 502 is the front server's: the load balancer passes it on. What would have said so before:");
    theatre.check()?;

    theatre.scene("The app is started, and from now on at boot");
    theatre.edit("    starts_at_boot = false\n", "    starts_at_boot = true\n")?;
    theatre.reload()?;
    theatre.start("web", 3000)?;
    theatre.await_target("front", "healthy")?;
    theatre.visit("internet", PLAIN, Expected::Status(200))?;

    theatre.scene(
        "But first its owner had blamed the load balancer, and let the name lead to the machine",
    );
    theatre.edit("  alias = load_balancer.shop\n", "  addresses = [\"203.0.113.30\"]\n")?;
    theatre.edit(FORWARD, &format!("{REDIRECT}{FORWARD}"))?;
    theatre.edit("    from  = [security_group.shop]\n", "    from  = [anywhere]\n")?;
    theatre.tell(
        "The front server now sends everybody to https itself, and nothing listens on 443 there:",
    );
    theatre.rebuild()?;
    theatre.start("web", 3000)?;
    theatre.start("web", 80)?;
    theatre.visit("internet", PLAIN, Expected::Refused)?;
    theatre.explain(PLAIN, "internet", "name/no-listener")?;

    theatre.scene("The load balancer is back, with a target on port 443");
    theatre.edit("  addresses = [\"203.0.113.30\"]\n", "  alias = load_balancer.shop\n")?;
    theatre.edit("  targets = [\"instance.web:80\"]\n", "  targets = [\"instance.web:443\"]\n")?;
    theatre.rebuild()?;
    theatre.start("web", 3000)?;
    theatre.start("web", 80)?;
    theatre.await_target("front", "unhealthy")?;
    theatre.visit("internet", SITE, Expected::Status(502))?;
    theatre.explain(SITE, "internet", "target/refused")?;
    theatre.tell("TLS ends at the load balancer; the machine serves port 80. As explain shows it:");
    theatre.mend(SITE, "internet")?;

    theatre.scene("Too many redirects: it is written twice");
    theatre.await_target("front", "healthy")?;
    theatre.visit("internet", SITE, Expected::TooManyRedirects)?;
    theatre.explain(SITE, "internet", "redirect/loop")?;
    theatre.tell("The load balancer redirects already; the front server sees plain HTTP and redirects again, for ever.");
    theatre.stop("web", 80);
    theatre.edit(REDIRECT, "")?;
    theatre.reload()?;
    theatre.start("web", 80)?;
    theatre.await_target("front", "healthy")?;
    theatre.visit("internet", PLAIN, Expected::Status(200))?;

    theatre.scene("And the bare address still goes round the load balancer");
    theatre.visit("internet", BARE, Expected::Status(200))?;
    theatre.run(&["explain", BARE, "--from", "internet"])?;
    theatre.edit("    from  = [anywhere]\n", "    from  = [security_group.shop]\n")?;
    if theatre.is_lab() {
        theatre.rebuild()?;
        theatre.start("web", 3000)?;
        theatre.start("web", 80)?;
        theatre.visit("internet", BARE, Expected::Hangs)?;
    } else {
        theatre.reload()?;
        theatre.tell("(on loopback nothing enforces the security group of a machine)");
    }
    theatre.visit("internet", PLAIN, Expected::Status(200))?;
    println!("\nThe end. Five causes, one after the other, and each of them had a name.");
    Ok(())
}
