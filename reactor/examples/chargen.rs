//! RFC 864: sends the printable characters for ever, as fast as the client reads:
//! `cargo run -p reactor --example chargen -- PORT`.

use reactor::{Buffer, Bytes, Connection, EventLoop, Result, Service, TcpServer};
use std::net::{Ipv4Addr, SocketAddr};

const LINE_BYTES: usize = 72;
const FIRST: u8 = b' ';
const CHARACTERS: usize = 95;

pub(crate) struct Chargen {
    lines: Bytes,
}

impl Chargen {
    /// Every line begins one character later than the one before, and they come round after 95.
    pub(crate) fn new() -> Self {
        let character = |at: usize| FIRST + (at % CHARACTERS) as u8;
        let line = |start| (start..start + LINE_BYTES).map(character).chain(*b"\r\n");
        Self { lines: (0..CHARACTERS).flat_map(line).collect() }
    }
}

impl Service for Chargen {
    type State = ();
    type Post = ();

    fn on_connected(&mut self, connection: &mut Connection<'_, ()>) {
        connection.send_bytes(self.lines.clone());
    }

    /// The kernel took all of it: here are the same bytes again, shared and never copied.
    fn on_write_complete(&mut self, connection: &mut Connection<'_, ()>) {
        connection.send_bytes(self.lines.clone());
    }

    fn on_message(&mut self, _connection: &mut Connection<'_, ()>, input: &mut Buffer) {
        input.retrieve_all();
    }
}

fn main() -> Result<()> {
    let port = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(2011);
    let mut event_loop = EventLoop::new()?;
    let server = TcpServer::builder(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
        .start(&mut event_loop, |_seat| Chargen::new())?;
    eprintln!("chargen on {}", server.local_addr());
    event_loop.run()
}
