//! A service that opens connections itself, and links them with those that it accepted.

use crate::client_support::{BlackHole, LOOPBACK, refusing};
use crate::support::{
    PATIENCE, Running, echo, read_exactly, read_to_end, record, reset, serve, swallow, wait_until,
};
use reactor::{
    Address, Buffer, CloseReason, ConnectFailure, Connection, ConnectionId, ConnectionOptions,
    Connections, Service,
};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::time::Duration;

/// Who a connection is to be linked with; nobody knows of one that was accepted.
#[derive(Default)]
struct Partner(Option<ConnectionId>);

/// What a proxy went through.
#[derive(Debug, PartialEq)]
pub(crate) enum Event {
    Failed(Address, ErrorKind),
    Message,
    Closed(CloseReason),
}

/// Connects every client to `target`.
struct Proxy {
    target: SocketAddr,
    timeout: Duration,
    events: mpsc::Sender<Event>,
}

impl Service for Proxy {
    type State = Partner;
    type Post = ();

    fn on_connected(&mut self, connection: &mut Connection<'_, Partner>) {
        let id = connection.id();
        match connection.state().0 {
            None => {
                let (target, timeout) = (self.target, self.timeout);
                connection.stop_reading();
                connection.connections().connect(target, timeout, Partner(Some(id)));
            }
            Some(client) => {
                assert!(connection.connections().link(client, id));
                assert!(!connection.connections().link(client, id), "once is enough");
            }
        }
    }

    fn on_message(&mut self, _connection: &mut Connection<'_, Partner>, input: &mut Buffer) {
        input.retrieve_all();
        self.events.send(Event::Message).unwrap();
    }

    fn on_closed(&mut self, _connection: &mut Connection<'_, Partner>, reason: CloseReason) {
        self.events.send(Event::Closed(reason)).unwrap();
    }

    fn on_connect_failed(
        &mut self,
        connections: &mut Connections<'_, Partner>,
        failure: &ConnectFailure,
    ) {
        assert!(connections.get(failure.connection.unwrap()).is_none());
        self.events.send(Event::Failed(failure.address.clone(), failure.error.kind())).unwrap();
        connections.for_each(|connection| connection.force_close());
    }
}

pub(crate) fn proxy(target: SocketAddr, timeout: Duration) -> (Running<()>, mpsc::Receiver<Event>) {
    let (sender, events) = mpsc::channel();
    // Small marks, so that a test need not send much to reach them.
    let options = ConnectionOptions { high_water: 64 << 10, low_water: 0, ..Default::default() };
    let running = serve(
        |builder| builder.connection_options(options),
        move |_seat| Proxy { target, timeout, events: sender.clone() },
    );
    (running, events)
}

pub(crate) fn next(events: &mpsc::Receiver<Event>) -> Event {
    events.recv_timeout(PATIENCE).expect("an event in time")
}

fn pattern(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|at| (at % 251) as u8).collect()
}

#[test]
fn what_comes_in_goes_out_in_both_directions_until_both_have_ended() {
    let echoing = record(|builder| builder, echo);
    let (running, events) = proxy(echoing.running.server.local_addr(), PATIENCE);
    let client = running.connect();
    let mut writer = client.try_clone().unwrap();
    let sent = pattern(16 << 20);
    let bytes = sent.clone();
    let writing = std::thread::spawn(move || {
        writer.write_all(&bytes).unwrap();
        writer.shutdown(Shutdown::Write).unwrap();
    });
    assert!(read_to_end(&client) == sent);
    writing.join().unwrap();
    for _ in 0..2 {
        assert_eq!(next(&events), Event::Closed(CloseReason::EndOfStream));
    }
    wait_until("both are counted out", || running.server.connection_count() == 0);
}

#[test]
fn a_half_that_is_closed_leaves_the_other_open() {
    let listener = TcpListener::bind(LOOPBACK).unwrap();
    let (running, _events) = proxy(listener.local_addr().unwrap(), PATIENCE);
    let mut client = running.connect();
    let (target, _) = listener.accept().unwrap();
    client.write_all(b"question").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_to_end(&target), b"question");
    (&target).write_all(b"answer").unwrap();
    assert_eq!(read_exactly(&client, 6), b"answer");
    drop(target);
    assert_eq!(read_to_end(&client), b"");
}

#[test]
fn a_reader_that_is_slow_holds_the_sender_back() {
    let listener = TcpListener::bind(LOOPBACK).unwrap();
    let (running, _events) = proxy(listener.local_addr().unwrap(), PATIENCE);
    let mut client = running.connect();
    let (mut target, _) = listener.accept().unwrap();
    client.set_write_timeout(Some(Duration::from_millis(300))).unwrap();
    let block = pattern(1 << 20);
    let mut sent = Vec::new();
    // Far more than all kernel buffers on the way; without back-pressure it would never block.
    while sent.len() < 256 << 20 {
        match client.write(&block) {
            Ok(count) => sent.extend_from_slice(&block[..count]),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                break;
            }
        }
    }
    assert!(sent.len() < 256 << 20, "the proxy took all of it");
    client.shutdown(Shutdown::Write).unwrap();
    let mut received = Vec::new();
    target.read_to_end(&mut received).unwrap();
    assert!(received == sent, "{} of {} bytes came", received.len(), sent.len());
}

#[test]
fn a_reset_on_one_side_ends_the_other_after_its_output() {
    let listener = TcpListener::bind(LOOPBACK).unwrap();
    let (running, events) = proxy(listener.local_addr().unwrap(), PATIENCE);
    let client = running.connect();
    let (mut target, _) = listener.accept().unwrap();
    target.write_all(b"last words").unwrap();
    assert_eq!(read_exactly(&client, 10), b"last words");
    reset(target);
    assert_eq!(next(&events), Event::Closed(CloseReason::Error(ErrorKind::ConnectionReset)));
    assert_eq!(next(&events), Event::Closed(CloseReason::Closed));
    assert_eq!(read_to_end(&client), b"");
}

#[test]
fn input_that_came_before_the_link_is_passed_on() {
    let echoing = record(|builder| builder, echo);
    let (running, events) = proxy(echoing.running.server.local_addr(), PATIENCE);
    // Sent before the proxy can have connected, and the end as well.
    let mut client = TcpStream::connect(running.server.local_addr()).unwrap();
    client.write_all(b"early").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(read_to_end(&client), b"early");
    assert!(matches!(next(&events), Event::Closed(_)), "the service saw none of it");
}

#[test]
fn a_target_that_refuses_or_is_silent_is_told() {
    let (_refusing, refused) = refusing();
    let (running, events) = proxy(refused, PATIENCE);
    let _client = running.connect();
    assert_eq!(next(&events), Event::Failed(refused.into(), ErrorKind::ConnectionRefused));
    assert_eq!(next(&events), Event::Closed(CloseReason::Closed));

    let black_hole = BlackHole::new();
    let (running, events) = proxy(black_hole.address, Duration::from_millis(50));
    let _client = running.connect();
    assert_eq!(next(&events), Event::Failed(black_hole.address.into(), ErrorKind::TimedOut));
    wait_until("neither is counted", || running.server.connection_count() == 0);
}

#[test]
fn a_server_that_stops_gives_up_what_it_was_opening() {
    let black_hole = BlackHole::new();
    let (mut running, events) = proxy(black_hole.address, PATIENCE);
    let _client = running.connect();
    wait_until("it is at it", || running.server.connection_count() == 2);
    running.server.stop(Duration::ZERO);
    assert_eq!(next(&events), Event::Closed(CloseReason::Stopped));
    let aborted = Event::Failed(black_hole.address.into(), ErrorKind::ConnectionAborted);
    assert_eq!(next(&events), aborted);
}

#[test]
fn an_ordinary_server_is_not_troubled_by_links() {
    let recording = record(|builder| builder, swallow);
    let (_first, first) = recording.connect();
    let (first, gone) = (first.id(), ConnectionId::from_u64(0));
    assert!(!recording.on_loop(move |connections| connections.link(first, first)));
    assert!(!recording.on_loop(move |connections| connections.link(first, gone)));
}
