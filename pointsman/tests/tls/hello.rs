//! Handshakes that end early.

use std::net::Shutdown;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::ServerName;
use rustls::version::TLS13;
use rustls::{ClientConfig, ClientConnection, RootCertStore};

use crate::authority::ask;
use crate::support::{Instance, Wire, at, free_port};

fn hello() -> Vec<u8> {
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    let name = ServerName::try_from("a.test").unwrap();
    let mut client = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut bytes = Vec::new();
    client.write_tls(&mut bytes).unwrap();
    bytes
}

#[test]
fn a_hello_that_is_cut_anywhere_is_an_end_and_nothing_more() {
    let port = free_port();
    let configuration = format!(
        "load_balancer \"test\" {{\n  addresses = [\"127.0.0.1\"]\n  connection_log = \"connections.log\"\n  listener \"https\" {{\n    port = {port}\n    protocol = \"HTTPS\"\n    certificates = [certificate.made]\n    default {{\n      fixed_response {{\n        status = 200\n        body = \"yes\"\n      }}\n    }}\n  }}\n}}\ncertificate \"made\" {{\n  development = true\n  names = [\"a.test\"]\n}}\n"
    );
    let instance = Instance::start(&configuration);
    let hello = hello();
    for length in 0..hello.len() {
        let mut client = Wire::to(at(port));
        client.send(&hello[..length]);
        client.stream.shutdown(Shutdown::Write).unwrap();
        let answer = client.rest();
        // An alert (RFC 8446 §6), or nothing.
        assert!(answer.first().is_none_or(|kind| *kind == 21), "{length}: {answer:?}");
    }
    let get = "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n";
    assert!(ask(at(port), &TLS13, None, get).ends_with("yes"));
    assert!(!instance.output().contains("panicked"), "{}", instance.output());
}
