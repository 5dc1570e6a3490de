//! Parts of configurations that are too long to be written by hand.

use std::fmt::Write;
use std::path::Path;

use super::CERTIFICATES;

/// `rule` blocks of ours, none of which matches what is asked for.
pub fn rules(count: usize) -> String {
    (1..=count).fold(String::new(), |mut out, number| {
        let _ = write!(
            out,
            "    rule \"r{number:02}\" {{\n      path    = \"/r{number:02}/*\"\n      forward = target_group.app\n    }}\n\n"
        );
        out
    })
}

/// `certificate` blocks of ours for the files that [`super::reload`] makes.
pub fn certificates(folder: &Path) -> String {
    let folder = folder.join("certificates");
    (0..CERTIFICATES).fold(String::new(), |mut out, number| {
        let file = folder.join(format!("{number}.pem"));
        let file = file.display();
        let _ = write!(
            out,
            "certificate \"c{number}\" {{\n  chain = \"{file}\"\n  key   = \"{file}\"\n}}\n\n"
        );
        out
    })
}

/// References to them.
pub fn certificate_names() -> String {
    (0..CERTIFICATES).fold(String::new(), |mut out, number| {
        let _ = write!(out, "certificate.c{number}, ");
        out
    })
}

/// Envoy's routes for as many prefixes.
pub fn envoy_routes(count: usize) -> String {
    (1..=count).fold(String::new(), |mut out, number| {
        let _ = write!(
            out,
            "              - match: {{ prefix: \"/r{number:02}/\" }}\n                route: {{ cluster: app, timeout: 60s }}\n"
        );
        out
    })
}
