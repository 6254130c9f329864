//! RFC 868: sends the seconds since 1900 as four bytes: `cargo run -p reactor --example time -- PORT`.

use reactor::{Buffer, Connection, EventLoop, Result, Service, TcpServer};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{SystemTime, UNIX_EPOCH};

/// From 1900 to 1970, with 17 leap days.
pub(crate) const SECONDS_TO_1970: u64 = (70 * 365 + 17) * 24 * 3600;

pub(crate) struct Time;

impl Service for Time {
    type State = ();
    type Post = ();

    fn on_connected(&mut self, connection: &mut Connection<'_, ()>) {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        // Wraps in 2036, as the protocol does.
        let seconds = (since_1970.as_secs() + SECONDS_TO_1970) as u32;
        connection.send(&seconds.to_be_bytes());
        connection.shutdown();
    }

    fn on_message(&mut self, _connection: &mut Connection<'_, ()>, input: &mut Buffer) {
        input.retrieve_all();
    }
}

fn main() -> Result<()> {
    let port = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(2014);
    let mut event_loop = EventLoop::new()?;
    let server = TcpServer::builder(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
        .start(&mut event_loop, |_seat| Time)?;
    eprintln!("time on {}", server.local_addr());
    event_loop.run()
}
