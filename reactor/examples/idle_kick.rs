//! Closes connections that say nothing for some seconds:
//! `cargo run -p reactor --example idle_kick -- PORT SECONDS`.
//!
//! One timer a connection, armed anew only when it fires: a message costs no timer call.

use reactor::{Buffer, Connection, EventLoop, Result, Service, TcpServer};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

/// An echo that kicks the idle.
pub(crate) struct IdleKick {
    pub(crate) limit: Duration,
}

impl Service for IdleKick {
    /// When the last message came.
    type State = Option<Instant>;
    type Post = ();

    fn on_connected(&mut self, connection: &mut Connection<'_, Self::State>) {
        *connection.state_mut() = Some(connection.now());
        connection.run_after(self.limit, 0);
    }

    fn on_message(&mut self, connection: &mut Connection<'_, Self::State>, input: &mut Buffer) {
        *connection.state_mut() = Some(connection.now());
        connection.send(input.peek());
        input.retrieve_all();
    }

    fn on_timer(&mut self, connection: &mut Connection<'_, Self::State>, _tag: u64) {
        let now = connection.now();
        let idle = connection.state().map_or(Duration::ZERO, |last| now - last);
        if idle < self.limit {
            connection.run_after(self.limit - idle, 0);
        } else {
            connection.send(b"idle for too long\n");
            connection.close_after_flush();
        }
    }
}

fn argument(position: usize, default: u16) -> u16 {
    std::env::args().nth(position).and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn main() -> Result<()> {
    let mut event_loop = EventLoop::new()?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, argument(1, 2009)));
    let limit = Duration::from_secs(argument(2, 8).into());
    let server =
        TcpServer::builder(address).start(&mut event_loop, move |_seat| IdleKick { limit })?;
    eprintln!("echo on {} for those who speak every {limit:?}", server.local_addr());
    event_loop.run()
}
