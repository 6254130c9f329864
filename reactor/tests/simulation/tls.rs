//! TLS, one step at a time.

use crate::tls_stage::{Stage, Told, swallow};
use crate::world::localhost::Configs;
use reactor::{Buffer, CloseReason, Connection, ConnectionOptions, Tls};
use std::io::{ErrorKind, Read, Write};
use std::sync::Arc;
use std::time::Duration;

#[test]
fn a_flood_of_small_records_gets_its_budget_and_no_more() {
    const RECORDS: usize = 100_000;
    let mut stage = Stage::shaken(&Configs::new(), |builder| builder);
    let mut records = Vec::new();
    for _ in 0..RECORDS {
        records.extend(stage.seal(b"x"));
    }
    let bytes_a_record = records.len() / RECORDS;
    assert_eq!(stage.peer.send(&records), records.len());
    let turn_max = (ConnectionOptions::default().read_budget + 64 * 1024) / bytes_a_record;
    let mut total = 0;
    while total < RECORDS {
        stage.turn();
        let read: usize = stage.told().iter().map(length).sum();
        assert!(read <= turn_max, "{read} records in a turn");
        total += read;
    }
}

fn length(told: &Told) -> usize {
    match told {
        Told::Message(bytes) => bytes.len(),
        Told::Closed(reason) => panic!("{reason:?}"),
    }
}

#[test]
fn a_record_that_comes_slowly_is_no_silence() {
    let limit = Some(Duration::from_millis(100));
    let options =
        ConnectionOptions { idle_timeout: limit, read_timeout: limit, ..Default::default() };
    let mut stage = Stage::shaken(&Configs::new(), |builder| builder.connection_options(options));
    for piece in stage.seal(&[b'x'; 10_000]).chunks(1000) {
        assert_eq!(stage.peer.send(piece), piece.len());
        stage.rest(Duration::from_millis(60));
    }
    assert_eq!(stage.told(), [Told::Message(vec![b'x'; 10_000])]);
}

/// Starts TLS at the first message, and then does what else there is to do.
fn starting(
    configs: &Configs,
    and_then: fn(&mut Connection<'_, ()>),
) -> impl Fn(&mut Connection<'_, ()>, &mut Buffer) + Send + Sync + Clone + 'static {
    let tls = Tls::Server(configs.server.clone());
    move |connection, input| {
        input.retrieve_all();
        if connection.tls().is_none() {
            connection.start_tls(&tls, input).unwrap();
            and_then(connection);
        }
    }
}

#[test]
fn a_handshake_is_read_though_reading_is_stopped() {
    let configs = Configs::new();
    let react = starting(&configs, |connection| {
        connection.send(b"hello");
        connection.stop_reading();
    });
    let mut stage = Stage::new(&configs, |builder| builder, react);
    stage.peer.send(b"STARTTLS");
    stage.turn();
    stage.shake_hands();
    stage.exchange();
    assert_eq!(stage.received(), b"hello");
    let records = stage.seal(b"later");
    stage.peer.send(&records);
    stage.turn();
    assert_eq!(stage.told(), [Told::Message(b"STARTTLS".to_vec())]);
    stage.act(|connection| connection.start_reading());
    stage.turn();
    assert_eq!(stage.told(), [Told::Message(b"later".to_vec())]);
}

#[test]
fn an_end_that_was_asked_for_follows_the_handshake() {
    type End = fn(&mut Connection<'_, ()>);
    let ends: [End; 2] = [
        |connection| connection.shutdown(),
        |connection| {
            connection.stop_reading();
            connection.close_after_flush();
        },
    ];
    for end in ends {
        let mut configs = Configs::new();
        // Nothing is left to be sent when the peer has finished.
        Arc::get_mut(&mut configs.server).unwrap().send_tls13_tickets = 0;
        let options = ConnectionOptions {
            handshake_timeout: None,
            closing_timeout: None,
            ..Default::default()
        };
        let react = starting(&configs, end);
        let mut stage = Stage::new(&configs, |builder| builder.connection_options(options), react);
        stage.peer.send(b"STARTTLS");
        stage.turn();
        stage.shake_hands();
        stage.exchange_until("the end comes", |stage| {
            matches!(stage.tls.reader().read(&mut [0]), Ok(0))
        });
    }
}

#[test]
fn a_handshake_fails_whatever_patience_ends_first() {
    let configs = Configs::new();
    let limit = Some(Duration::from_millis(50));
    for options in [
        ConnectionOptions { handshake_timeout: limit, ..Default::default() },
        ConnectionOptions { idle_timeout: limit, ..Default::default() },
        ConnectionOptions { closing_timeout: limit, ..Default::default() },
    ] {
        let react = starting(&configs, |connection| connection.shutdown());
        let mut stage = Stage::new(&configs, |builder| builder.connection_options(options), react);
        stage.peer.send(b"STARTTLS");
        stage.rest(Duration::from_millis(100));
        let told = stage.told();
        assert!(matches!(told[..], [Told::Message(_), Told::Closed(_)]), "{told:?}");
        assert_eq!(stage.event_loop.stats().handshakes_failed, 1, "{told:?}");
    }
}

#[test]
fn keys_change_in_the_middle() {
    let configs = Configs::new();
    let server = configs.server.clone();
    let echo = |connection: &mut Connection<'_, ()>, input: &mut Buffer| {
        connection.send(input.peek());
        input.retrieve_all();
    };
    let mut stage = Stage::new(&configs, |builder| builder.tls(server), echo);
    stage.shake_hands();
    for count in 1..100_u8 {
        // The other side is to change its keys too.
        stage.tls.refresh_traffic_keys().unwrap();
        stage.tls.writer().write_all(&[count]).unwrap();
        stage.exchange_until("an echo comes", |stage| stage.received() == [count]);
    }
}

#[test]
fn what_came_in_the_clear_is_not_taken_for_sealed() {
    let configs = Configs::new();
    let mut stage = Stage::new(&configs, |builder| builder, |_connection, _input| {});
    stage.peer.send(b"injected");
    stage.turn();
    let tls = Tls::Server(configs.server);
    let started = stage.act(move |connection| {
        connection.start_tls(&tls, &mut Buffer::new()).map_err(|error| error.kind())
    });
    assert_eq!(started, Err(ErrorKind::InvalidData));
    let closed = Told::Closed(CloseReason::Error(ErrorKind::InvalidData));
    assert_eq!(stage.told(), [Told::Message(b"injected".to_vec()), closed]);
}

#[test]
fn tls_is_not_started_with_a_peer_that_has_ended() {
    let configs = Configs::new();
    let mut stage = Stage::new(&configs, |builder| builder, swallow);
    stage.peer.shutdown();
    stage.turn();
    let tls = Tls::Server(configs.server);
    let started = stage.act(move |connection| {
        connection.start_tls(&tls, &mut Buffer::new()).map_err(|error| error.kind())
    });
    assert_eq!(started, Err(ErrorKind::NotConnected));
}
