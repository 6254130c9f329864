//! muduo's timing wheel: an echo server that closes who says nothing for some seconds:
//! `cargo run -p reactor --example idle_wheel -- PORT SECONDS THREADS`.
//!
//! To close the idle alone, set `ConnectionOptions::idle_timeout`: that is one line, exact to the
//! millisecond, and counts what is sent as well. The wheel shows how many waits of one length cost
//! next to nothing: one timer a loop, two words a connection, one store a message, and a tick looks
//! only at those whose time may be up. The price is that an end comes up to a tick late. It is of use
//! where a wait is not the library's: for an answer, a login, an entry of a cache.

use reactor::{
    Buffer, Connection, ConnectionId, Connections, EventLoop, Result, Service, TcpServer,
};
use std::mem;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

pub(crate) struct IdleWheel {
    tick: Duration,
    /// Ticks so far.
    pub(crate) now: usize,
    /// One for each tick that somebody may be idle, and one for the tick that has begun. Every
    /// connection is in one of them, since its last message or an earlier one.
    buckets: Vec<Vec<ConnectionId>>,
    phase: Phase,
}

#[derive(PartialEq, Eq)]
enum Phase {
    /// There is nobody to wait for, and no timer.
    Resting,
    Turning,
}

impl IdleWheel {
    pub(crate) fn new(tick: Duration, ticks: usize) -> Self {
        Self { tick, now: 0, buckets: vec![Vec::new(); ticks + 1], phase: Phase::Resting }
    }

    fn bucket(&mut self, tick: usize) -> &mut Vec<ConnectionId> {
        let count = self.buckets.len();
        &mut self.buckets[tick % count]
    }

    /// The bucket of the tick that begins is that of the oldest.
    pub(crate) fn turn(&mut self, connections: &mut Connections<'_, usize>) {
        self.now += 1;
        for id in mem::take(self.bucket(self.now)) {
            let Some(mut connection) = connections.get(id) else { continue }; // it has gone
            let last_message = *connection.state();
            if last_message + self.buckets.len() > self.now {
                self.bucket(last_message).push(id);
            } else {
                connection.close_after_flush();
            }
        }
    }
}

impl Service for IdleWheel {
    /// The tick of the last message.
    type State = usize;
    type Post = ();

    fn on_connected(&mut self, connection: &mut Connection<'_, usize>) {
        *connection.state_mut() = self.now;
        self.bucket(self.now).push(connection.id());
        if self.phase == Phase::Resting {
            self.phase = Phase::Turning;
            connection.connections().run_after(self.tick, 0);
        }
    }

    fn on_message(&mut self, connection: &mut Connection<'_, usize>, input: &mut Buffer) {
        *connection.state_mut() = self.now;
        connection.send(input.peek());
        input.retrieve_all();
    }

    fn on_service_timer(&mut self, connections: &mut Connections<'_, usize>, _tag: u64) {
        self.turn(connections);
        if self.buckets.iter().all(Vec::is_empty) {
            self.phase = Phase::Resting;
        } else {
            connections.run_after(self.tick, 0);
        }
    }
}

fn argument(position: usize, default: u16) -> u16 {
    std::env::args().nth(position).and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn main() -> Result<()> {
    let mut event_loop = EventLoop::new()?;
    let (seconds, tick) = (usize::from(argument(2, 8)), Duration::from_secs(1));
    let server = TcpServer::builder(SocketAddr::from((Ipv4Addr::LOCALHOST, argument(1, 2009))))
        .threads(usize::from(argument(3, 0)))
        .start(&mut event_loop, move |_seat| IdleWheel::new(tick, seconds))?;
    eprintln!("echo on {} for those who speak every {seconds} s", server.local_addr());
    event_loop.run()
}
