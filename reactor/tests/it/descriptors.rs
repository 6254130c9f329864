//! Running out of descriptors, in a process of its own.

use crate::child::in_child;
use crate::client_support::{LOOPBACK, quick};
use crate::support::{
    Event, PATIENCE, Recorder, echo, read_exactly, read_to_end, record, swallow, wait_until,
};
use reactor::{EventLoop, TcpClient, TcpServer, reserve_descriptors};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use socket2::{Domain, Socket, Type};
use std::fs::File;
use std::io::Write;
use std::net::TcpStream;
use std::sync::mpsc;
use std::time::{Duration, Instant};

fn limit_descriptors(count: u64) {
    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: Some(count), maximum }).unwrap();
}

/// A socket made while there are descriptors, to be connected when there are none.
fn unconnected() -> Socket {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

/// Takes descriptors until none is left.
fn exhaust() -> Vec<File> {
    std::iter::from_fn(|| File::open("/dev/null").ok()).collect()
}

#[test]
fn clients_are_refused_while_there_is_no_descriptor() {
    in_child("descriptors::clients_are_refused_while_there_is_no_descriptor", || {
        let recording = record(|builder| builder, echo);
        let server = &recording.running.server;
        let refused: Vec<_> = (0..3).map(|_| unconnected()).collect();
        let served = unconnected();
        limit_descriptors(100);
        let hoard = exhaust();
        // Kept to the end: a client that is dropped gives a descriptor back to this process.
        let refused = refused.into_iter().map(|socket| {
            socket.connect(&server.local_addr().into()).unwrap();
            let stream = TcpStream::from(socket);
            assert_eq!(read_to_end(&stream), b"");
            stream
        });
        let refused: Vec<_> = refused.collect();
        wait_until("all are counted", || server.stats().refused_for_descriptors == 3);
        assert_eq!(server.stats().accept_errors, 3, "one for each who was refused");
        drop((hoard, refused));
        served.connect(&server.local_addr().into()).unwrap();
        let mut stream = TcpStream::from(served);
        stream.write_all(b"x").unwrap();
        assert_eq!(read_exactly(&stream, 1), b"x");
    });
}

#[test]
fn clients_are_refused_although_there_was_no_spare_descriptor_at_first() {
    in_child(
        "descriptors::clients_are_refused_although_there_was_no_spare_descriptor_at_first",
        || {
            let mut event_loop = EventLoop::new().unwrap();
            let refused = unconnected();
            limit_descriptors(100);
            let mut hoard = exhaust();
            // One for the listener, none to spare.
            hoard.pop();
            let server = TcpServer::builder("127.0.0.1:0".parse().unwrap())
                .start::<Recorder>(&mut event_loop, |_seat| Recorder::deaf())
                .unwrap();
            hoard.pop();
            refused.connect(&server.local_addr().into()).unwrap();
            while server.stats().refused_for_descriptors == 0 {
                assert_eq!(server.connection_count(), 0);
                event_loop.run_once(Some(PATIENCE)).unwrap();
            }
            assert_eq!(read_to_end(&TcpStream::from(refused)), b"");
        },
    );
}

#[test]
fn a_client_that_waited_is_served_when_descriptors_are_back() {
    in_child("descriptors::a_client_that_waited_is_served_when_descriptors_are_back", || {
        let recording = record(|builder| builder, echo);
        let server = &recording.running.server;
        let socket = unconnected();
        let before = getrlimit(Resource::Nofile).current.unwrap();
        // So low that the spare descriptor is of no use either.
        limit_descriptors(3);
        socket.connect(&server.local_addr().into()).unwrap();
        let start = Instant::now();
        wait_until("some accepts failed", || server.stats().accept_errors > 3);
        assert!(start.elapsed() > Duration::from_millis(250), "it must not spin");
        assert_eq!(server.connection_count(), 0);
        limit_descriptors(before);
        let mut stream = TcpStream::from(socket);
        stream.write_all(b"x").unwrap();
        assert_eq!(read_exactly(&stream, 1), b"x");
    });
}

#[test]
fn a_client_connects_when_descriptors_are_back() {
    in_child("descriptors::a_client_connects_when_descriptors_are_back", || {
        let recording = record(|builder| builder, echo);
        let mut event_loop = EventLoop::new().unwrap();
        let (events_in, events) = mpsc::channel();
        // The second address must not be tried: it would fail for the same reason.
        let address = recording.running.server.local_addr();
        let client = quick(TcpClient::builder([address, LOOPBACK]))
            .start(&mut event_loop, |_handle| Recorder::new(events_in, swallow))
            .unwrap();
        let before = getrlimit(Resource::Nofile).current.unwrap();
        limit_descriptors(3);
        client.connect();
        let turn_until_event = |event_loop: &mut EventLoop| loop {
            if let Ok(event) = events.try_recv() {
                return event;
            }
            event_loop.run_once(Some(PATIENCE)).unwrap();
        };
        for number in 1..=3 {
            match turn_until_event(&mut event_loop) {
                Event::ConnectFailed { address: tried, attempt, retries: true, .. } => {
                    assert_eq!((tried, attempt), (address, number));
                }
                other => panic!("{other:?} instead of a failure"),
            }
        }
        limit_descriptors(before);
        while !matches!(turn_until_event(&mut event_loop), Event::Connected(_)) {}
    });
}

#[test]
fn room_for_descriptors_is_made_beforehand() {
    in_child("descriptors::room_for_descriptors_is_made_beforehand", || {
        let room = || {
            let status = std::fs::read_to_string("/proc/self/status").unwrap();
            let line = status.lines().find_map(|line| line.strip_prefix("FDSize:")).unwrap();
            line.trim().parse::<usize>().unwrap()
        };
        limit_descriptors(5000);
        assert!(room() < 5000);
        reserve_descriptors(5000).unwrap();
        assert!(room() >= 5000, "{}", room());
        for wrong in [0, 5001, usize::MAX] {
            let error = reserve_descriptors(wrong).unwrap_err();
            assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
        }
    });
}
