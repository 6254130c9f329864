//! RFC 863: throws away what it gets, and tells how much that is: `cargo run -p reactor --example discard -- PORT`.

use reactor::{Buffer, Connection, Connections, EventLoop, Result, Service, TcpServer};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

const INTERVAL: Duration = Duration::from_secs(3);

#[derive(Default)]
pub(crate) struct Discard {
    pub(crate) bytes: u64,
    told: u64,
}

impl Service for Discard {
    type State = ();
    type Post = ();

    fn on_connected(&mut self, connection: &mut Connection<'_, ()>) {
        if connection.connections().len() == 1 {
            self.told = self.bytes;
            connection.connections().run_after(INTERVAL, 0);
        }
    }

    fn on_message(&mut self, _connection: &mut Connection<'_, ()>, input: &mut Buffer) {
        self.bytes += input.len() as u64;
        input.retrieve_all();
    }

    fn on_service_timer(&mut self, connections: &mut Connections<'_, ()>, _tag: u64) {
        let mebibytes = (self.bytes - self.told) as f64 / f64::from(1 << 20);
        eprintln!("{:.1} MiB/s", mebibytes / INTERVAL.as_secs_f64());
        self.told = self.bytes;
        if !connections.is_empty() {
            connections.run_after(INTERVAL, 0);
        }
    }
}

fn main() -> Result<()> {
    let port = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(2010);
    let mut event_loop = EventLoop::new()?;
    let server = TcpServer::builder(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
        .start(&mut event_loop, |_seat| Discard::default())?;
    eprintln!("discard on {}", server.local_addr());
    event_loop.run()
}
