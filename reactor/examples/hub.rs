//! muduo's hub: publishes to all who subscribe to a topic: `cargo run -p reactor --example hub -- PORT`.
//!
//! Lines: `sub TOPIC`, `unsub TOPIC`, `pub TOPIC` with the content on the next line. Whoever
//! subscribes gets the last content at once. One service, hence one loop; for several, post what is
//! published to each, as `chat_lines` does.

use reactor::codec::LineDecoder;
use reactor::{
    Buffer, Bytes, CloseReason, Connection, ConnectionId, EventLoop, Result, Service, TcpServer,
};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};

const LINE_BYTES_MAX: usize = 1024;
const TOPICS_MAX: usize = 10_000;

#[derive(Default)]
struct Topic {
    subscribers: BTreeSet<ConnectionId>,
    /// `pub TOPIC` and the content, as it is sent.
    last: Option<Bytes>,
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

#[derive(Default)]
pub(crate) struct Hub {
    topics: BTreeMap<String, Topic>,
}

impl Hub {
    fn handle_line(&mut self, connection: &mut Connection<'_, Client>, line: &str) {
        if let Some(topic) = connection.state_mut().publishes.take() {
            return self.publish(connection, topic, line);
        }
        let id = connection.id();
        match line.split_once(' ') {
            Some(("sub", topic)) => self.subscribe(connection, topic),
            Some(("unsub", topic)) => {
                if let Some(topic) = self.topics.get_mut(topic) {
                    topic.subscribers.remove(&id);
                }
            }
            Some(("pub", topic)) => connection.state_mut().publishes = Some(topic.to_owned()),
            _ => connection.shutdown(),
        }
    }

    fn subscribe(&mut self, connection: &mut Connection<'_, Client>, topic: &str) {
        if self.topics.len() >= TOPICS_MAX && !self.topics.contains_key(topic) {
            return connection.shutdown();
        }
        let topic = self.topics.entry(topic.to_owned()).or_default();
        topic.subscribers.insert(connection.id());
        if let Some(last) = topic.last.clone() {
            connection.send_bytes(last);
        }
    }

    fn publish(&mut self, connection: &mut Connection<'_, Client>, topic: String, content: &str) {
        if self.topics.len() >= TOPICS_MAX && !self.topics.contains_key(&topic) {
            return connection.shutdown();
        }
        let bytes = Bytes::from(format!("pub {topic}\r\n{content}\r\n"));
        let topic = self.topics.entry(topic).or_default();
        topic.last = Some(bytes.clone());
        let mut connections = connection.connections();
        for &subscriber in &topic.subscribers {
            if let Some(mut subscriber) = connections.get(subscriber) {
                subscriber.send_bytes(bytes.clone());
            }
        }
    }
}

impl Service for Hub {
    type State = Client;
    type Post = ();

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
    }

    fn on_closed(&mut self, connection: &mut Connection<'_, Client>, _reason: CloseReason) {
        let id = connection.id();
        self.topics.retain(|_, topic| {
            topic.subscribers.remove(&id);
            topic.last.is_some() || !topic.subscribers.is_empty()
        });
    }
}

fn main() -> Result<()> {
    let port = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(9999);
    let mut event_loop = EventLoop::new()?;
    let server = TcpServer::builder(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
        .start(&mut event_loop, |_seat| Hub::default())?;
    eprintln!("hub on {}", server.local_addr());
    event_loop.run()
}
