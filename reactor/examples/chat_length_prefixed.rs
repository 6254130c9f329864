//! muduo's chat with its codec: what one client sends, all receive, each message behind its length
//! of four bytes: `cargo run -p reactor --example chat_length_prefixed -- PORT THREADS`.
//!
//! What came in one piece goes on in one piece: a post a loop, and its bytes are shared by all
//! receivers.

use reactor::codec::{LengthDecoder, Prefix};
use reactor::{
    Buffer, Bytes, Connection, Connections, EventLoop, Result, Seat, Service, TcpServer,
};
use std::net::{Ipv4Addr, SocketAddr};

/// Posts that may wait for a loop, each no longer than a message and a read, 128 KiB; who sends
/// when there are more is hung up on.
const POSTS_MAX: usize = 1024;

pub(crate) struct Chat {
    pub(crate) seat: Seat<Bytes>,
}

impl Chat {
    /// Whether every loop will pass the messages on.
    fn post(&self, messages: &Bytes) -> bool {
        self.seat.handles.iter().all(|service| {
            service.queue_size() < POSTS_MAX && service.post(messages.clone()).is_ok()
        })
    }
}

impl Service for Chat {
    type State = LengthDecoder;
    type Post = Bytes;

    fn on_message(&mut self, connection: &mut Connection<'_, LengthDecoder>, input: &mut Buffer) {
        let mut messages = Vec::new();
        let fits = loop {
            match connection.state_mut().decode(input) {
                Ok(Some(message)) if Prefix::U32.encode_to(message, &mut messages).is_ok() => {}
                Ok(None) => break true,
                Ok(Some(_)) | Err(_) => break false,
            }
        };
        let posted = messages.is_empty() || self.post(&messages.into());
        if !(fits && posted) {
            connection.force_close();
        }
    }

    fn on_post(&mut self, connections: &mut Connections<'_, LengthDecoder>, messages: Bytes) {
        connections.for_each(|connection| {
            connection.send_bytes(messages.clone());
        });
    }
}

fn argument(position: usize, default: u16) -> u16 {
    std::env::args().nth(position).and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn main() -> Result<()> {
    let mut event_loop = EventLoop::new()?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, argument(1, 2016)));
    let threads = usize::from(argument(2, 2));
    let server = TcpServer::builder(address)
        .threads(threads)
        .start(&mut event_loop, |seat| Chat { seat })?;
    eprintln!("chat on {}, {threads} sub loops", server.local_addr());
    event_loop.run()
}
