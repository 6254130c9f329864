//! The reactor's way: one post a loop, and each loop sends to its own connections.

use super::{Announcer, LOOPS};
use reactor::{Buffer, Bytes, Connection, Connections, EventLoopThread, Service, TcpServer};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// Connections come at once or not at all.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) struct Hub {
    server: TcpServer<Bytes>,
    /// Accepts; after the server, which it outlives.
    _main_loop: EventLoopThread,
}

struct Subscribers;

impl Service for Subscribers {
    type State = ();
    type Post = Bytes;

    fn on_message(&mut self, _: &mut Connection<'_, ()>, input: &mut Buffer) {
        input.retrieve_all();
    }

    fn on_post(&mut self, connections: &mut Connections<'_, ()>, message: Bytes) {
        connections.for_each(|connection| {
            // One that is full or closed says so in its last callback.
            let _status = connection.send_bytes(message.clone());
        });
    }
}

impl Announcer for Hub {
    fn start() -> io::Result<Self> {
        let (sender, receiver) = mpsc::channel();
        let main_loop = EventLoopThread::start("main", move |event_loop| {
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
            let builder = TcpServer::builder(address).threads(LOOPS);
            // Whoever starts this thread waits for the server.
            let _waiting = sender.send(builder.start(event_loop, |_seat| Subscribers));
        });
        let main_loop = main_loop.map_err(io::Error::other)?;
        let server = receiver.recv().map_err(io::Error::other)?.map_err(io::Error::other)?;
        Ok(Self { server, _main_loop: main_loop })
    }

    fn address(&self) -> io::Result<SocketAddr> {
        Ok(self.server.local_addr())
    }

    fn wait_for(&mut self, connections: usize) -> io::Result<()> {
        let start = Instant::now();
        let loops = self.server.loops();
        while loops.iter().map(|each| each.stats().connections).sum::<u64>() < connections as u64 {
            if start.elapsed() > PATIENCE {
                return Err(io::ErrorKind::TimedOut.into());
            }
            thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    fn announce(&self, message: &[u8]) -> io::Result<()> {
        let message = Bytes::copy_from_slice(message);
        for service in self.server.handles().iter() {
            service.post(message.clone()).map_err(io::Error::other)?;
        }
        Ok(())
    }

    fn posts(&self) -> u64 {
        self.server.loops().iter().map(|each| each.stats().posts).sum()
    }
}
