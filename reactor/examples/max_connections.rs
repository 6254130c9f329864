//! Tells those above a limit that there are too many, and closes them, at the latest after a while:
//! `cargo run -p reactor --example max_connections -- PORT LIMIT`.
//!
//! Where no word is needed, `TcpServerBuilder::max_connections` costs less.

use reactor::{Buffer, Connection, EventLoop, Result, Service, TcpServer};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

pub(crate) struct Limited {
    pub(crate) limit: usize,
    /// How long one that was told may stay.
    pub(crate) patience: Duration,
}

impl Service for Limited {
    type State = ();
    type Post = ();

    fn on_connected(&mut self, connection: &mut Connection<'_, ()>) {
        if connection.connections().len() > self.limit {
            connection.send(b"too many connections\r\n");
            connection.shutdown();
            connection.force_close_after(self.patience);
        }
    }

    fn on_message(&mut self, connection: &mut Connection<'_, ()>, input: &mut Buffer) {
        connection.send(input.peek());
        input.retrieve_all();
    }
}

fn argument(position: usize, default: u16) -> u16 {
    std::env::args().nth(position).and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn main() -> Result<()> {
    let mut event_loop = EventLoop::new()?;
    let limit = usize::from(argument(2, 100));
    let server = TcpServer::builder(SocketAddr::from((Ipv4Addr::LOCALHOST, argument(1, 2015))))
        .start(&mut event_loop, move |_seat| Limited { limit, patience: Duration::from_secs(3) })?;
    eprintln!("echo for {limit} on {}", server.local_addr());
    event_loop.run()
}
