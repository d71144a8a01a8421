//! `langoverrule health` against a lab behind TLS, whose certificate an authority signed that nobody else
//! knows; made for these tests, valid until 2120.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/tls");

/// Answers every connection as a well lab does, for as long as the test runs.
fn lab() -> SocketAddr {
    let chain = CertificateDer::pem_file_iter(format!("{FIXTURES}/lab.pem")).unwrap();
    let chain = chain.collect::<Result<Vec<_>, _>>().unwrap();
    let key = PrivateKeyDer::from_pem_file(format!("{FIXTURES}/lab.key")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let (config, listener) = (Arc::new(config), TcpListener::bind("127.0.0.1:0").unwrap());
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let connection = ServerConnection::new(config.clone()).unwrap();
            let mut stream = StreamOwned::new(connection, stream);
            // Who does not believe the certificate ends the connection before it asks.
            if stream.read(&mut [0; 4096]).is_ok_and(|n| n > 0) {
                let _ = stream.write_all(
                    b"HTTP/1.1 200 OK\r\nContent-Length: 15\r\nConnection: close\r\n\r\n{\"status\":\"ok\"}",
                );
                stream.conn.send_close_notify();
                let _ = stream.flush();
            }
        }
    });
    address
}

fn health(url: &str, options: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_langoverrule"));
    let command = command.args(["health", "--url", url]).args(options);
    command.env("RUST_LOG", "error").stdin(Stdio::null()).output().unwrap()
}

#[test]
fn a_certificate_that_nobody_knows_is_told_and_can_be_named() {
    let authority = format!("{FIXTURES}/authority.pem");
    let url = format!("https://{}", lab());
    let refused = health(&url, &[]);
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(!refused.status.success() && refused.stdout.is_empty(), "{said}");
    assert_eq!(said.lines().count(), 1, "one sentence: {said}");
    for part in ["a certificate that is not believed", "--ca-file FILE", "--insecure"] {
        assert!(said.contains(part), "{said}");
    }
    for options in [&["--ca-file", &authority][..], &["--insecure"]] {
        let asked = health(&url, options);
        assert!(asked.status.success(), "{options:?}: {}", String::from_utf8_lossy(&asked.stderr));
        assert_eq!(String::from_utf8(asked.stdout).unwrap().trim(), r#"{"status":"ok"}"#);
    }
    let both = health(&url, &["--ca-file", &authority, "--insecure"]);
    assert!(String::from_utf8(both.stderr).unwrap().contains("cannot be used with"));
}
