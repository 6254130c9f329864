//! TLS on real sockets: clients.

use crate::client_support::{LOOPBACK, call};
use crate::support::{Event, echo, wait_until};
use crate::tls_support::{Configs, handshakes_failed, name};
use reactor::CloseReason;
use reactor::rustls::pki_types::ServerName;
use std::io::ErrorKind;
use std::net::TcpListener;
use std::time::Duration;

#[test]
fn a_client_is_connected_when_tls_is_agreed_on() {
    let configs = Configs::new();
    let server = configs.record(|builder| builder, echo);
    let config = configs.client;
    let calling = call(
        [server.running.server.local_addr()],
        move |builder| builder.tls(config, name()),
        crate::support::swallow,
    );
    let handle = calling.next_connected();
    handle.send(&b"ping"[..]);
    let Event::WriteComplete = calling.next() else { panic!("it is written first") };
    assert!(matches!(calling.next(), Event::Message(_, bytes) if bytes == b"ping"));
    calling.client.disconnect();
    assert!(matches!(calling.next(), Event::EndOfStream));
    assert!(matches!(calling.next(), Event::Closed(_, CloseReason::EndOfStream)));
    let reason = server.wait_closed().1;
    assert_eq!(reason, CloseReason::EndOfStream);
}

#[test]
fn a_server_of_another_name_is_a_failure_that_is_tried_again() {
    let configs = Configs::new();
    let server = configs.record(|builder| builder, echo);
    let config = configs.client;
    let other = ServerName::try_from("example.org").unwrap();
    let calling = call(
        [server.running.server.local_addr()],
        move |builder| builder.tls(config, other).max_attempts(3),
        crate::support::swallow,
    );
    for expected in 1..=3 {
        match calling.next() {
            Event::ConnectFailed { kind, attempt, retries, .. } => {
                assert_eq!((kind, attempt), (ErrorKind::InvalidData, expected));
                assert_eq!(retries, expected < 3);
            }
            other => panic!("{other:?} instead of a failure"),
        }
    }
    wait_until("the server knows", || handshakes_failed(&server) == 3);
    assert!(server.drain().is_empty());
}

#[test]
fn a_server_that_says_nothing_is_given_up() {
    let listener = TcpListener::bind(LOOPBACK).unwrap();
    let configs = Configs::new();
    let options = reactor::ConnectionOptions {
        handshake_timeout: Some(Duration::from_millis(20)),
        ..Default::default()
    };
    let calling = call(
        [listener.local_addr().unwrap()],
        move |builder| {
            builder.tls(configs.client, name()).connection_options(options).max_attempts(1)
        },
        crate::support::swallow,
    );
    assert_eq!(calling.next_failed().1, ErrorKind::TimedOut);
}

#[test]
fn a_client_may_be_dropped_or_disconnected_while_it_shakes_hands() {
    let listener = TcpListener::bind(LOOPBACK).unwrap();
    for drops in [false, true] {
        let configs = Configs::new();
        let calling = call(
            [listener.local_addr().unwrap()],
            move |builder| builder.tls(configs.client, name()),
            crate::support::swallow,
        );
        let (peer, _) = listener.accept().unwrap();
        // Its first words are there: the connection is up, and TLS is not.
        let mut first = [0; 1];
        std::io::Read::read_exact(&mut &peer, &mut first).unwrap();
        assert_eq!(first, [22]);
        if drops {
            assert!(calling.finish().is_empty());
        } else {
            calling.client.disconnect();
            // The connection ends, and nobody is told of it.
            let mut rest = Vec::new();
            let _reset_or_end = std::io::Read::read_to_end(&mut &peer, &mut rest);
            assert!(calling.finish().is_empty());
        }
    }
}
