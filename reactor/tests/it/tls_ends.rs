//! TLS on real sockets: beginnings and ends that are easily missed.

use crate::client_support::{LOOPBACK, call};
use crate::support::{Event, read_to_end, record, swallow};
use crate::tls_support::{Configs, name};
use reactor::Tls;
use std::io::{Read, Write};
use std::net::TcpListener;

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
