//! A chat of lines; everyone gets every line: `cargo run -p reactor --example chat_lines -- PORT THREADS`.
//!
//! Fan-out by loop, as in muduo's fastest chat server: a line is posted once to each loop, which
//! sends it to its own connections. The bytes are shared, never copied for a receiver.

use reactor::{
    Buffer, Bytes, Connection, Connections, EventLoop, Result, Seat, Service, TcpServer,
};
use std::net::{Ipv4Addr, SocketAddr};

/// A line longer than this ends the connection.
const LINE_BYTES_MAX: usize = 8 * 1024;

pub(crate) struct Chat {
    pub(crate) seat: Seat<Bytes>,
}

impl Service for Chat {
    type State = ();
    type Post = Bytes;

    fn on_message(&mut self, connection: &mut Connection<'_, ()>, input: &mut Buffer) {
        while let Some(end) = input.find_eol(0) {
            let line = Bytes::from(input.retrieve_as_vec(end + 1));
            for service in self.seat.handles.iter() {
                if service.post(line.clone()).is_err() {
                    eprintln!("a loop has ended");
                }
            }
        }
        if input.len() > LINE_BYTES_MAX {
            connection.force_close();
        }
    }

    fn on_post(&mut self, connections: &mut Connections<'_, ()>, line: Bytes) {
        connections.for_each(|connection| {
            connection.send_bytes(line.clone());
        });
    }
}

fn argument(position: usize, default: u16) -> u16 {
    std::env::args().nth(position).and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn main() -> Result<()> {
    let mut event_loop = EventLoop::new()?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, argument(1, 2008)));
    let threads = usize::from(argument(2, 2));
    let server = TcpServer::builder(address)
        .threads(threads)
        .start(&mut event_loop, |seat| Chat { seat })?;
    eprintln!("chat on {}, {threads} sub loops", server.local_addr());
    event_loop.run()
}
