//! Clients that get a connection, lose it, and get another.

use crate::client_support::{BlackHole, LOOPBACK, call, quick, refusing};
use crate::support::{Event, PATIENCE, Recorder, echo, record, swallow, wait_until};
use reactor::{CloseReason, ConnectionOptions, EventLoopThread, TcpClient};
use std::io::{ErrorKind, Read};
use std::net::TcpListener;
use std::sync::mpsc;
use std::time::Duration;

#[test]
fn a_client_talks_and_disconnects() {
    let server = record(|builder| builder, echo);
    let calling = call([server.running.server.local_addr()], |builder| builder, swallow);
    let connection = calling.next_connected();
    assert!(calling.client.is_connected());
    connection.send(&b"hello"[..]);
    loop {
        match calling.next() {
            Event::Message(id, bytes) => {
                assert_eq!((id, &bytes[..]), (connection.id(), &b"hello"[..]));
                break;
            }
            Event::WriteComplete => {}
            other => panic!("{other:?} instead of a message"),
        }
    }
    calling.client.disconnect();
    assert!(matches!(calling.next(), Event::EndOfStream));
    let end = calling.next();
    assert!(matches!(end, Event::Closed(_, CloseReason::EndOfStream)), "{end:?}");
    wait_until("it is counted out", || !calling.client.is_connected());
    assert!(calling.finish().is_empty(), "nothing follows");
}

#[test]
fn what_was_sent_before_a_disconnect_arrives() {
    let listener = TcpListener::bind(LOOPBACK).unwrap();
    let calling = call([listener.local_addr().unwrap()], |builder| builder, swallow);
    let connection = calling.next_connected();
    let (mut stream, _) = listener.accept().unwrap();
    let block = vec![7; 1 << 20];
    connection.send(block.clone());
    calling.client.disconnect();
    let mut received = Vec::new();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.read_to_end(&mut received).unwrap();
    assert!(received == block);
}

#[test]
fn the_options_of_the_connection_hold() {
    let listener = TcpListener::bind(LOOPBACK).unwrap();
    let options =
        ConnectionOptions { high_water: 20, low_water: 10, output_cap: 100, ..Default::default() };
    let address = listener.local_addr().unwrap();
    let calling =
        call([address], |builder| builder.connection_options(options), |_connection, _input| {});
    calling.next_connected();
    let (sender, receiver) = mpsc::channel();
    calling.on_loop(move |connections| {
        let id = connections.ids()[0];
        let mut connection = connections.get(id).unwrap();
        sender.send((connection.tcp_no_delay().unwrap(), connection.send(&[0; 101]))).unwrap();
    });
    assert_eq!(receiver.recv(), Ok((true, reactor::SendStatus::Full)));
    assert!(matches!(calling.next(), Event::Closed(_, CloseReason::OutputOverflow)));
}

#[test]
fn addresses_are_tried_in_turn() {
    let (_refusing, refused) = refusing();
    let black_hole = BlackHole::new();
    let server = record(|builder| builder, swallow);
    let served = server.running.server.local_addr();
    let calling = call(
        [refused, black_hole.address, served],
        |builder| builder.connect_timeout(Duration::from_millis(50)),
        swallow,
    );
    assert_eq!(calling.next_failed(), (refused, ErrorKind::ConnectionRefused));
    assert_eq!(calling.next_failed(), (black_hole.address, ErrorKind::TimedOut));
    calling.next_connected();
    let (sender, receiver) = mpsc::channel();
    calling.on_loop(move |connections| {
        connections.for_each(|connection| sender.send(connection.peer_addr()).unwrap());
    });
    assert_eq!(receiver.recv(), Ok(served));
}

#[test]
fn a_lost_connection_is_made_good_if_so_asked() {
    let listener = TcpListener::bind(LOOPBACK).unwrap();
    let address = listener.local_addr().unwrap();
    let calling = call([address], |builder| builder.enable_retry(true), swallow);
    for _ in 0..3 {
        calling.next_connected();
        drop(listener.accept().unwrap());
        assert!(matches!(calling.next(), Event::EndOfStream));
        assert!(matches!(calling.next(), Event::Closed(_, CloseReason::EndOfStream)));
    }
    calling.next_connected();
    calling.client.stop();
    drop(listener.accept().unwrap());
    assert!(matches!(calling.next(), Event::EndOfStream));
    assert!(matches!(calling.next(), Event::Closed(_, CloseReason::EndOfStream)));
    let events = calling.events_within(Duration::from_millis(100));
    assert!(events.is_empty(), "{events:?} although it was stopped");
    calling.client.connect();
    calling.next_connected();
}

#[test]
fn a_lost_connection_stays_lost_by_default() {
    let listener = TcpListener::bind(LOOPBACK).unwrap();
    let calling = call([listener.local_addr().unwrap()], |builder| builder, swallow);
    calling.next_connected();
    drop(listener.accept().unwrap());
    assert!(matches!(calling.next(), Event::EndOfStream));
    assert!(matches!(calling.next(), Event::Closed(_, CloseReason::EndOfStream)));
    let events = calling.events_within(Duration::from_millis(100));
    assert!(events.is_empty(), "{events:?}");
}

#[test]
fn to_connect_while_it_disconnects_brings_another_connection() {
    let listener = TcpListener::bind(LOOPBACK).unwrap();
    let calling = call([listener.local_addr().unwrap()], |builder| builder, swallow);
    let first = calling.next_connected();
    let (stream, _) = listener.accept().unwrap();
    calling.client.disconnect();
    calling.client.connect();
    calling.client.connect();
    let events = calling.events_within(Duration::from_millis(50));
    assert!(events.is_empty(), "{events:?} before the first has ended");
    drop(stream);
    assert!(matches!(calling.next(), Event::EndOfStream));
    assert!(matches!(calling.next(), Event::Closed(_, CloseReason::EndOfStream)));
    assert_ne!(calling.next_connected().id(), first.id());
}

#[test]
fn many_clients_live_on_one_loop() {
    const CLIENTS: usize = 300;
    let server = record(|builder| builder, echo);
    let address = server.running.server.local_addr();
    let ((events_in, events), (sender, receiver)) = (mpsc::channel(), mpsc::channel());
    let client_loop = EventLoopThread::start("clients", move |event_loop| {
        let start = |_| {
            let recorder = Recorder::new(events_in.clone(), swallow);
            let client =
                quick(TcpClient::builder([address])).start(event_loop, |_handle| recorder).unwrap();
            client.connect();
            client
        };
        let clients: Vec<_> = (0..CLIENTS).map(start).collect();
        sender.send(clients).unwrap();
    });
    let clients = receiver.recv().unwrap();
    let mut echoed = 0;
    while echoed < CLIENTS {
        match events.recv_timeout(PATIENCE).expect("an event in time") {
            Event::Connected(connection) => connection.send(&b"x"[..]),
            Event::Message(..) => echoed += 1,
            _ => {}
        }
    }
    assert_eq!(server.running.server.connection_count(), CLIENTS);
    drop(clients);
    wait_until("all have left", || server.running.server.connection_count() == 0);
    let ended = events.iter().filter(|event| matches!(event, Event::Closed(..))).count();
    assert_eq!(ended, CLIENTS, "and every service is gone");
    drop(client_loop);
}
