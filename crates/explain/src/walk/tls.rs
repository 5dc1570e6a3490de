//! The TLS handshake: which certificate is served, and what the client thinks of it.

use std::collections::BTreeSet;
use std::net::IpAddr;

use model::{ClientCertificateMode, ListenerId, ListenerProtocol, Obstacle, Refusal, UrlScheme};
use verdict::certificate::{CertificateFacts, ClientCapability, choose};
use verdict::journey::{Admitted, Hypothetical};

use super::{Verdict, Walk, answered};
use crate::facts::{CertificateView, FactSource, Trust};
use crate::hop::{Evidence, Hop, Near, Trace};
use crate::outcome::{Outcome, Sees, Stage};

const DAY: i64 = 86_400;

impl Walk<'_> {
    pub fn onward_tls<T: Trace>(
        &self,
        id: ListenerId,
        source: IpAddr,
        admitted: Admitted<Hypothetical>,
        trace: &mut T,
    ) -> BTreeSet<Outcome> {
        let listener = &self.world.model[id];
        if self.passes_through(id) {
            return self.onward_pass(id, source, admitted, trace);
        }
        let mut verdict = Verdict::default();
        let secured = match (self.ask.url.scheme, listener.protocol) {
            (UrlScheme::Http, ListenerProtocol::Http) => admitted.plain(),
            (UrlScheme::Http, ListenerProtocol::Https | ListenerProtocol::TlsPassthrough) => {
                let refusal = Refusal::TlsPlainHttp;
                let text =
                    format!("plain HTTP is sent to port {}, which speaks TLS", listener.port);
                trace.hop(|| Hop::stopped(Stage::Tls, refusal, text).at(&listener.place));
                let sees = answered(listener.load_balancer, refusal.status().unwrap_or(400));
                verdict.stop(self.outcome(sees, Some(refusal.into()), Stage::Tls));
                admitted.secured()
            }
            (UrlScheme::Https, ListenerProtocol::Http) => {
                let obstacle = Obstacle::TlsNotSpoken;
                let text =
                    format!("https is asked of port {}, which speaks plain HTTP", listener.port);
                trace.hop(|| Hop::stopped(Stage::Tls, obstacle, text).at(&listener.place));
                verdict.stop(self.outcome(Sees::ProtocolError, Some(obstacle.into()), Stage::Tls));
                admitted.plain()
            }
            (UrlScheme::Https, ListenerProtocol::Https | ListenerProtocol::TlsPassthrough) => {
                let problems = self.handshake(id, trace);
                if let Some(first) = problems.first() {
                    let cause = Some((*first).into());
                    let sees = Sees::CertificateError(problems);
                    verdict.stop(self.outcome(sees, cause, Stage::Tls));
                }
                if let Some(refusal) = self.client_certificate(id, trace) {
                    let sees = Sees::CertificateWanted;
                    verdict.stop(self.outcome(sees, Some(refusal.into()), Stage::Tls));
                }
                admitted.secured()
            }
        };
        let rest = self.onward_request(id, source, secured, trace);
        verdict.settle(rest)
    }

    /// What comes of a client that has no certificate of its own; whether it has one is not asked.
    fn client_certificate<T: Trace>(&self, id: ListenerId, trace: &mut T) -> Option<Refusal> {
        let listener = &self.world.model[id];
        let clients = listener.client_certificates.as_ref()?;
        let judged = clients.mode.judge_missing();
        trace.hop(|| match (judged, clients.mode) {
            (Err(refusal), ClientCertificateMode::Verify { trust_store, .. }) => {
                let text = format!(
                    "{} asks for a client certificate by an authority of trust_store.{}; without one nobody gets in",
                    listener.name, self.world.model[trust_store].name
                );
                Hop::stopped(Stage::Tls, refusal, text).at(&clients.place)
            }
            (_, _) => {
                let text =
                    format!("{} asks for a client certificate, and takes any or none", listener.name);
                Hop::passed(Stage::Tls, text).at(&clients.place)
            }
        });
        judged.err()
    }

    /// What is wrong with the certificate that is served, the worst first.
    fn handshake<T: Trace>(&self, id: ListenerId, trace: &mut T) -> Vec<Obstacle> {
        let listener = &self.world.model[id];
        let host = &self.ask.url.host;
        let views: Vec<CertificateView> =
            listener.certificates.iter().map(|id| (self.facts.certificates)(*id)).collect();
        let known: Option<Vec<CertificateFacts>> =
            views.iter().map(|view| view.facts.as_deref().cloned()).collect();
        let Some(known) = known.filter(|known| !known.is_empty()) else {
            trace.hop(|| {
                let text = "what the certificate covers is not known until it is made or read";
                Hop::not_known(Stage::Tls, text).at(&listener.place)
            });
            return Vec::new();
        };
        let server_name = self.ask.url.address().is_none().then_some(host.as_str());
        let now = self.facts.now_unix;
        let chosen = choose(&known, server_name, ClientCapability::EVERYTHING, now, &mut ()).index;
        let served = &known[chosen];
        if let (false, Some(_)) = (served.covers(host), server_name)
            && self.on_demand(listener, &views, trace)
        {
            return Vec::new();
        }
        let trust = views[chosen].trust;
        let why_pending = &views[chosen].why_pending;
        let problems = self.judge(served, trust);
        trace.hop(|| {
            let certificate = &self.world.model[listener.certificates[chosen]];
            let near: Vec<Near> = listener
                .certificates
                .iter()
                .zip(&known)
                .filter(|(_, facts)| !facts.covers(host))
                .take(super::door::NEAR_MAX)
                .map(|(id, facts)| {
                    let other = &self.world.model[*id];
                    let text =
                        format!("certificate.{} covers {}", other.name, facts.names.join(", "));
                    Near::new(text, &other.place)
                })
                .collect();
            let name = &certificate.name;
            let days = (served.not_after - now) / DAY;
            match problems.first() {
                None => {
                    let (trusted, evidence) = match trust {
                        Trust::Development => (
                            ", from the development authority (trusted where it was installed)",
                            Evidence::Assumed,
                        ),
                        Trust::Authority | Trust::SelfSigned | Trust::Pending => {
                            ("", Evidence::Proved)
                        }
                    };
                    let text =
                        format!("certificate.{name} covers {host}, {days} days left{trusted}");
                    Hop::passed(Stage::Tls, text).at(&certificate.place).because(evidence)
                }
                Some(first) => {
                    let detail = match first {
                        Obstacle::TlsNameMismatch => {
                            format!(
                                "certificate.{name} is served, and covers {} but not {host}",
                                served.names.join(", ")
                            )
                        }
                        Obstacle::TlsExpired => {
                            format!(
                                "certificate.{name} expired {} days ago",
                                (now - served.not_after) / DAY
                            )
                        }
                        Obstacle::TlsNotYetValid => format!("certificate.{name} is not valid yet"),
                        _ if trust == Trust::Pending => {
                            let why = why_pending.as_deref().map_or(
                                "an authority is being asked".to_owned(),
                                str::to_owned,
                            );
                            format!(
                                "certificate.{name} is pending, and a placeholder that no client trusts is \
                                 served: {why}"
                            )
                        }
                        _ => format!("certificate.{name} is signed by itself: no client trusts it"),
                    };
                    let others: Vec<&str> = problems[1..].iter().map(|p| p.text()).collect();
                    let text = match &others[..] {
                        [] => detail,
                        others => format!("{detail}; and {}", others.join("; ")),
                    };
                    Hop::stopped(Stage::Tls, *first, text).at(&certificate.place).near(near)
                }
            }
        });
        problems
    }

    fn judge(&self, served: &CertificateFacts, trust: Trust) -> Vec<Obstacle> {
        let mut problems = Vec::new();
        if !served.covers(&self.ask.url.host) {
            problems.push(Obstacle::TlsNameMismatch);
        }
        // Expectations take certificates as in date (DECISIONS 5).
        if self.facts.source != FactSource::Proof {
            if served.expired(self.facts.now_unix) {
                problems.push(Obstacle::TlsExpired);
            }
            if served.not_before > self.facts.now_unix {
                problems.push(Obstacle::TlsNotYetValid);
            }
        }
        // Nor does a proof say that one that is still to come does not.
        let pending = trust == Trust::Pending && self.facts.source != FactSource::Proof;
        if trust == Trust::SelfSigned || pending {
            problems.push(Obstacle::TlsUntrusted);
        }
        problems
    }
}
