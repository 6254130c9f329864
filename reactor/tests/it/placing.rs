//! Which loop a connection comes to, and which one is one too many.

use crate::client_support::LOOPBACK;
use crate::support::{
    Echo, Running, echo, read_exactly, read_to_end, record, serve, swallow, wait_until,
};
use reactor::{EventLoop, Placement, TcpServer, TcpServerBuilder};
use socket2::{Domain, Socket, Type};
use std::collections::HashSet;
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc;

fn echoing(
    configure: impl FnOnce(TcpServerBuilder) -> TcpServerBuilder + Send + 'static,
) -> Running<()> {
    serve(configure, |_seat| Echo)
}

/// Whether the server echoes to it, rather than hanging up.
fn is_served(stream: &mut TcpStream) -> bool {
    // A refused one may be gone by now.
    stream.write_all(b"x").is_ok() && matches!(std::io::Read::read(stream, &mut [0]), Ok(1))
}

fn connect_from(source: [u8; 4], server: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((source, 0)).into()).unwrap();
    socket.connect(&server.into()).unwrap();
    socket.set_read_timeout(Some(crate::support::PATIENCE)).unwrap();
    socket.into()
}

fn connections(running: &Running<()>) -> Vec<u64> {
    running.server.loops().iter().map(|handle| handle.stats().connections).collect()
}

#[test]
fn the_loop_with_the_fewest_connections_gets_the_next() {
    let running = echoing(|builder| builder.threads(2).placement(Placement::LeastConnections));
    let mut streams: Vec<_> = (0..6).map(|_| running.connect()).collect();
    assert!(streams.iter_mut().all(is_served));
    assert_eq!(connections(&running), [3, 3]);
    // Those of one loop go; by turns the next would be dealt evenly all the same.
    for at in [4, 2, 0] {
        drop(streams.swap_remove(at));
    }
    wait_until("they are counted out", || connections(&running).contains(&0));
    streams.extend((0..3).map(|_| running.connect()));
    assert!(streams.iter_mut().all(is_served));
    assert_eq!(connections(&running), [3, 3]);
}

#[test]
fn a_client_meets_the_same_loop_by_its_address() {
    let running = echoing(|builder| builder.threads(3).placement(Placement::ByAddress));
    let server = running.server.local_addr();
    let mut streams: Vec<_> = (0..5).map(|_| connect_from([127, 0, 0, 9], server)).collect();
    assert!(streams.iter_mut().all(is_served));
    let mut counts = connections(&running);
    counts.sort_unstable();
    assert_eq!(counts, [0, 0, 5]);
}

#[test]
fn a_limit_for_each_address_leaves_the_others_alone() {
    let running = echoing(|builder| builder.max_connections_per_address(2));
    let server = running.server.local_addr();
    let mut first: Vec<_> = (0..2).map(|_| connect_from([127, 0, 0, 2], server)).collect();
    assert!(first.iter_mut().all(is_served));
    assert!(!is_served(&mut connect_from([127, 0, 0, 2], server)));
    assert!(is_served(&mut connect_from([127, 0, 0, 3], server)));
    assert_eq!(running.server.stats().refused_by_address, 1);
    first.pop();
    wait_until("there is room again", || is_served(&mut connect_from([127, 0, 0, 2], server)));
}

#[test]
fn every_loop_listens_for_itself() {
    let running = echoing(|builder| builder.threads(4).listen_on_every_loop(true));
    let mut streams: Vec<_> = (0..64).map(|_| running.connect()).collect();
    assert!(streams.iter_mut().all(is_served));
    let accepted: Vec<_> =
        running.server.loops().iter().map(|handle| handle.stats().accepted).collect();
    assert_eq!(accepted.iter().sum::<u64>(), 64);
    assert!(accepted.iter().filter(|&&count| count > 0).count() > 1, "{accepted:?}");
    assert_eq!(running.main_loop.handle().stats().accepted, 0);
    running.server.stop_accepting();
    wait_until("all refuse", || TcpStream::connect(running.server.local_addr()).is_err());
    assert!(streams.iter_mut().all(is_served), "old ones stay");
}

#[test]
fn a_loop_that_listens_alone_does_not_share_its_port() {
    let running = echoing(|builder| builder.threads(1).listen_on_every_loop(true));
    assert!(is_served(&mut running.connect()));
    assert_eq!(running.server.loops()[0].stats().accepted, 1);
    let mut event_loop = EventLoop::new().unwrap();
    let again = TcpServer::builder(running.server.local_addr())
        .threads(1)
        .listen_on_every_loop(true)
        .start(&mut event_loop, |_seat| Echo);
    assert!(again.is_err_and(|error| error.to_string().contains("in use")));
}

#[test]
fn clients_wait_for_a_server_that_accepts_later() {
    for everywhere in [false, true] {
        let mut running = echoing(move |builder| {
            builder.threads(2).listen_on_every_loop(everywhere).accept_later(true)
        });
        let mut streams: Vec<_> = (0..8).map(|_| running.connect()).collect();
        // A loop that had been told of a client would have accepted it by its next turn.
        let loops = [&[running.main_loop.handle().clone()][..], running.server.loops()].concat();
        for _ in 0..2 {
            for handle in &loops {
                let (sender, receiver) = mpsc::channel();
                handle.run_in_loop(move |_| sender.send(()).unwrap());
                receiver.recv().unwrap();
            }
        }
        assert_eq!(loops.iter().map(|handle| handle.stats().accepted).sum::<u64>(), 0);
        running.server.start_accepting();
        assert!(streams.iter_mut().all(is_served));
        running.server.start_accepting();
        assert!(is_served(&mut running.connect()), "once more changes nothing");
    }
}

#[test]
fn a_server_may_stop_before_it_accepts() {
    let mut running = echoing(|builder| builder.threads(1).accept_later(true));
    let mut early = running.connect();
    running.server.stop_accepting();
    running.server.start_accepting();
    assert!(!is_served(&mut early));
    assert!(TcpStream::connect(running.server.local_addr()).is_err());
}

#[test]
fn threads_are_initialised_where_they_run() {
    let (sender, receiver) = mpsc::channel();
    let processor = rustix::thread::sched_getaffinity(None).unwrap();
    let processor = (0..).find(|&cpu| processor.is_set(cpu)).unwrap();
    let running = echoing(move |builder| {
        builder.threads(2).thread_name("placed-").pin_threads([processor]).thread_init(
            move |event_loop, index| {
                assert!(event_loop.handle().is_in_loop_thread());
                let allowed = rustix::thread::sched_getaffinity(None).unwrap();
                let name = std::thread::current().name().unwrap().to_owned();
                sender.send((index, name, allowed.count())).unwrap();
            },
        )
    });
    let told: HashSet<_> = receiver.iter().take(2).collect();
    let expected = [(0, "placed-0".to_owned(), 1), (1, "placed-1".to_owned(), 1)];
    assert_eq!(told, HashSet::from(expected));
    assert!(is_served(&mut running.connect()));
}

#[test]
fn a_processor_that_is_not_there_is_an_error() {
    let mut event_loop = EventLoop::new().unwrap();
    let error = TcpServer::builder(LOOPBACK)
        .threads(1)
        .pin_threads([1023])
        .start(&mut event_loop, |_seat| Echo)
        .unwrap_err();
    assert_eq!((error.operation(), error.subject()), ("use processor", "1023"));
}

#[test]
fn both_protocols_come_to_a_listener_of_ipv6_unless_told_otherwise() {
    let mut event_loop = EventLoop::new().unwrap();
    let everywhere = "[::]:0".parse().unwrap();
    for only_ipv6 in [false, true] {
        let server = TcpServer::builder(everywhere)
            .only_ipv6(only_ipv6)
            .start(&mut event_loop, |_seat| Echo)
            .unwrap();
        let port = server.local_addr().port();
        assert!(TcpStream::connect(("::1", port)).is_ok());
        assert_eq!(TcpStream::connect(("127.0.0.1", port)).is_ok(), !only_ipv6);
    }
}

#[test]
fn a_refused_client_is_hung_up_on() {
    let recording = record(|builder| builder.accept_filter(|_| false), swallow);
    assert_eq!(read_to_end(&recording.running.connect()), b"");
    let recording = record(|builder| builder.accept_filter(|_| true), echo);
    let mut stream = recording.running.connect();
    stream.write_all(b"y").unwrap();
    assert_eq!(read_exactly(&stream, 1), b"y");
}
