//! Declared answers as a server.

use super::{
    Behaviour, Content, Facts, Part, Proxy, ProxyTo, RedirectForm, Step, Test, Value, VirtualServer,
};
use crate::{Place, TemplatePart};

/// RFC 9110 §4.2.2: the one that an address need not name.
const HTTPS_PORT: u16 = 443;

impl Facts {
    /// `None` if nothing was said. `trusts_forwarded_proto`: where it is `true`, a request that
    /// was made over https is not redirected there.
    pub fn server(
        &self,
        trusts_forwarded_proto: Option<bool>,
        place: &Place,
    ) -> Option<VirtualServer> {
        if *self == Facts::default() {
            return None;
        }
        let mut steps = Vec::new();
        for redirect in &self.redirects {
            let part = |part: &TemplatePart| match part {
                TemplatePart::Text(text) => Part::Text(text.clone()),
                other => Part::Request(other.clone()),
            };
            let to = Value(redirect.to.0.iter().map(part).collect());
            let then = Step::Return {
                status: redirect.status,
                text: Some(to),
                place: redirect.place.clone(),
            };
            steps.push(only_if(Test::Path(redirect.from.clone()), then, &redirect.place));
        }
        if let Some(port) = self.redirects_to_https {
            let port = if port == HTTPS_PORT { String::new() } else { format!(":{port}") };
            let to = vec![
                Part::Text("https://".to_owned()),
                Part::Variable("host".to_owned()),
                Part::Text(port),
                Part::Variable("request_uri".to_owned()),
            ];
            let mut step =
                Step::Return { status: 301, text: Some(Value(to)), place: place.clone() };
            if trusts_forwarded_proto == Some(true) {
                step = only_if(is_not_https("http_x_forwarded_proto"), step, place);
            }
            steps.push(only_if(is_not_https("scheme"), step, place));
        }
        if let Some(status) = self.answers {
            steps.push(Step::Return { status, text: Some(Value::default()), place: place.clone() });
        }
        let content = match &self.forward {
            Some(to) => Content::Proxy(Proxy {
                tls: false,
                to: ProxyTo::Address(Value(vec![Part::Text(to.clone())])),
                keeps_path: true,
                host: Some(Value(vec![Part::Variable("http_host".to_owned())])),
                forwarded_proto: None,
                place: place.clone(),
            }),
            None => Content::NotDeclared { place: place.clone() },
        };
        Some(VirtualServer {
            listens: Vec::new(),
            server_name: String::new(),
            names: Vec::new(),
            own: behaviour(steps, content, place),
            locations: Vec::new(),
            named: Vec::new(),
            variables: Vec::new(),
            certificate: None,
            keep_alive: None,
            place: place.clone(),
        })
    }
}

fn is_not_https(variable: &str) -> Test {
    Test::NotEqual(
        Value(vec![Part::Variable(variable.to_owned())]),
        Value(vec![Part::Text("https".to_owned())]),
    )
}

fn only_if(test: Test, step: Step, place: &Place) -> Step {
    let content = Content::NotDeclared { place: place.clone() };
    let then = Box::new(behaviour(vec![step], content, place));
    Step::If { test, then, place: place.clone() }
}

fn behaviour(steps: Vec<Step>, content: Content, place: &Place) -> Behaviour {
    Behaviour {
        steps,
        internal: false,
        doubts: Vec::new(),
        content,
        error_pages: Vec::new(),
        // Where it is to lead was said: nothing is added.
        form: RedirectForm { absolute: false, port: false, server_name: false },
        place: place.clone(),
    }
}
