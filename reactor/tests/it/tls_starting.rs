//! TLS on connections that began without.

use crate::support::{Event, Recording, echo, read_exactly, record};
use crate::tls_support::{Configs, handshakes_failed};
use reactor::{CloseReason, ConnectionOptions, Deadline, Tls};
use std::io::{ErrorKind, Read, Write};
use std::time::Duration;

/// Agrees on TLS in the clear, as SMTP does.
fn start_tls_when_asked(configs: &Configs) -> Recording {
    let tls = Tls::Server(configs.server.clone());
    record(
        |builder| builder,
        move |connection, input| {
            if connection.tls().is_none() && input.peek().starts_with(b"STARTTLS\n") {
                input.retrieve(9);
                connection.send(b"GO\n");
                connection.start_tls(&tls, input).unwrap();
                // Goes out when it can.
                connection.send(b"hello ");
            } else {
                echo(connection, input);
            }
        },
    )
}

#[test]
fn tls_may_start_in_the_middle() {
    let configs = Configs::new();
    let recording = start_tls_when_asked(&configs);
    let (mut stream, _handle) = recording.connect();
    stream.write_all(b"STARTTLS\n").unwrap();
    let go = read_exactly(&stream, 3);
    assert_eq!(go, b"GO\n");
    let mut stream = configs.over(stream);
    stream.write_all(b"world").unwrap();
    let mut bytes = [0; 11];
    stream.read_exact(&mut bytes).unwrap();
    assert_eq!(&bytes, b"hello world");
    let events = recording.drain();
    assert!(!events.iter().any(|event| matches!(event, Event::Connected(_))), "told once");
}

#[test]
fn tls_that_was_started_and_fails_closes_the_connection() {
    let configs = Configs::new();
    let recording = start_tls_when_asked(&configs);
    let (mut stream, handle) = recording.connect();
    stream.write_all(b"STARTTLS\n").unwrap();
    stream.write_all(b"no TLS at all\n").unwrap();
    let bad = CloseReason::Error(ErrorKind::InvalidData);
    assert_eq!(recording.wait_closed(), (handle.id(), bad));
    assert_eq!(handshakes_failed(&recording), 1);
}

#[test]
fn patience_with_tls_that_was_started_ends_too() {
    let configs = Configs::new();
    let tls = Tls::Server(configs.server);
    let options = ConnectionOptions {
        handshake_timeout: Some(Duration::from_millis(30)),
        ..Default::default()
    };
    let recording = record(
        |builder| builder.connection_options(options),
        move |connection, input| connection.start_tls(&tls, input).unwrap(),
    );
    let (mut stream, handle) = recording.connect();
    // The front of a record of 512 bytes.
    stream.write_all(&[22, 3, 1, 2, 0, 1]).unwrap();
    let late = CloseReason::Timeout(Deadline::Handshake);
    assert_eq!(recording.wait_closed(), (handle.id(), late));
}

#[test]
fn one_port_may_serve_both() {
    let configs = Configs::new();
    let tls = Tls::Server(configs.server.clone());
    let recording = record(
        |builder| builder,
        move |connection, input| {
            if connection.tls().is_none() && input.peek()[0] == 22 {
                connection.start_tls(&tls, input).unwrap();
            } else {
                echo(connection, input);
            }
        },
    );
    let mut sealed = configs.over(recording.running.connect());
    let mut plain = recording.running.connect();
    for _ in 0..3 {
        sealed.write_all(b"ping").unwrap();
        sealed.read_exact(&mut [0; 4]).unwrap();
        plain.write_all(b"ping").unwrap();
        plain.read_exact(&mut [0; 4]).unwrap();
    }
}

#[test]
fn tls_starts_once_and_not_behind_an_end() {
    let configs = Configs::new();
    let recording = start_tls_when_asked(&configs);
    let (_stream, _handle) = recording.connect();
    let tls = Tls::Server(configs.server);
    let kinds = recording.on_loop(move |connections| {
        let id = connections.ids()[0];
        let mut connection = connections.get(id).unwrap();
        let mut start = || {
            let result = connection.start_tls(&tls, &mut Default::default());
            result.err().map(|error| error.kind())
        };
        let kinds = [start(), start()];
        connection.shutdown();
        let kind = connection.start_tls(&tls, &mut Default::default()).unwrap_err().kind();
        (kinds, kind)
    });
    assert_eq!(kinds, ([None, Some(ErrorKind::AlreadyExists)], ErrorKind::NotConnected));
}
