//! Who is let in.

use crate::support::{Recorder, echo, read_exactly, read_to_end, record, reset, wait_until};
use reactor::{ConnectionOptions, EventLoop, TcpServer};
use std::io::{ErrorKind, Write};
use std::time::Duration;

#[test]
fn connections_above_the_limit_are_closed_at_once() {
    let recording = record(|builder| builder.max_connections(2), echo);
    let (one, _) = recording.connect();
    let (mut two, _) = recording.connect();
    let three = recording.running.connect();
    assert_eq!(read_to_end(&three), b"");
    assert_eq!(recording.running.server.stats().refused_by_limit, 1);
    two.write_all(b"x").unwrap();
    assert_eq!(read_exactly(&two, 1), b"x");
    drop(one);
    recording.wait_closed();
    wait_until("room again", || recording.running.server.connection_count() == 1);
    let (mut four, _) = recording.connect();
    four.write_all(b"y").unwrap();
    assert_eq!(read_exactly(&four, 1), b"y");
}

#[test]
fn the_filter_is_asked_for_every_connection() {
    let recording = record(
        |builder| {
            let mut asked = 0;
            builder.accept_filter(move |peer| {
                assert!(peer.ip().is_loopback());
                asked += 1;
                asked > 1
            })
        },
        echo,
    );
    assert_eq!(read_to_end(&recording.running.connect()), b"");
    let (mut stream, _) = recording.connect();
    stream.write_all(b"x").unwrap();
    assert_eq!(read_exactly(&stream, 1), b"x");
    let stats = recording.running.server.stats();
    assert_eq!((stats.refused_by_filter, stats.accepted), (1, 1));
}

#[test]
fn more_clients_at_once_than_one_turn_accepts() {
    let recording = record(|builder| builder, echo);
    let release = recording.hold_loop();
    let streams: Vec<_> = (0..200).map(|_| recording.running.connect()).collect();
    release.send(()).unwrap();
    for mut stream in &streams {
        stream.write_all(b"x").unwrap();
        assert_eq!(read_exactly(stream, 1), b"x");
    }
    assert_eq!(recording.running.main_loop.handle().stats().accepted, 200);
}

#[test]
fn clients_that_are_gone_before_they_are_accepted_hold_nobody_up() {
    let recording = record(|builder| builder, echo);
    let release = recording.hold_loop();
    // More than one turn accepts.
    for _ in 0..100 {
        reset(recording.running.connect());
    }
    let mut stream = recording.running.connect();
    release.send(()).unwrap();
    stream.write_all(b"x").unwrap();
    assert_eq!(read_exactly(&stream, 1), b"x");
    wait_until("it alone is left", || recording.running.server.connection_count() == 1);
}

#[test]
fn connections_inherit_the_options_of_the_listener() {
    for no_delay in [true, false] {
        let options = ConnectionOptions {
            tcp_no_delay: no_delay,
            keep_alive: Some(Duration::from_secs(77)),
            ..Default::default()
        };
        let recording = record(move |builder| builder.connection_options(options), echo);
        let (_stream, handle) = recording.connect();
        let id = handle.id();
        let seen = recording.on_loop(move |connections| {
            let connection = connections.get(id).unwrap();
            let before = connection.tcp_no_delay().unwrap();
            connection.set_tcp_no_delay(!before).unwrap();
            (before, connection.tcp_no_delay().unwrap())
        });
        assert_eq!(seen, (no_delay, !no_delay));
    }
}

#[test]
fn options_that_contradict_each_other_are_an_error() {
    let mut event_loop = EventLoop::new().unwrap();
    for options in [
        ConnectionOptions { read_budget: 0, ..Default::default() },
        ConnectionOptions { output_cap: 100, ..Default::default() },
        ConnectionOptions { low_water: 5 << 20, ..Default::default() },
    ] {
        let error = TcpServer::builder("127.0.0.1:0".parse().unwrap())
            .connection_options(options)
            .start::<Recorder>(&mut event_loop, |_seat| unreachable!("not started"))
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().starts_with("cannot use the connection options: "), "{error}");
    }
}

#[test]
fn connections_know_both_addresses() {
    let recording = record(|builder| builder, echo);
    let (stream, handle) = recording.connect();
    let id = handle.id();
    let (peer, local) = recording.on_loop(move |connections| {
        let connection = connections.get(id).unwrap();
        (connection.peer_addr(), connection.local_addr().unwrap())
    });
    assert_eq!((peer, local), (stream.local_addr().unwrap(), stream.peer_addr().unwrap()));
}
