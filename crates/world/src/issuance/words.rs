//! Doubts as findings: what an authority would find, and the remedy.

use model::{CertificateId, Finding, ListenerId, Model, Place, RecordData};
use verdict::issuance::Doubt;

/// The doubts of a certificate as findings, at the certificate, each with what it is about.
pub fn findings(model: &Model, id: CertificateId, doubts: &[Doubt]) -> Vec<Finding> {
    doubts.iter().map(|doubt| finding(model, &model[id].place, doubt)).collect()
}

fn finding(model: &Model, place: &Place, doubt: &Doubt) -> Finding {
    let warning = |code, text: String| Finding::warning(code, place, text);
    match doubt {
        Doubt::CaaForbids { name, at, allowed } => {
            let whom = match &allowed[..] {
                [] => "nobody".to_owned(),
                some => some.iter().map(|one| format!("`{one}`")).collect::<Vec<_>>().join(", "),
            };
            let text = format!(
                "the CAA records of `{at}` let {whom} issue for `{name}`, and not this authority"
            );
            about_record(model, at, warning("lint/authority-not-allowed", text))
                .hint("add a CAA record with `issue` and the authority's name, or ask one that is allowed")
        }
        Doubt::Nowhere { name } => {
            let text = format!("`{name}` leads nowhere, and the authority is to connect to it");
            warning("lint/authority-sent-elsewhere", text).hint(format!(
                "add `record \"{name}\" {{ alias = load_balancer.name }}`, or use `challenge = \"dns-01\"`"
            ))
        }
        Doubt::Elsewhere { name, address, others } => {
            let text = match others {
                true => format!(
                    "`{name}` leads to {address} as well, which nothing here has, and the authority may \
                     connect to that"
                ),
                false => format!("`{name}` leads to {address}, which nothing here has"),
            };
            about_record(model, name, warning("lint/authority-sent-elsewhere", text)).hint(
                "take the stale address out of the record, have a load balancer listen on it, or use \
                 `challenge = \"dns-01\"`",
            )
        }
        Doubt::NotListening { name, address, port } => {
            let at = address.map_or(String::new(), |address| format!(" at {address}"));
            let text = format!(
                "the authority connects to port {port} of `{name}`{at}, where no listener is declared"
            );
            warning("lint/authority-not-admitted", text).hint(format!(
                "add a listener on port {port}, unless a router maps it to one; or use `challenge = \"dns-01\"`"
            ))
        }
        Doubt::NotAdmitted { name, listener, port } => {
            let text = format!(
                "the authority connects to port {port} of `{name}` from the internet, and nobody there is admitted"
            );
            let finding = warning("lint/authority-not-admitted", text);
            about_group(model, *listener, finding).hint(
                "use `challenge = \"dns-01\"`, which needs no open port, or admit `anywhere` to the port",
            )
        }
        Doubt::PartlyAdmitted { name, listener, port } => {
            let text = format!(
                "the authority connects to port {port} of `{name}` from anywhere on the internet, and only a \
                 part of it is admitted"
            );
            let finding = warning("lint/authority-not-admitted", text);
            about_group(model, *listener, finding).hint(
                "use `challenge = \"dns-01\"`, which needs no open port, or admit `anywhere` to the port",
            )
        }
        Doubt::ZoneElsewhere { name } => {
            let text =
                format!("`dns-01` for `{name}` is answered by its zone, which is not served here");
            warning("lint/challenge-not-served", text).hint(
                "declare the zone and a `dns_server`, and have the zone delegated to this instance; or use \
                 `challenge = \"http-01\"`",
            )
        }
    }
}

fn about_group(model: &Model, listener: ListenerId, finding: Finding) -> Finding {
    let load_balancer = &model[model[listener].load_balancer];
    match load_balancer.security_groups.first() {
        Some(group) => finding.related(&model[*group].place, "its security group"),
        None => finding.related(&load_balancer.place, "its load balancer"),
    }
}

fn about_record(model: &Model, name: &str, finding: Finding) -> Finding {
    let says = |record: &&model::Record| {
        record.name.0 == name
            && !matches!(record.data, RecordData::Authority | RecordData::NameServers(_))
    };
    match model.records.iter().find(says) {
        Some(record) => finding.related(&record.place, "the record"),
        None => finding,
    }
}
