//! Clients that do not get a connection, or not at once.

use crate::client_support::{BlackHole, LOOPBACK, call, refusing};
use crate::support::{Event, record, swallow};
use reactor::{ConnectionOptions, EventLoop, TcpClient, TcpClientBuilder};
use std::io::ErrorKind;
use std::net::TcpListener;
use std::time::{Duration, Instant};

#[test]
fn a_refused_client_connects_when_somebody_listens() {
    let (socket, address) = refusing();
    let calling = call([address], |builder| builder, swallow);
    for number in 1..=3 {
        match calling.next() {
            Event::ConnectFailed { address: tried, kind, attempt, retries } => {
                assert_eq!((tried, kind), (address, ErrorKind::ConnectionRefused));
                assert_eq!((attempt, retries), (number, true));
            }
            other => panic!("{other:?} instead of a failure"),
        }
    }
    socket.listen(8).unwrap();
    calling.wait_connected();
}

#[test]
fn an_attempt_takes_no_longer_than_the_connect_timeout() {
    let mut black_hole = BlackHole::new();
    let timeout = Duration::from_millis(50);
    let start = Instant::now();
    let calling =
        call([black_hole.address], move |builder| builder.connect_timeout(timeout), swallow);
    for number in 1..=2 {
        assert_eq!(calling.next_failed(), (black_hole.address, ErrorKind::TimedOut));
        assert!(start.elapsed() >= timeout * number);
    }
    black_hole.open();
    calling.wait_connected();
}

#[test]
fn a_stopped_client_gives_up() {
    let black_hole = BlackHole::new();
    let timeout = Duration::from_millis(100);
    let calling =
        call([black_hole.address], move |builder| builder.connect_timeout(timeout), swallow);
    // Comes after the first attempt began.
    assert!(calling.events_within(Duration::from_millis(10)).is_empty());
    let handle = calling.handle();
    std::thread::spawn(move || handle.stop()).join().unwrap();
    let events = calling.events_within(timeout * 2);
    assert!(events.is_empty(), "{events:?} although it was stopped");
    calling.client.connect();
    calling.next_failed();
    calling.client.disconnect();
    calling.client.connect();
    assert_eq!(calling.next_failed().1, ErrorKind::TimedOut, "the last wish counts");
}

#[test]
fn a_client_stopped_while_it_waits_gives_up() {
    let (socket, address) = refusing();
    let delay = Duration::from_millis(100);
    let calling = call([address], move |builder| builder.backoff(delay, delay), swallow);
    calling.next_failed();
    calling.client.stop();
    socket.listen(8).unwrap();
    let events = calling.events_within(delay * 2);
    assert!(events.is_empty(), "{events:?} although it was stopped");
    calling.client.connect();
    calling.next_connected();
}

#[test]
fn attempts_are_bounded() {
    let (_socket, address) = refusing();
    let calling = call([address], |builder| builder.max_attempts(2), swallow);
    for _ in 0..2 {
        for (number, more) in [(1, true), (2, false)] {
            match calling.next() {
                Event::ConnectFailed { attempt, retries, .. } => {
                    assert_eq!((attempt, retries), (number, more));
                }
                other => panic!("{other:?} instead of a failure"),
            }
        }
        let events = calling.events_within(Duration::from_millis(50));
        assert!(events.is_empty(), "{events:?} although it gave up");
        calling.client.connect();
    }
}

#[test]
fn a_connection_to_itself_is_refused() {
    // Stays bound, so that nobody else takes the port.
    let (_socket, address) = refusing();
    let calling = call([address], move |builder| builder.local_address(address), swallow);
    for _ in 0..2 {
        assert_eq!(calling.next_failed(), (address, ErrorKind::ConnectionRefused));
    }
    assert!(!calling.client.is_connected());
}

#[test]
fn a_local_address_of_others_is_told() {
    // Set aside for documentation (RFC 5737), so no machine has it.
    let foreign = "192.0.2.1:0".parse().unwrap();
    let listener = TcpListener::bind(LOOPBACK).unwrap();
    let address = listener.local_addr().unwrap();
    let calling = call([address], move |builder| builder.local_address(foreign), swallow);
    for _ in 0..2 {
        assert_eq!(calling.next_failed(), (address, ErrorKind::AddrNotAvailable));
    }
}

#[test]
fn new_addresses_are_used_from_the_next_attempt_on() {
    let (_socket, refused) = refusing();
    let server = record(|builder| builder, swallow);
    let calling = call([refused], |builder| builder, swallow);
    assert_eq!(calling.next_failed().0, refused);
    calling.client.set_addresses([]);
    assert_eq!(calling.next_failed().0, refused);
    calling.client.set_addresses([server.running.server.local_addr()]);
    calling.wait_connected();
}

#[test]
fn options_that_cannot_work_are_refused() {
    type Configure = fn(TcpClientBuilder) -> TcpClientBuilder;
    let bad: [Configure; 5] = [
        |builder| builder.connect_timeout(Duration::ZERO),
        |builder| builder.max_attempts(0),
        |builder| builder.backoff(Duration::ZERO, Duration::from_secs(1)),
        |builder| builder.backoff(Duration::from_secs(2), Duration::from_secs(1)),
        |builder| {
            let options = ConnectionOptions { read_budget: 0, ..Default::default() };
            builder.connection_options(options)
        },
    ];
    let mut event_loop = EventLoop::new().unwrap();
    let mut start = |builder: TcpClientBuilder| {
        builder.start(&mut event_loop, |_handle| crate::support::Recorder::deaf()).unwrap_err()
    };
    for configure in bad {
        let error = start(configure(TcpClient::builder([LOOPBACK])));
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    }
    assert_eq!(start(TcpClient::builder([])).kind(), ErrorKind::InvalidInput);
}
