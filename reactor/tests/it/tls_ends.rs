//! TLS on real sockets: beginnings and ends that are easily missed.

use crate::client_support::{LOOPBACK, call};
use crate::support::{Event, echo, read_to_end, record, swallow, wait_until};
use crate::tls_support::{Configs, handshakes_failed, name, over};
use reactor::Tls;
use reactor::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use reactor::rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use reactor::rustls::sign::CertifiedKey;
use reactor::rustls::{ClientConfig, RootCertStore, ServerConfig};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;

#[test]
fn a_service_is_told_that_all_was_written_before_tls_starts() {
    let tls = Tls::Server(Configs::new().server);
    let recording = record(
        |builder| builder,
        move |connection, input| {
            input.retrieve_all();
            connection.send(b"GO\n");
            connection.start_tls(&tls, input).unwrap();
        },
    );
    let (mut stream, _handle) = recording.connect();
    stream.write_all(b"STARTTLS\n").unwrap();
    stream.read_exact(&mut [0; 3]).unwrap();
    recording.settle();
    let events = recording.drain();
    assert!(matches!(events[..], [Event::Message(..), Event::WriteComplete]), "{events:?}");
}

#[test]
fn a_client_that_is_stopped_while_it_shakes_hands_gives_up() {
    let listener = TcpListener::bind(LOOPBACK).unwrap();
    let configs = Configs::new();
    let calling = call(
        [listener.local_addr().unwrap()],
        move |builder| builder.tls(configs.client, name()),
        swallow,
    );
    let accept = || {
        let (mut peer, _) = listener.accept().unwrap();
        peer.read_exact(&mut [0; 1]).unwrap();
        peer
    };
    let peer = accept();
    calling.client.stop();
    assert!(!read_to_end(&peer).is_empty(), "the rest of its first words, and the end");
    // It connects when it is asked to again.
    calling.client.connect();
    let _peer = accept();
    assert!(calling.finish().is_empty(), "nothing had failed");
}

/// A certificate for localhost, and its key.
fn certificate() -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    (made.cert.der().clone(), PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap())
}

#[test]
fn who_shows_no_certificate_is_nobody_where_one_is_asked_for() {
    let [(server, server_key), (client, client_key)] = [certificate(), certificate()];
    let roots = |certificate: &CertificateDer<'static>| {
        let mut roots = RootCertStore::empty();
        roots.add(certificate.clone()).unwrap();
        Arc::new(roots)
    };
    let verifier = WebPkiClientVerifier::builder(roots(&client)).build().unwrap();
    let builder = ClientConfig::builder().with_root_certificates(roots(&server));
    let known = builder.clone().with_client_auth_cert(vec![client.clone()], client_key).unwrap();
    let unknown = builder.with_no_client_auth();
    let configs = Configs {
        server: Arc::new(
            ServerConfig::builder()
                .with_client_cert_verifier(verifier)
                .with_single_cert(vec![server], server_key)
                .unwrap(),
        ),
        client: Arc::new(known),
    };
    let recording = configs.record(|builder| builder, echo);
    // TLS 1.3 lets a client speak before it is looked at.
    let mut nobody = over(recording.running.connect(), Arc::new(unknown));
    let refused = nobody.write_all(b"ping").and_then(|()| nobody.read_exact(&mut [0; 4]));
    assert!(refused.is_err());
    wait_until("it fails", || handshakes_failed(&recording) == 1);
    assert!(recording.drain().is_empty());
    let mut stream = configs.over(recording.running.connect());
    stream.write_all(b"ping").unwrap();
    stream.read_exact(&mut [0; 4]).unwrap();
    recording.on_loop(move |connections| {
        connections.for_each(|connection| {
            let shown = connection.tls().and_then(|tls| tls.peer_certificates());
            assert_eq!(shown, Some(&[client.clone()][..]));
        });
    });
}

#[derive(Debug)]
struct Panicking;

impl ResolvesServerCert for Panicking {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        panic!("a resolver that panics");
    }
}

#[test]
fn a_panic_of_ones_own_resolver_costs_one_connection() {
    let mut configs = Configs::new();
    let resolver = Arc::new(Panicking);
    let server = ServerConfig::builder().with_no_client_auth().with_cert_resolver(resolver);
    configs.server = Arc::new(server);
    let recording = configs.record(|builder| builder, swallow);
    for count in 1..3 {
        let mut stream = configs.over(recording.running.connect());
        assert!(stream.write_all(b"ping").is_err());
        wait_until("it fails", || handshakes_failed(&recording) == count);
    }
}
