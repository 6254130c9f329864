//! RFC 867: says what time it is and hangs up: `cargo run -p reactor --example daytime -- PORT`.

use reactor::{Buffer, Connection, EventLoop, Result, Service, TcpServer};
use std::net::{Ipv4Addr, SocketAddr};

pub(crate) struct Daytime;

impl Service for Daytime {
    type State = ();
    type Post = ();

    fn on_connected(&mut self, connection: &mut Connection<'_, ()>) {
        connection.send(format!("{}\r\n", jiff::Timestamp::now()).as_bytes());
        connection.shutdown();
    }

    fn on_message(&mut self, _connection: &mut Connection<'_, ()>, input: &mut Buffer) {
        input.retrieve_all();
    }
}

fn main() -> Result<()> {
    let port = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(2013);
    let mut event_loop = EventLoop::new()?;
    let server = TcpServer::builder(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
        .start(&mut event_loop, |_seat| Daytime)?;
    eprintln!("daytime on {}", server.local_addr());
    event_loop.run()
}
