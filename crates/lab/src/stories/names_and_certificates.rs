//! From a name to a certificate that everybody trusts, and why one way to it cannot work.

use crate::Failed;
use crate::theatre::authority::{self, Authority};
use crate::theatre::{Expected, Theatre};

const SITE: &str = "https://shop.example/";
const WWW: &str = "https://www.shop.example/";
const NAMES: &str = "  names       = [\"shop.example\"]\n  development = true\n";

fn story() -> Authority {
    let at = |address, port| std::net::SocketAddr::from((address, port));
    Authority {
        instance: "authority",
        acme: at([198, 51, 100, 30], 14000),
        management: at([198, 51, 100, 30], 15000),
        resolver: at([203, 0, 113, 10], 53),
    }
}

pub fn shop() -> String {
    include_str!("names_and_certificates.hcl").to_owned()
}

pub fn play(theatre: &mut Theatre) -> Result<(), Failed> {
    theatre.scene("A name, and a certificate of the machine's own authority");
    theatre.start("web", 8080)?;
    theatre.await_target("app", "healthy")?;
    theatre.run(&["dns", "query", "shop.example", "A", "--from", "office"])?;
    theatre.visit("office", SITE, Expected::Status(200))?;
    theatre.visit("internet", SITE, Expected::Hangs)?;
    if authority::installed().is_none() {
        theatre.tell("(Pebble is not installed: the story ends with the authority of this machine,");
        theatre.tell("and goes on to one that the world would trust where it is.)");
        return Ok(());
    }
    with_authority(theatre)
}

fn with_authority(theatre: &mut Theatre) -> Result<(), Failed> {
    let authority = story();
    theatre.prepare_authority(&authority)?;
    theatre.start_authority(&authority)?;
    theatre.scene("One that others trust: the authority wants to fetch a file over http");
    theatre.edit(
        NAMES,
        "  names     = [\"shop.example\"]\n  authority = authority.pebble\n  challenge = \"http-01\"\n",
    )?;
    theatre.append(
        "authority \"pebble\" {\n  directory      = \"https://198.51.100.30:14000/dir\"\n  roots          = \
         \"authority.pem\"\n  agree_to_terms = true\n}\n",
    )?;
    theatre.reload()?;
    theatre.certificate("shop", "refused")?;
    theatre.scene("By the name instead: no door need be opened, and wildcards come with it");
    theatre.edit(
        "  names     = [\"shop.example\"]\n  authority = authority.pebble\n  challenge = \"http-01\"\n",
        "  names     = [\"shop.example\", \"*.shop.example\"]\n  authority = authority.pebble\n  challenge = \
         \"dns-01\"\n",
    )?;
    theatre.reload()?;
    theatre.certificate("shop", "issued")?;
    theatre.visit("office", SITE, Expected::Status(200))?;
    theatre.visit("office", WWW, Expected::Status(200))?;
    theatre.visit("internet", SITE, Expected::Hangs)?;
    theatre.scene("Renewed while somebody is there");
    theatre.renew("shop", "office", SITE)
}
