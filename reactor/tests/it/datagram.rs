//! UDP sockets on a loop.

use crate::client_support::LOOPBACK;
use crate::support::{PATIENCE, echo, read_exactly, record, wait_until};
use reactor::{DatagramService, EventLoop, EventLoopThread, UdpServer, UdpSocket};
use std::io::{self, ErrorKind, Write};
use std::net::{SocketAddr, UdpSocket as StdSocket};
use std::sync::mpsc;
use std::time::Duration;

#[derive(Debug, PartialEq)]
enum Event {
    Datagram(Vec<u8>),
    Failed(ErrorKind),
    Timer(u64),
}

/// Echoes, and tells what it got.
struct Echo {
    events: mpsc::Sender<Event>,
}

impl DatagramService for Echo {
    type Post = (SocketAddr, Vec<u8>);

    fn on_datagram(&mut self, socket: &mut UdpSocket<'_>, from: SocketAddr, bytes: &[u8]) {
        assert_ne!(bytes, b"panic", "on purpose");
        socket.send_to(from, bytes).unwrap();
        let _gone = self.events.send(Event::Datagram(bytes.to_vec()));
    }

    fn on_post(&mut self, socket: &mut UdpSocket<'_>, (to, bytes): Self::Post) {
        if let Err(error) = socket.send_to(to, &bytes) {
            self.events.send(Event::Failed(error.kind())).unwrap();
        }
        socket.run_after(Duration::ZERO, 7);
    }

    fn on_timer(&mut self, _socket: &mut UdpSocket<'_>, tag: u64) {
        let _gone = self.events.send(Event::Timer(tag));
    }

    fn on_error(&mut self, _socket: &mut UdpSocket<'_>, error: &io::Error) {
        let _gone = self.events.send(Event::Failed(error.kind()));
    }
}

type Server = UdpServer<(SocketAddr, Vec<u8>)>;

fn start(handle: &reactor::LoopHandle, address: SocketAddr) -> (Server, mpsc::Receiver<Event>) {
    let ((events_in, events), (sender, receiver)) = (mpsc::channel(), mpsc::channel());
    handle.run_in_loop(move |event_loop| {
        let server = UdpServer::builder(address).start(event_loop, |_| Echo { events: events_in });
        sender.send(server.unwrap()).unwrap();
    });
    (receiver.recv_timeout(PATIENCE).unwrap(), events)
}

fn client(server: SocketAddr) -> StdSocket {
    let socket = StdSocket::bind((server.ip(), 0)).unwrap();
    socket.connect(server).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

fn receive(socket: &StdSocket) -> Vec<u8> {
    let mut space = vec![0; 65_536];
    let count = socket.recv(&mut space).expect("a datagram in time");
    space.truncate(count);
    space
}

#[test]
fn datagrams_of_all_sizes_come_back_over_both_protocols() {
    let thread = EventLoopThread::start("udp", |_| {}).unwrap();
    for address in [LOOPBACK, "[::1]:0".parse().unwrap()] {
        let (server, _events) = start(thread.handle(), address);
        let client = client(server.local_addr());
        for bytes in [0, 1, 1500, 60_000] {
            client.send(&vec![7; bytes]).unwrap();
            assert_eq!(receive(&client), vec![7; bytes]);
        }
    }
}

#[test]
fn other_threads_post_and_send() {
    let thread = EventLoopThread::start("udp", |_| {}).unwrap();
    let (server, events) = start(thread.handle(), LOOPBACK);
    let client = client(server.local_addr());
    let to = client.local_addr().unwrap();
    server.send_to(to, "sent");
    assert_eq!(receive(&client), b"sent");
    server.post((to, b"posted".to_vec())).unwrap();
    assert_eq!(receive(&client), b"posted");
    assert_eq!(events.recv_timeout(PATIENCE).unwrap(), Event::Timer(7));
    // Longer than any datagram.
    server.post((to, vec![0; 70_000])).unwrap();
    let Event::Failed(_) = events.recv_timeout(PATIENCE).unwrap() else { panic!("an error") };
    server.send_to(to, "and on");
    assert_eq!(receive(&client), b"and on");
}

#[test]
fn a_flood_leaves_the_connections_of_the_loop_their_turn() {
    let recording = record(|builder| builder, echo);
    let (server, _events) = start(&recording.running.service_loop(), LOOPBACK);
    let flooding = client(server.local_addr());
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let stopped = stop.clone();
    let flood = std::thread::spawn(move || {
        while !stopped.load(std::sync::atomic::Ordering::Relaxed) {
            // Refused ones and full buffers are the network's business.
            let _lost = flooding.send(&[0; 1000]);
        }
    });
    let (mut stream, _) = recording.connect();
    for _ in 0..50 {
        stream.write_all(b"turn").unwrap();
        assert_eq!(read_exactly(&stream, 4), b"turn");
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    flood.join().unwrap();
}

#[test]
fn a_panic_costs_a_datagram() {
    let thread = EventLoopThread::start("udp", |_| {}).unwrap();
    let (server, _events) = start(thread.handle(), LOOPBACK);
    let client = client(server.local_addr());
    client.send(b"panic").unwrap();
    client.send(b"after").unwrap();
    assert_eq!(receive(&client), b"after");
    assert_eq!(thread.handle().stats().panics, 1);
}

#[test]
fn a_dropped_server_is_gone_wherever_it_was_dropped() {
    let thread = EventLoopThread::start("udp", |_| {}).unwrap();
    let (server, events) = start(thread.handle(), LOOPBACK);
    let address = server.local_addr();
    drop(server);
    assert!(events.recv_timeout(PATIENCE).is_err(), "the service went");
    wait_until("the address is free", || StdSocket::bind(address).is_ok());
    let mut event_loop = EventLoop::new().unwrap();
    let (sender, _events) = mpsc::channel();
    let late = UdpServer::builder(address).start(&mut event_loop, |_| Echo { events: sender });
    drop(event_loop);
    assert!(late.as_ref().unwrap().post((address, Vec::new())).is_err());
    drop(late);
}
