//! What is left in a loop, a poller and a process of those who have gone: nothing.

use crate::child::in_child;
use crate::client_support::{BlackHole, LOOPBACK, refusing};
use reactor::{
    Buffer, Connection, DatagramService, EventLoop, Service, TcpClient, TcpServer, UdpServer,
    UdpSocket,
};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);

/// Arms timers that are due long after it is gone.
struct Planner;

impl Service for Planner {
    type State = ();
    type Post = ();

    fn on_connected(&mut self, connection: &mut Connection<'_, ()>) {
        connection.force_close_after(HOUR);
        connection.connections().run_after(HOUR, 0);
    }

    fn on_message(&mut self, _connection: &mut Connection<'_, ()>, input: &mut Buffer) {
        input.retrieve_all();
    }
}

/// Hears nothing.
struct Deaf;

impl DatagramService for Deaf {
    type Post = ();

    fn on_datagram(&mut self, _socket: &mut UdpSocket<'_>, _from: SocketAddr, _bytes: &[u8]) {}
}

fn run_until(event_loop: &mut EventLoop, condition: impl Fn(&EventLoop) -> bool) {
    for _ in 0..1000 {
        if condition(event_loop) {
            return;
        }
        event_loop.run_once(Some(Duration::from_millis(10))).unwrap();
    }
    panic!("it should have come so far: {event_loop:?}");
}

#[test]
fn a_server_and_a_client_that_have_ended_leave_no_timers_behind() {
    let mut event_loop = EventLoop::new().unwrap();
    let mut server = TcpServer::builder(LOOPBACK).start(&mut event_loop, |_seat| Planner).unwrap();
    let stream = TcpStream::connect(server.local_addr()).unwrap();
    run_until(&mut event_loop, |_| server.connection_count() == 1);
    let (_socket, refused) = refusing();
    let client = TcpClient::builder([refused])
        .backoff(HOUR, HOUR)
        .start(&mut event_loop, |_handle| Planner)
        .unwrap();
    client.connect();
    // Two of the connection and its service, one for the next attempt.
    run_until(&mut event_loop, |event_loop| format!("{event_loop:?}").contains("timers: 3"));
    server.stop(HOUR);
    drop((stream, client));
    run_until(&mut event_loop, |_| server.handles()[0].post(()).is_err());
    run_until(&mut event_loop, |event_loop| format!("{event_loop:?}").contains("sources: 0"));
    let end = format!("{event_loop:?}");
    assert!(end.contains("timers: 0"), "{end}");
}

/// How many descriptors the kernel watches for `event_loop`.
fn watched(event_loop: &EventLoop) -> usize {
    let poller = event_loop.descriptor().unwrap();
    let about = std::fs::read_to_string(format!("/proc/self/fdinfo/{poller}")).unwrap();
    about.lines().filter(|line| line.starts_with("tfd:")).count()
}

#[test]
fn what_is_closed_is_watched_no_more() {
    let mut event_loop = EventLoop::new().unwrap();
    let alarm = watched(&event_loop);
    let server = TcpServer::builder(LOOPBACK).start(&mut event_loop, |_seat| Planner).unwrap();
    let listener = watched(&event_loop);
    assert_eq!(listener, alarm + 1);
    // Accepted, and made by a client, which registers its socket anew when it is connected.
    let stream = TcpStream::connect(server.local_addr()).unwrap();
    let connect = |event_loop: &mut EventLoop, address| {
        let client = TcpClient::builder([address])
            .connect_timeout(Duration::from_millis(20))
            .backoff(HOUR, HOUR)
            .start(event_loop, |_handle| Planner)
            .unwrap();
        client.connect();
        client
    };
    let client = connect(&mut event_loop, server.local_addr());
    run_until(&mut event_loop, |_| server.connection_count() == 2 && client.is_connected());
    assert_eq!(watched(&event_loop), listener + 3);
    // Under way, and given up when the time is over.
    let black_hole = BlackHole::new();
    let waiting = connect(&mut event_loop, black_hole.address);
    run_until(&mut event_loop, |event_loop| watched(event_loop) == listener + 4);
    run_until(&mut event_loop, |event_loop| watched(event_loop) == listener + 3);
    drop((stream, client));
    run_until(&mut event_loop, |_| server.connection_count() == 0);
    assert_eq!(watched(&event_loop), listener);
    drop((server, waiting));
    run_until(&mut event_loop, |event_loop| watched(event_loop) == alarm);
}

/// The descriptors of this process, and whether a program that it starts would have them too.
fn inherited() -> Vec<(u32, bool)> {
    const CLOSE_ON_EXEC: u32 = 0o2_000_000;
    let names = std::fs::read_dir("/proc/self/fdinfo").unwrap();
    let numbers = names.filter_map(|name| name.unwrap().file_name().to_str()?.parse().ok());
    let flags = |number: u32| {
        // The descriptor of this very listing is gone by now.
        let about = std::fs::read_to_string(format!("/proc/self/fdinfo/{number}")).ok()?;
        let flags = about.lines().find_map(|line| line.strip_prefix("flags:"))?;
        let flags = u32::from_str_radix(flags.trim(), 8).unwrap();
        Some((number, flags & CLOSE_ON_EXEC == 0))
    };
    numbers.collect::<Vec<_>>().into_iter().filter_map(flags).collect()
}

#[test]
fn programs_that_are_started_inherit_nothing() {
    in_child("leftovers::programs_that_are_started_inherit_nothing", || {
        let before = inherited();
        let folder = tempfile::tempdir().unwrap();
        let mut event_loop = EventLoop::new().unwrap();
        let server = TcpServer::builder(LOOPBACK).start(&mut event_loop, |_seat| Planner).unwrap();
        let name = folder.path().join("socket");
        let unix = TcpServer::unix(&name).start(&mut event_loop, |_seat| Planner).unwrap();
        let _datagrams = UdpServer::builder(LOOPBACK).start(&mut event_loop, |_| Deaf).unwrap();
        let client = TcpClient::builder([server.local_addr()]);
        let client = client.start(&mut event_loop, |_handle| Planner).unwrap();
        client.connect();
        let local = TcpClient::unix(&name).start(&mut event_loop, |_handle| Planner).unwrap();
        local.connect();
        run_until(&mut event_loop, |_| {
            server.connection_count() == 1 && unix.connection_count() == 1
        });
        let new: Vec<_> = inherited().into_iter().filter(|fd| !before.contains(fd)).collect();
        // Poller, alarm, the spare ones of two listeners, the listeners, a datagram socket, and two
        // connections from both sides.
        assert_eq!(new.len(), 11, "{new:?}");
        assert!(new.iter().all(|&(_, inherited)| !inherited), "{new:?}");
    });
}
