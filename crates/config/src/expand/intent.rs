//! Pages and expectations.

use model::{Asker, Expectation, Model, Page, PageCall, StatusMatcher};

use super::writer::{Writer, quoted};

pub fn page(out: &mut Writer, model: &Model, page: &Page) {
    let calls = |out: &mut Writer, name, calls: &[PageCall]| {
        if !calls.is_empty() {
            out.list(name, calls.iter().map(|call| quoted(&call.url.to_string())));
        }
    };
    out.block(&format!("page {}", quoted(&page.name)), |out| {
        out.text("url", &page.url.to_string());
        calls(out, "calls", &page.calls);
        calls(out, "server_calls", &page.server_calls);
        if let Some(id) = page.rendered_by {
            out.set("rendered_by", format!("instance.{}", model[id].name));
        }
        super::silence::of_block(out, model, &page.place);
    });
}

pub fn expectation(out: &mut Writer, model: &Model, expectation: &Expectation) {
    let askers = |out: &mut Writer, name, askers: &[Asker]| {
        if !askers.is_empty() {
            out.list(name, askers.iter().map(|asker| self::asker(model, *asker)));
        }
    };
    out.block(&format!("expect {}", quoted(&expectation.name)), |out| {
        out.list("url", expectation.urls.iter().map(|url| quoted(&url.to_string())));
        if expectation.method != "GET" {
            out.text("method", &expectation.method);
        }
        if !expectation.headers.is_empty() {
            let header =
                |(name, value): &(String, String)| format!("{} = {}", quoted(name), quoted(value));
            let headers: Vec<String> = expectation.headers.iter().map(header).collect();
            out.set("headers", format!("{{ {} }}", headers.join(", ")));
        }
        askers(out, "works", &expectation.works);
        askers(out, "denied", &expectation.denied);
        if let Some(status) = &expectation.status {
            out.text("status", &statuses(status));
        }
        if let Some(url) = &expectation.redirects_to {
            out.text("redirects_to", &url.to_string());
        }
    });
}

fn asker(model: &Model, asker: Asker) -> String {
    match asker {
        Asker::Network(id) => format!("network.{}", model[id].name),
        Asker::Instance(id) => format!("instance.{}", model[id].name),
        Asker::Prefix(net) => quoted(&net.to_string()),
        Asker::Internet => "internet".to_owned(),
        Asker::Anywhere => "anywhere".to_owned(),
    }
}

fn statuses(matcher: &StatusMatcher) -> String {
    let one = |(first, last): &(u16, u16)| match first == last {
        true => first.to_string(),
        false => format!("{first}-{last}"),
    };
    matcher.0.iter().map(one).collect::<Vec<_>>().join(",")
}
