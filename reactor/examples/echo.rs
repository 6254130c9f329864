//! Sends back what it gets: `cargo run -p reactor --example echo -- PORT THREADS`.

use reactor::{Buffer, Connection, EventLoop, Result, Service, TcpServer};
use std::net::{Ipv4Addr, SocketAddr};

pub(crate) struct Echo;

impl Service for Echo {
    type State = ();
    type Post = ();

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
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, argument(1, 2007)));
    let threads = usize::from(argument(2, 0));
    let server =
        TcpServer::builder(address).threads(threads).start(&mut event_loop, |_seat| Echo)?;
    eprintln!("echo on {}, {threads} sub loops", server.local_addr());
    event_loop.run()
}
