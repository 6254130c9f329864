//! Ending servers: with grace, at a deadline, by dropping them.

use crate::support::{
    Action, Echo, PATIENCE, Recorder, echo, read_exactly, read_to_end, record, serve, swallow,
};
use reactor::{Buffer, CloseReason, Connection, Connections, EventLoop, Service, TcpServer};
use std::io::{ErrorKind, Write};
use std::net::TcpStream;
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Says good-bye when stopped.
struct Polite {
    closed: mpsc::Sender<CloseReason>,
}

impl Service for Polite {
    type State = ();
    type Post = ();

    fn on_message(&mut self, _connection: &mut Connection<'_, ()>, input: &mut Buffer) {
        input.retrieve_all();
    }

    fn on_closed(&mut self, _connection: &mut Connection<'_, ()>, reason: CloseReason) {
        self.closed.send(reason).unwrap();
    }

    fn on_stop(&mut self, connections: &mut Connections<'_, ()>) {
        connections.for_each(|connection| {
            connection.send(b"bye");
            connection.shutdown();
        });
    }
}

#[test]
fn a_graceful_stop_lets_peers_finish() {
    let (closed, reasons) = mpsc::channel();
    let mut running =
        serve(|builder| builder.threads(2), move |_seat| Polite { closed: closed.clone() });
    let streams: Vec<_> = (0..4).map(|_| running.connect()).collect();
    crate::support::wait_until("all connected", || running.server.connection_count() == 4);
    let clients: Vec<_> = streams
        .into_iter()
        .map(|stream| std::thread::spawn(move || read_to_end(&stream)))
        .collect();
    running.server.stop(PATIENCE);
    for client in clients {
        assert_eq!(client.join().unwrap(), b"bye");
    }
    assert_eq!(reasons.try_iter().collect::<Vec<_>>(), [CloseReason::EndOfStream; 4]);
    assert_eq!(running.server.connection_count(), 0);
}

#[test]
fn the_deadline_closes_peers_that_stay() {
    let (closed, reasons) = mpsc::channel();
    let mut running =
        serve(|builder| builder.threads(1), move |_seat| Polite { closed: closed.clone() });
    let stream = running.connect();
    crate::support::wait_until("connected", || running.server.connection_count() == 1);
    let start = Instant::now();
    running.server.stop(Duration::from_millis(20));
    assert!((Duration::from_millis(20)..PATIENCE).contains(&start.elapsed()));
    assert_eq!(reasons.try_iter().collect::<Vec<_>>(), [CloseReason::Stopped]);
    assert_eq!(read_exactly(&stream, 3), b"bye");
    running.server.stop(PATIENCE);
}

#[test]
fn a_server_without_threads_stops_as_its_loop_runs() {
    let mut event_loop = EventLoop::new().unwrap();
    let (closed, reasons) = mpsc::channel();
    let address = "127.0.0.1:0".parse().unwrap();
    let mut server = TcpServer::builder(address)
        .start(&mut event_loop, move |_seat| Polite { closed: closed.clone() })
        .unwrap();
    let stream = TcpStream::connect(server.local_addr()).unwrap();
    while server.connection_count() == 0 {
        event_loop.run_once(Some(PATIENCE)).unwrap();
    }
    server.stop(Duration::from_millis(5));
    while server.connection_count() > 0 {
        event_loop.run_once(Some(PATIENCE)).unwrap();
    }
    assert_eq!(reasons.try_recv(), Ok(CloseReason::Stopped));
    assert_eq!(read_exactly(&stream, 3), b"bye");
    assert!(server.handles()[0].post(()).is_err(), "the service is gone");
}

#[test]
fn after_stop_accepting_old_connections_stay() {
    let recording = record(|builder| builder, echo);
    let (mut stream, _handle) = recording.connect();
    recording.running.server.stop_accepting();
    let address = recording.running.server.local_addr();
    let refused = TcpStream::connect(address).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    stream.write_all(b"still here").unwrap();
    assert_eq!(read_exactly(&stream, 10), b"still here");
}

#[test]
fn a_stopped_servers_port_can_be_listened_on_again() {
    let recording = record(|builder| builder, echo);
    let (stream, _handle) = recording.connect();
    let address = recording.running.server.local_addr();
    drop(recording);
    let mut event_loop = EventLoop::new().unwrap();
    let (closed, _reasons) = mpsc::channel();
    let again = TcpServer::builder(address)
        .start(&mut event_loop, move |_seat| Polite { closed: closed.clone() })
        .unwrap();
    assert_eq!(again.local_addr(), address);
    drop(stream);
}

#[test]
fn dropping_a_server_closes_its_connections() {
    let recording = record(|builder| builder.threads(2), swallow);
    let (stream, _handle) = recording.connect();
    drop(recording);
    assert_eq!(read_to_end(&stream), b"");
}

#[test]
fn dropping_a_loop_tells_services_of_the_end() {
    let (closed, reasons) = mpsc::channel();
    let mut event_loop = EventLoop::new().unwrap();
    let server = TcpServer::builder("127.0.0.1:0".parse().unwrap())
        .start(&mut event_loop, move |_seat| Polite { closed: closed.clone() })
        .unwrap();
    let _stream = TcpStream::connect(server.local_addr()).unwrap();
    while server.connection_count() == 0 {
        event_loop.run_once(Some(PATIENCE)).unwrap();
    }
    drop(event_loop);
    assert_eq!(reasons.try_iter().collect::<Vec<_>>(), [CloseReason::Stopped]);
}

#[test]
fn a_service_whose_loop_ended_counts_no_connections_and_gets_none() {
    let mut running = serve(|builder| builder.threads(2), |_seat| Echo);
    let _streams: Vec<_> = (0..4).map(|_| running.connect()).collect();
    let server = &running.server;
    crate::support::wait_until("all live", || {
        server.loops().iter().all(|handle| handle.stats().connections == 2)
    });
    server.loops()[0].quit();
    crate::support::wait_until("its own are forgotten", || server.connection_count() == 2);
    crate::support::wait_until("it is gone", || server.handles()[0].post(()).is_err());
    // The first client that comes to its turn is lost, and is the last that is.
    let served = (0..6).filter(|_| {
        let mut stream = running.connect();
        let sent = stream.write_all(b"x");
        sent.is_ok() && matches!(std::io::Read::read(&mut stream, &mut [0]), Ok(1))
    });
    assert_eq!(served.count(), 5);
    running.server.stop(Duration::ZERO);
    assert_eq!(running.server.connection_count(), 0);
}

#[test]
fn an_address_in_use_is_an_error() {
    let recording = record(|builder| builder, swallow);
    let address = recording.running.server.local_addr();
    let mut event_loop = EventLoop::new().unwrap();
    let error = TcpServer::builder(address)
        .start::<Recorder>(&mut event_loop, |_seat| unreachable!("not listening"))
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
    assert_eq!((error.operation(), error.subject()), ("listen on", &*address.to_string()));
}

#[test]
fn a_factory_that_panics_is_an_error() {
    let mut event_loop = EventLoop::new().unwrap();
    let error = TcpServer::builder("127.0.0.1:0".parse().unwrap())
        .threads(2)
        .start::<Recorder>(&mut event_loop, |seat: reactor::Seat<Action>| {
            panic!("on purpose in seat {}", seat.index)
        })
        .unwrap_err();
    assert_eq!(error.to_string(), "cannot make a service: its factory panicked");
}
