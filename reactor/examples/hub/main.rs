//! muduo's hub: publishes to all who subscribe to a topic:
//! `cargo run -p reactor --example hub -- PORT THREADS`.
//!
//! Lines: `sub TOPIC`, `unsub TOPIC`, `pub TOPIC` with the content on the next line. Whoever
//! subscribes gets the last content at once. Each loop knows its own subscribers and all topics; what
//! is published is posted to every loop.

use reactor::codec::LineDecoder;
use reactor::{
    Buffer, Bytes, CloseReason, Connection, Connections, EventLoop, Result, Seat, Service,
    TcpServer,
};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

mod topics;

use topics::Topics;

const LINE_BYTES_MAX: usize = 1024;
/// Posts that may wait for a loop, of two lines each; who publishes when there are more is hung up
/// on. One read can hold 11,000 of the shortest.
const POSTS_MAX: usize = 65_536;

#[derive(Clone)]
pub(crate) struct Publication {
    topic: Arc<str>,
    /// `pub TOPIC` and the content, as it is sent.
    bytes: Bytes,
}

pub(crate) struct Client {
    lines: LineDecoder,
    /// To what the next line is to be published.
    publishes: Option<String>,
}

impl Default for Client {
    fn default() -> Self {
        Self { lines: LineDecoder::new(LINE_BYTES_MAX), publishes: None }
    }
}

pub(crate) struct Hub {
    seat: Seat<Publication>,
    topics: Topics,
}

impl Hub {
    pub(crate) fn new(seat: Seat<Publication>) -> Self {
        Self { seat, topics: Topics::default() }
    }

    fn handle_line(&mut self, connection: &mut Connection<'_, Client>, line: &str) {
        if let Some(topic) = connection.state_mut().publishes.take() {
            return self.publish(connection, &topic, line);
        }
        let id = connection.id();
        match line.split_once(' ') {
            Some(("sub", topic)) => self.subscribe(connection, topic),
            Some(("unsub", topic)) => self.topics.unsubscribe(topic, id),
            Some(("pub", topic)) => connection.state_mut().publishes = Some(topic.to_owned()),
            _ => connection.shutdown(),
        }
    }

    fn subscribe(&mut self, connection: &mut Connection<'_, Client>, topic: &str) {
        let id = connection.id();
        let Some(topic) = self.topics.get_or_make(topic.into()) else {
            // There are as many as there may be.
            return connection.shutdown();
        };
        topic.subscribers.insert(id);
        if let Some(last) = topic.last.clone() {
            connection.send_bytes(last);
        }
    }

    fn publish(&mut self, connection: &mut Connection<'_, Client>, topic: &str, content: &str) {
        let bytes = Bytes::from(format!("pub {topic}\r\n{content}\r\n"));
        let publication = Publication { topic: topic.into(), bytes };
        let posted = self.topics.get_or_make(publication.topic.clone()).is_some()
            && self.seat.handles.iter().all(|service| {
                service.queue_size() < POSTS_MAX && service.post(publication.clone()).is_ok()
            });
        if !posted {
            connection.shutdown();
        }
    }
}

impl Service for Hub {
    type State = Client;
    type Post = Publication;

    fn on_message(&mut self, connection: &mut Connection<'_, Client>, input: &mut Buffer) {
        while connection.can_send() {
            match connection.state_mut().lines.decode(input) {
                Ok(Some(line)) => match std::str::from_utf8(line) {
                    Ok(line) => self.handle_line(connection, line),
                    Err(_) => connection.shutdown(),
                },
                Ok(None) => return,
                Err(_too_long) => return connection.force_close(),
            }
        }
        input.retrieve_all(); // it was hung up on
    }

    fn on_post(&mut self, connections: &mut Connections<'_, Client>, publication: Publication) {
        // Without room for the topic, this loop has no subscribers to it either.
        let Some(topic) = self.topics.get_or_make(publication.topic) else { return };
        for &subscriber in &topic.subscribers {
            if let Some(mut subscriber) = connections.get(subscriber) {
                subscriber.send_bytes(publication.bytes.clone());
            }
        }
        topic.last = Some(publication.bytes);
    }

    fn on_closed(&mut self, connection: &mut Connection<'_, Client>, _reason: CloseReason) {
        self.topics.leave(connection.id());
    }
}

fn argument(position: usize, default: u16) -> u16 {
    std::env::args().nth(position).and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn main() -> Result<()> {
    let mut event_loop = EventLoop::new()?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, argument(1, 9999)));
    let threads = usize::from(argument(2, 2));
    let server = TcpServer::builder(address).threads(threads).start(&mut event_loop, Hub::new)?;
    eprintln!("hub on {}, {threads} sub loops", server.local_addr());
    event_loop.run()
}
