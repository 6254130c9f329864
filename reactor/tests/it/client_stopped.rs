//! Clients that are stopped in the very turn in which something comes for them, muduo's regression
//! tests of its `TcpClient` among them.

use crate::client_support::{LOOPBACK, call, quick, refusing};
use crate::support::{Event, PATIENCE, Recorder, read_to_end, record, swallow, wait_until};
use reactor::{
    Buffer, ClientHandle, Connection, ConnectionHandle, EventLoop, EventLoopThread, Service,
    TcpClient,
};
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::time::Duration;

/// A client of a listener, on a loop that the test turns.
struct Stepwise {
    event_loop: EventLoop,
    client: TcpClient<crate::support::Action>,
    events: mpsc::Receiver<Event>,
}

impl Stepwise {
    fn new(address: SocketAddr, delay: Duration) -> Self {
        let mut event_loop = EventLoop::new().unwrap();
        let (events_in, events) = mpsc::channel();
        let client = TcpClient::builder([address])
            .backoff(delay, delay)
            .enable_retry(true)
            .start(&mut event_loop, |_handle| Recorder::new(events_in, swallow))
            .unwrap();
        client.connect();
        Self { event_loop, client, events }
    }

    fn turn(&mut self) {
        self.event_loop.run_once(Some(Duration::from_millis(1))).unwrap();
    }

    /// Turns until the listener has the connection, of which the client does not know yet.
    fn connecting(&mut self, listener: &TcpListener) -> TcpStream {
        listener.set_nonblocking(true).unwrap();
        loop {
            self.turn();
            match listener.accept() {
                Ok((stream, _)) => {
                    stream.set_nonblocking(false).unwrap();
                    stream.set_read_timeout(Some(PATIENCE)).unwrap();
                    assert!(self.events.try_recv().is_err());
                    return stream;
                }
                Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
            }
        }
    }

    /// Turns for longer than any attempt of its would be put off, and expects none.
    fn expect_no_attempt(&mut self, listener: &TcpListener, delay: Duration) {
        listener.set_nonblocking(true).unwrap();
        let end = std::time::Instant::now() + 2 * delay;
        while std::time::Instant::now() < end {
            self.turn();
        }
        assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
    }
}

const DELAY: Duration = Duration::from_millis(20);

#[test]
fn a_client_stopped_before_the_turn_of_its_connection_never_gets_it() {
    let listener = TcpListener::bind(LOOPBACK).unwrap();
    let mut stepwise = Stepwise::new(listener.local_addr().unwrap(), DELAY);
    let stream = stepwise.connecting(&listener);
    // The event is there; so is the letter, and it is read first.
    stepwise.client.stop();
    stepwise.expect_no_attempt(&listener, DELAY);
    assert!(stepwise.events.try_recv().is_err(), "it is told nothing");
    assert!(!stepwise.client.is_connected());
    assert_eq!(read_to_end(&stream), b"");
}

#[test]
fn a_client_stopped_by_a_timer_of_the_turn_of_its_connection_keeps_it_as_the_last() {
    let listener = TcpListener::bind(LOOPBACK).unwrap();
    let mut stepwise = Stepwise::new(listener.local_addr().unwrap(), DELAY);
    let stream = stepwise.connecting(&listener);
    let handle = stepwise.client.handle();
    stepwise.event_loop.run_after(Duration::ZERO, move |_| handle.stop());
    stepwise.turn();
    assert!(matches!(stepwise.events.try_recv(), Ok(Event::Connected(_))));
    drop(stream);
    while !matches!(stepwise.events.try_recv(), Ok(Event::Closed(..))) {
        stepwise.turn();
    }
    stepwise.expect_no_attempt(&listener, DELAY);
}

#[test]
fn a_client_stopped_in_the_turn_of_its_next_attempt_makes_none() {
    let (socket, address) = refusing();
    let mut stepwise = Stepwise::new(address, DELAY);
    while !matches!(stepwise.events.try_recv(), Ok(Event::ConnectFailed { .. })) {
        stepwise.turn();
    }
    // The timer is due now.
    std::thread::sleep(DELAY);
    stepwise.client.stop();
    socket.listen(8).unwrap();
    let listener = TcpListener::from(socket);
    stepwise.expect_no_attempt(&listener, DELAY);
    assert!(stepwise.events.try_recv().is_err(), "it is told nothing");
}

#[test]
fn a_client_dropped_behind_a_disconnect_still_says_its_last_words() {
    let listener = TcpListener::bind(LOOPBACK).unwrap();
    let calling = call([listener.local_addr().unwrap()], |builder| builder, swallow);
    let connection = calling.next_connected();
    let (stream, _) = listener.accept().unwrap();
    connection.send(&b"last words"[..]);
    calling.client.disconnect();
    let events = calling.finish();
    assert_eq!(events.iter().filter(|event| matches!(event, Event::Closed(..))).count(), 1);
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(read_to_end(&stream), b"last words");
}

/// Starts the next client when it is connected.
struct Chained {
    next: Option<ClientHandle<()>>,
    connected: mpsc::Sender<ConnectionHandle>,
}

impl Service for Chained {
    type State = ();
    type Post = ();

    fn on_connected(&mut self, connection: &mut Connection<'_, ()>) {
        self.connected.send(connection.handle()).unwrap();
        if let Some(next) = &self.next {
            next.connect();
        }
    }

    fn on_message(&mut self, _connection: &mut Connection<'_, ()>, input: &mut Buffer) {
        input.retrieve_all();
    }
}

#[test]
fn a_client_is_started_by_a_callback_of_another() {
    const CLIENTS: usize = 20;
    let server = record(|builder| builder, swallow);
    let address = server.running.server.local_addr();
    let (sender, connected) = mpsc::channel();
    let (started, clients) = mpsc::channel();
    let thread = EventLoopThread::start("clients", move |event_loop| {
        let mut clients: Vec<TcpClient<()>> = Vec::new();
        for _ in 0..CLIENTS {
            let next = clients.last().map(|client| client.handle());
            let service = Chained { next, connected: sender.clone() };
            let client = quick(TcpClient::builder([address]));
            clients.push(client.start(event_loop, |_handle| service).unwrap());
        }
        clients.last().unwrap().connect();
        started.send(clients).unwrap();
    });
    let clients = clients.recv().unwrap();
    for _ in 0..CLIENTS {
        connected.recv_timeout(PATIENCE).unwrap();
    }
    wait_until("all are here", || server.running.server.connection_count() == CLIENTS);
    drop(clients);
    wait_until("all have left", || server.running.server.connection_count() == 0);
    drop(thread);
}
