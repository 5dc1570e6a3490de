//! A name whose certificate is ordered when a client comes for it.

use model::{CertificateSource, Listener};
use verdict::on_demand::fits;

use super::Walk;
use crate::facts::CertificateView;
use crate::hop::{Hop, Trace};
use crate::outcome::Stage;

const DAY: i64 = 86_400;

impl Walk<'_> {
    /// Whether it is one, as the handshake decides it where no other certificate covers the name.
    pub(super) fn on_demand<T: Trace>(
        &self,
        listener: &Listener,
        views: &[CertificateView],
        trace: &mut T,
    ) -> bool {
        let host = &self.ask.url.host;
        let mut all = listener.certificates.iter().zip(views);
        let found = all.find_map(|(id, view)| {
            let certificate = &self.world.model[*id];
            let CertificateSource::Authority(ordered) = &certificate.source else { return None };
            let declared = ordered.on_demand.as_ref()?;
            fits(declared, host).ok().map(|pattern| (certificate, ordered, declared, pattern, view))
        });
        let Some((certificate, ordered, declared, pattern, view)) = found else { return false };
        let now = self.facts.now_unix;
        let until = view.on_demand.get(host).copied().filter(|until| *until >= now);
        trace.hop(|| match until {
            Some(until) => {
                let (name, days) = (&certificate.name, (until - now) / DAY);
                let text = format!("certificate.{name} has one for {host}, {days} days left");
                Hop::passed(Stage::Tls, text).at(&declared.place)
            }
            None => {
                let from = ordered.authorities.first();
                let from = from.map_or("", |id| self.world.model[*id].name.as_str());
                let text = format!(
                    "no certificate for {host} yet: it fits `{pattern}` of certificate.{}, and is ordered from \
                     authority.{from} at the first visit, if `{}` allows it",
                    certificate.name, declared.ask
                );
                Hop::not_known(Stage::Tls, text).at(&declared.place)
            }
        });
        true
    }
}
