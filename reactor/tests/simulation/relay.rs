//! A service that passes on, and a client that returns.

use crate::world::{ECHO, World};
use reactor::{
    Buffer, CloseReason, ConnectFailure, Connection, ConnectionId, Connections, Service, TcpClient,
    Tls,
};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Links every client with a connection to `target`, with TLS if there is one.
pub(crate) struct Relay {
    pub(crate) target: std::net::SocketAddr,
    pub(crate) tls: Option<Tls>,
}

impl Service for Relay {
    type State = Option<ConnectionId>;
    type Post = ();

    fn on_connected(&mut self, connection: &mut Connection<'_, Self::State>) {
        let id = connection.id();
        match *connection.state() {
            None => {
                connection.stop_reading();
                let patience = Duration::from_secs(1);
                let target = self.target;
                let other = connection.connections().connect(target, patience, Some(id));
                *connection.state_mut() = Some(other);
            }
            Some(client) => {
                if let Some(tls) = &self.tls {
                    connection.start_tls(tls, &mut Buffer::new()).unwrap();
                }
                if !connection.connections().link(client, id) {
                    // The client did not wait.
                    connection.force_close();
                }
            }
        }
    }

    fn on_message(&mut self, _connection: &mut Connection<'_, Self::State>, _input: &mut Buffer) {
        panic!("linked connections have no messages");
    }

    fn on_connect_failed(
        &mut self,
        connections: &mut Connections<'_, Self::State>,
        failure: &ConnectFailure,
    ) {
        // The server may have failed to accept it.
        connections.for_each(|connection| {
            if *connection.state() == failure.connection {
                connection.force_close();
            }
        });
    }
}

/// What a client went through.
#[derive(Debug, Default)]
struct Story {
    connected: usize,
    closed: usize,
    echoed: Vec<u8>,
}

struct Returner {
    story: Arc<Mutex<Story>>,
}

impl Service for Returner {
    type State = ();
    type Post = ();

    fn on_connected(&mut self, connection: &mut Connection<'_, ()>) {
        self.story.lock().unwrap().connected += 1;
        // The first byte of a stream, as its peer expects.
        connection.send(&[0]);
    }

    fn on_message(&mut self, connection: &mut Connection<'_, ()>, input: &mut Buffer) {
        self.story.lock().unwrap().echoed.extend(input.peek());
        input.retrieve_all();
        connection.force_close();
    }

    fn on_closed(&mut self, _connection: &mut Connection<'_, ()>, _reason: CloseReason) {
        self.story.lock().unwrap().closed += 1;
    }
}

/// A client that hangs up after each echo connects again and again.
pub(crate) fn client_returns(seed: u64) {
    let mut world = World::with_server(seed, crate::harsh(seed));
    let mut event_loop = world.simulation.event_loop().unwrap();
    let story = Arc::<Mutex<Story>>::default();
    let client = TcpClient::builder([ECHO])
        .enable_retry(true)
        .start(&mut event_loop, |_handle| Returner { story: story.clone() })
        .unwrap();
    client.connect();
    world.loops.push(event_loop);
    let begin = world.simulation.now();
    while story.lock().unwrap().echoed.len() < 4 {
        world.step();
        // Pauses grow to 30 s at most; an accept may take a client with it now and then.
        assert!(world.simulation.now() - begin < Duration::from_secs(1800), "{story:?}");
    }
    drop(client);
    for _ in 0..200 {
        world.step();
    }
    let story = story.lock().unwrap();
    assert_eq!(story.connected, story.closed);
    assert!(story.echoed.iter().all(|&byte| byte == 0));
}
