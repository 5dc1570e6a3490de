//! One cause each.

use std::path::Path;

use crate::Failed;
use crate::theatre::{Expected, Theatre, unexpected};

const SITE: &str = "https://shop.example/";
const DAY: i64 = 86_400;

/// A load balancer before one machine; a story puts its mistake in.
const SHOP: &str = include_str!("small.hcl");

fn with(before: &str, after: &str) -> String {
    assert!(SHOP.contains(before), "the story's shop has no `{before}`");
    SHOP.replacen(before, after, 1)
}

fn begin(theatre: &mut Theatre, target: &str) -> Result<(), Failed> {
    theatre.scene("The symptom");
    theatre.start("web", 8080)?;
    if !target.is_empty() {
        theatre.await_target("app", target)?;
    }
    Ok(())
}

const APPLICATION: &str = "    answers = 200\n";

// === redirect-loop ===

pub fn redirect_loop() -> String {
    with(APPLICATION, "    answers = 200\n    redirects = \"https\"\n")
}

pub fn play_redirect_loop(theatre: &mut Theatre) -> Result<(), Failed> {
    begin(theatre, "unhealthy")?;
    theatre.visit("internet", SITE, Expected::TooManyRedirects)?;
    theatre.scene("Why");
    theatre.explain(SITE, "internet", "redirect/loop")?;
    theatre.scene("The application learns that the browser came over https");
    theatre.stop("web", 8080);
    theatre.edit(
        "    redirects = \"https\"\n",
        "    redirects = \"https\"\n    trusts_forwarded_proto = true\n",
    )?;
    theatre.reload()?;
    theatre.start("web", 8080)?;
    theatre.visit("internet", SITE, Expected::Status(200))
}

// === wrong-host ===

pub fn wrong_host() -> String {
    with(
        "    default {\n      forward = target_group.app\n    }\n",
        "    rule \"shop\" {\n      host    = [\"shop.example\"]\n      forward = target_group.app\n    }\n\n    \
         default {\n      fixed_response {\n        status = 404\n      }\n    }\n",
    )
}

pub fn play_wrong_host(theatre: &mut Theatre) -> Result<(), Failed> {
    const WWW: &str = "https://www.shop.example/";
    begin(theatre, "healthy")?;
    theatre.visit("internet", SITE, Expected::Status(200))?;
    theatre.visit("internet", WWW, Expected::Status(404))?;
    theatre.scene("Why");
    theatre.explain(WWW, "internet", "route/default")?;
    theatre.scene("The rule takes the other name as well");
    theatre.mend(WWW, "internet")?;
    theatre.visit("internet", WWW, Expected::Status(200))
}

// === target-group-empty ===

pub fn target_group_empty() -> String {
    with("  targets = [\"instance.web:8080\"]\n", "  targets = []\n")
}

pub fn play_target_group_empty(theatre: &mut Theatre) -> Result<(), Failed> {
    begin(theatre, "")?;
    theatre.visit("internet", SITE, Expected::Status(503))?;
    theatre.scene("Why");
    theatre.explain(SITE, "internet", "target/none-registered")?;
    theatre.scene("The machine is registered");
    theatre.edit("  targets = []\n", "  targets = [\"instance.web:8080\"]\n")?;
    theatre.reload()?;
    theatre.visit("internet", SITE, Expected::Status(200))
}

// === target-sg ===

pub fn target_sg() -> String {
    with("    from  = [security_group.edge]\n", "    from  = [\"10.0.9.0/24\"]\n")
}

pub fn play_target_sg(theatre: &mut Theatre) -> Result<(), Failed> {
    begin(theatre, if theatre.is_lab() { "unhealthy" } else { "healthy" })?;
    if theatre.is_lab() {
        theatre.visit("internet", SITE, Expected::Status(504))?;
        theatre.scene("Why");
        theatre.explain(SITE, "internet", "target's group")?;
    } else {
        theatre
            .tell("(on loopback nothing enforces the security group of a machine: the page comes)");
        theatre.visit("internet", SITE, Expected::Status(200))?;
        theatre.scene("What would be, from the configuration");
    }
    theatre.scene("As explain shows it");
    theatre.mend(SITE, "internet")?;
    if theatre.is_lab() {
        theatre.rebuild()?;
        theatre.start("web", 8080)?;
    }
    theatre.visit("internet", SITE, Expected::Status(200))
}

// === health-check-301 ===

pub fn health_check_301() -> String {
    with(
        APPLICATION,
        "    answers = 200\n\n    redirect {\n      from = \"/\"\n      to   = \"/shop\"\n    }\n",
    )
}

pub fn play_health_check_301(theatre: &mut Theatre) -> Result<(), Failed> {
    begin(theatre, "unhealthy")?;
    theatre.visit("internet", SITE, Expected::Status(200))?;
    theatre.tell("It works, since with no healthy target all get traffic; with a second one it would get none.");
    theatre.scene("Why");
    theatre.explain(SITE, "internet", "Target.ResponseCodeMismatch")?;
    theatre.check()?;
    theatre.scene("The check asks what does not redirect");
    theatre.edit("    path     = \"/\"\n", "    path     = \"/shop\"\n")?;
    theatre.reload()?;
    theatre.await_target("app", "healthy")?;
    theatre.visit("internet", SITE, Expected::Status(200))
}

// === expired-certificate ===

pub fn expired_certificate() -> String {
    SHOP.to_owned()
}

pub fn play_expired_certificate(theatre: &mut Theatre) -> Result<(), Failed> {
    begin(theatre, "healthy")?;
    theatre.visit("internet", SITE, Expected::Status(200))?;
    theatre.tell("A hundred days later, and nobody renewed:");
    let file = old_certificate(theatre.folder(), &theatre.state())?;
    theatre
        .edit("  development = true\n", &format!("  chain = \"{file}\"\n  key   = \"{file}\"\n"))?;
    theatre.reload()?;
    theatre.visit("internet", SITE, Expected::Certificate)?;
    theatre.scene("Why");
    theatre.explain(SITE, "internet", "tls/expired")?;
    theatre.scene("Renewed");
    theatre
        .edit(&format!("  chain = \"{file}\"\n  key   = \"{file}\"\n"), "  development = true\n")?;
    theatre.reload()?;
    theatre.visit("internet", SITE, Expected::Status(200))
}

/// One that was issued a hundred days ago, by the authority of the story.
fn old_certificate(folder: &Path, state: &Path) -> Result<&'static str, Failed> {
    let long_ago = net::clock::unix_seconds() - 100 * DAY;
    let names = ["shop.example".to_owned(), "www.shop.example".to_owned()];
    let wrong = |e: tls::AuthorityError| unexpected("a certificate", "one", &e.to_string());
    let authority =
        tls::LocalAuthority::open_or_create(state, net::clock::unix_seconds()).map_err(wrong)?;
    let pem = authority.issue_pem(&names, long_ago).map_err(wrong)?;
    std::fs::write(folder.join("old.pem"), pem)
        .map_err(|e| Failed::Io("write a certificate", e))?;
    Ok("old.pem")
}
