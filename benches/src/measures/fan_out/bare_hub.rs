//! The least that has to be done: a write for each connection, by threads that have half of them each.

use super::{Announcer, LOOPS};
use std::cell::Cell;
use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

pub(super) struct BareHub {
    listener: TcpListener,
    /// To the threads, which end with these.
    threads: Vec<Sender<Arc<[u8]>>>,
    posts: Cell<u64>,
}

impl Announcer for BareHub {
    fn start() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        // The backlog of std's is 128; a client whose knock was dropped knocks again after a second.
        rustix::net::listen(&listener, 4096)?;
        Ok(Self { listener, threads: Vec::new(), posts: Cell::new(0) })
    }

    fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    fn wait_for(&mut self, connections: usize) -> io::Result<()> {
        let accept = || {
            let (stream, _) = self.listener.accept()?;
            stream.set_nodelay(true)?;
            Ok(stream)
        };
        let mut streams = (0..connections).map(|_| accept()).collect::<io::Result<Vec<_>>>()?;
        for others in (0..LOOPS).rev() {
            let share = streams.split_off(streams.len() * others / (others + 1));
            let (sender, receiver) = mpsc::channel();
            thread::Builder::new().spawn(move || write_to_all(share, &receiver))?;
            self.threads.push(sender);
        }
        Ok(())
    }

    fn announce(&self, message: &[u8]) -> io::Result<()> {
        let message: Arc<[u8]> = message.into();
        for thread in &self.threads {
            thread.send(message.clone()).map_err(io::Error::other)?;
            self.posts.set(self.posts.get() + 1);
        }
        Ok(())
    }

    fn posts(&self) -> u64 {
        self.posts.get()
    }
}

/// Ends when a write fails, which the audience then misses.
fn write_to_all(mut streams: Vec<TcpStream>, messages: &Receiver<Arc<[u8]>>) -> io::Result<()> {
    for message in messages {
        for stream in &mut streams {
            stream.write_all(&message)?;
        }
    }
    Ok(())
}
