//! TLS policies by name (ALB.md §3a): what cannot be served is refused by name.

use model::policy::{POLICIES, PREFIX};
use model::{AlbPolicy, Finding, TlsPolicy};

use crate::section::Section;
use crate::suggest::{list, nearest};

pub fn read(section: &Section<'_>) -> TlsPolicy {
    let Some(value) = section.value("tls_policy") else { return TlsPolicy::default() };
    let Some(text) = section.text("tls_policy", value) else { return TlsPolicy::default() };
    let Some(policy) = AlbPolicy::named(&text) else {
        let bare = text.strip_prefix(PREFIX).unwrap_or(&text);
        let hint = match nearest(bare, POLICIES.iter().map(|policy| policy.name)) {
            Some(near) => format!("did you mean `{PREFIX}{near}`?"),
            None => format!("there are {}", list(TlsPolicy::ALL.map(TlsPolicy::name))),
        };
        section.invalid(value, format!("there is no TLS policy `{text}`"), hint);
        return TlsPolicy::default();
    };
    match policy.served() {
        Ok(served) => {
            if served.is_post_quantum() {
                let place = section.place_of(value);
                let message = format!("`{text}` is served without the group SecP384r1MLKEM1024");
                section.push(
                    Finding::warning("lint/post-quantum-partial", &place, message)
                        .hint("clients that offer X25519MLKEM768 or SecP256r1MLKEM768 get those"),
                );
            }
            served
        }
        Err(refused) => {
            section.invalid(
                value,
                format!("`{text}` needs {}, which is not served", words(&refused.needs)),
                format!("the nearest that is served is `{}`", refused.nearest.name()),
            );
            refused.nearest
        }
    }
}

fn words(needs: &[&str]) -> String {
    match needs.split_last() {
        None => String::new(),
        Some((last, [])) => (*last).to_owned(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    }
}
