//! Clients dropped at every place and time.

use crate::client_support::{BlackHole, call, quick, refusing};
use crate::support::{Event, PATIENCE, Recorder, echo, record, swallow, wait_until};
use reactor::{
    Buffer, CloseReason, Closed, ConnectFailure, Connection, Connections, EventLoop,
    EventLoopThread, Service, TcpClient,
};
use std::net::SocketAddr;
use std::sync::mpsc::{self, RecvTimeoutError, TryRecvError};
use std::sync::{Arc, Mutex};

/// The callback in which a [`Leaver`] drops its client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    Connected,
    Message,
    Closed,
    ConnectFailed,
    Post,
}

type Slot = Arc<Mutex<Option<TcpClient<()>>>>;

/// Drops its own client at some moment.
struct Leaver {
    moment: Moment,
    client: Slot,
    /// Its end tells that the service is gone.
    _alive: mpsc::Sender<()>,
}

impl Leaver {
    fn reach(&self, moment: Moment) {
        if self.moment == moment {
            drop(self.client.lock().unwrap().take());
        }
    }
}

impl Service for Leaver {
    type State = ();
    type Post = ();

    fn on_connected(&mut self, connection: &mut Connection<'_, ()>) {
        connection.send(b"hello");
        self.reach(Moment::Connected);
    }

    fn on_message(&mut self, connection: &mut Connection<'_, ()>, input: &mut Buffer) {
        input.retrieve_all();
        self.reach(Moment::Message);
        connection.force_close();
    }

    fn on_closed(&mut self, _connection: &mut Connection<'_, ()>, _reason: CloseReason) {
        self.reach(Moment::Closed);
    }

    fn on_connect_failed(&mut self, _all: &mut Connections<'_, ()>, _failure: &ConnectFailure) {
        self.reach(Moment::ConnectFailed);
    }

    fn on_post(&mut self, _connections: &mut Connections<'_, ()>, _post: ()) {
        self.reach(Moment::Post);
    }
}

/// Runs a client that drops itself at `moment`, until its service is gone.
fn leave(moment: Moment, address: SocketAddr) {
    let (alive, gone) = mpsc::channel();
    let slot = Slot::default();
    let client_loop = EventLoopThread::start("client-loop", move |event_loop| {
        let service = Leaver { moment, client: slot.clone(), _alive: alive };
        let builder = quick(TcpClient::builder([address])).enable_retry(true);
        let client = builder.start(event_loop, |_handle| service).unwrap();
        client.connect();
        client.post(()).unwrap();
        *slot.lock().unwrap() = Some(client);
    });
    let end = gone.recv_timeout(PATIENCE);
    assert_eq!(end, Err(RecvTimeoutError::Disconnected), "{moment:?}");
    drop(client_loop);
}

#[test]
fn a_client_may_be_dropped_in_its_own_callbacks() {
    let server = record(|builder| builder, echo);
    let address = server.running.server.local_addr();
    let (_socket, refused) = refusing();
    leave(Moment::Connected, address);
    leave(Moment::Message, address);
    leave(Moment::Closed, address);
    leave(Moment::Post, address);
    leave(Moment::ConnectFailed, refused);
    wait_until("no connection is left", || server.running.server.connection_count() == 0);
}

#[test]
fn a_client_may_be_dropped_by_another_thread_while_it_connects() {
    let black_hole = BlackHole::new();
    let calling = call([black_hole.address], |builder| builder, swallow);
    assert!(calling.finish().is_empty());
}

#[test]
fn a_client_may_be_dropped_by_another_thread_while_it_waits() {
    let (_socket, address) = refusing();
    let calling = call([address], |builder| builder.backoff(PATIENCE, PATIENCE), swallow);
    calling.next_failed();
    assert!(calling.finish().is_empty());
}

#[test]
fn a_client_may_be_dropped_by_another_thread_while_it_is_connected() {
    let server = record(|builder| builder, swallow);
    let address = server.running.server.local_addr();
    let calling = call([address], |builder| builder.enable_retry(true), swallow);
    let id = calling.next_connected().id();
    let handle = calling.handle();
    let events = calling.finish();
    let closed = |event: &Event| matches!(event, Event::Closed(closed, _) if *closed == id);
    assert_eq!(events.iter().filter(|event| closed(event)).count(), 1, "{events:?}");
    assert!(!handle.is_connected());
    assert!(handle.post(Box::new(|_| ())).is_err());
    handle.connect();
    server.wait_closed();
}

#[test]
fn a_client_may_be_dropped_before_its_loop_runs() {
    let server = record(|builder| builder, swallow);
    let mut event_loop = EventLoop::new().unwrap();
    let (events_in, events) = mpsc::channel();
    let client = TcpClient::builder([server.running.server.local_addr()])
        .start(&mut event_loop, |_handle| Recorder::new(events_in, swallow))
        .unwrap();
    client.connect();
    std::thread::spawn(move || drop(client)).join().unwrap();
    event_loop.run_once(Some(PATIENCE)).unwrap();
    let end = events.try_recv().map(|event| format!("{event:?}"));
    assert_eq!(end, Err(TryRecvError::Disconnected), "the service is gone, and was told nothing");
    assert_eq!(server.running.server.stats().accepted, 0);
}

#[test]
fn a_client_may_be_dropped_after_its_loop() {
    let server = record(|builder| builder, swallow);
    let address = server.running.server.local_addr();
    let black_hole = BlackHole::new();
    // Not run, connecting, connected.
    for (address, turns) in [(address, 0), (black_hole.address, 2), (address, 9)] {
        let mut event_loop = EventLoop::new().unwrap();
        let (events_in, events) = mpsc::channel();
        let client = quick(TcpClient::builder([address]))
            .start(&mut event_loop, |_handle| Recorder::new(events_in, swallow))
            .unwrap();
        client.connect();
        for _ in 0..turns {
            event_loop.run_once(Some(std::time::Duration::from_millis(10))).unwrap();
        }
        drop(event_loop);
        let events: Vec<_> = events.iter().collect();
        if turns == 9 {
            let end = events.last();
            assert!(matches!(end, Some(Event::Closed(_, CloseReason::Stopped))), "{events:?}");
        } else {
            assert!(events.is_empty(), "{events:?}");
        }
        client.connect();
        client.disconnect();
        assert_eq!(client.post(Box::new(|_| ())), Err(Closed));
        assert!(!client.is_connected());
        drop(client);
    }
}
