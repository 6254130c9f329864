//! Clients dropped in their own callbacks.

use crate::client_support::{quick, refusing};
use crate::support::{PATIENCE, echo, record, wait_until};
use reactor::{
    Buffer, CloseReason, ConnectFailure, Connection, Connections, EventLoopThread, Service,
    TcpClient,
};
use std::net::SocketAddr;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The callback in which a [`Leaver`] drops its client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    Connected,
    Message,
    EndOfStream,
    WriteComplete,
    Timer,
    TurnEnd,
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
        connection.run_after(Duration::ZERO, 0);
        self.reach(Moment::Connected);
    }

    fn on_message(&mut self, connection: &mut Connection<'_, ()>, input: &mut Buffer) {
        input.retrieve_all();
        self.reach(Moment::Message);
        match self.moment {
            Moment::EndOfStream => connection.shutdown(),
            _ => connection.force_close(),
        }
    }

    fn on_end_of_stream(&mut self, _connection: &mut Connection<'_, ()>) {
        self.reach(Moment::EndOfStream);
    }

    fn on_write_complete(&mut self, _connection: &mut Connection<'_, ()>) {
        self.reach(Moment::WriteComplete);
    }

    fn on_timer(&mut self, _connection: &mut Connection<'_, ()>, _tag: u64) {
        self.reach(Moment::Timer);
    }

    fn on_turn_end(&mut self, connections: &mut Connections<'_, ()>) {
        if !connections.is_empty() {
            self.reach(Moment::TurnEnd);
        }
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
    leave(Moment::EndOfStream, address);
    leave(Moment::WriteComplete, address);
    leave(Moment::Timer, address);
    leave(Moment::TurnEnd, address);
    leave(Moment::Closed, address);
    leave(Moment::Post, address);
    leave(Moment::ConnectFailed, refused);
    wait_until("no connection is left", || server.running.server.connection_count() == 0);
}
