//! Many connections that only receive, in a process of their own: its parent has no descriptors left
//! for both ends.

use crate::arguments::program;
use crate::crowd;
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::fd::OwnedFd;
use rustix::io::{Errno, read};
use std::convert::Infallible;
use std::io::{self, BufRead, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, ChildStdout, Command, Stdio};

/// The program that [`attend`]s.
const PROGRAM: &str = "audience";
const READ_BYTES: usize = 64 * 1024;
const EVENTS_MAX: usize = 1024;
/// What the program says of itself: all are there.
const CONNECTED: &str = "connected";
/// And: all have one more message.
const RECEIVED: &str = "received";

/// The process, as its parent has it; killed when dropped.
pub(crate) struct Audience {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Audience {
    /// Starts it; it connects to `server` while others go on.
    pub(crate) fn start(server: SocketAddr, connections: usize, bytes: usize) -> io::Result<Self> {
        let mut command = Command::new(program(None, PROGRAM)?);
        command.args([server.to_string(), connections.to_string(), bytes.to_string()]);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let output = child.stdout.take().ok_or_else(|| io::Error::other("it has no output"))?;
        Ok(Self { child, lines: BufReader::new(output) })
    }

    /// Waits until all are connected.
    pub(crate) fn wait_connected(&mut self) -> io::Result<()> {
        self.expect(CONNECTED)
    }

    /// Waits until each has received the next message.
    pub(crate) fn wait_received(&mut self) -> io::Result<()> {
        self.expect(RECEIVED)
    }

    fn expect(&mut self, expected: &str) -> io::Result<()> {
        let mut line = String::new();
        self.lines.read_line(&mut line)?;
        if line.trim_end() == expected {
            return Ok(());
        }
        Err(io::Error::other(format!("the audience is not {expected}: {line:?}")))
    }
}

impl Drop for Audience {
    fn drop(&mut self) {
        // It may have ended by itself, which is as good.
        let _ended = self.child.kill();
        let _status = self.child.wait();
    }
}

/// Receives messages of `bytes` bytes on `connections` connections, and calls `tell` with the line
/// for each that all have received.
///
/// # Errors
/// If a connection fails, or one gets more or less than the others.
pub fn attend(
    server: SocketAddr,
    connections: usize,
    bytes: usize,
    mut tell: impl FnMut(&str),
) -> io::Result<Infallible> {
    let mut listeners = Listeners::new(crowd::connect(server, connections)?)?;
    tell(CONNECTED);
    let mut heard = 0;
    loop {
        heard += bytes;
        listeners.receive(heard)?;
        tell(RECEIVED);
    }
}

struct Listeners {
    epoll: OwnedFd,
    /// Each with the bytes that it received.
    streams: Vec<(TcpStream, usize)>,
    events: Vec<epoll::Event>,
    input: Vec<u8>,
}

impl Listeners {
    fn new(streams: Vec<TcpStream>) -> io::Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        for (seat, stream) in streams.iter().enumerate() {
            stream.set_nonblocking(true)?;
            let interest = EventFlags::IN | EventFlags::ET;
            epoll::add(&epoll, stream, EventData::new_u64(seat as u64), interest)?;
        }
        let streams = streams.into_iter().map(|stream| (stream, 0)).collect();
        let events = Vec::with_capacity(EVENTS_MAX);
        Ok(Self { epoll, streams, events, input: vec![0; READ_BYTES] })
    }

    /// Returns when every one has received `expected` bytes since the beginning.
    fn receive(&mut self, expected: usize) -> io::Result<()> {
        let mut missing = self.streams.iter().filter(|(_, received)| *received < expected).count();
        while missing > 0 {
            self.events.clear();
            match epoll::wait(&self.epoll, spare_capacity(&mut self.events), None) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            for event in &self.events {
                let (stream, received) = &mut self.streams[event.data.u64() as usize];
                let before = *received;
                *received += read_all(stream, &mut self.input)?;
                if *received > expected {
                    return Err(io::Error::other("one has received too much"));
                }
                missing -= usize::from(before < expected && *received == expected);
            }
        }
        Ok(())
    }
}

/// Reads what there is; returns how much it was.
fn read_all(stream: &TcpStream, input: &mut [u8]) -> io::Result<usize> {
    let mut bytes = 0;
    loop {
        match read(stream, &mut *input) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => bytes += count,
            Err(Errno::AGAIN) => return Ok(bytes),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::net::TcpListener;
    use std::thread;

    #[test]
    fn it_tells_when_all_have_received() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = server.local_addr().unwrap();
        let (sender, lines) = std::sync::mpsc::channel();
        let audience = thread::spawn(move || {
            attend(address, 2, 3, |line| sender.send(line.to_owned()).unwrap()).unwrap_err()
        });
        let mut ends: Vec<_> = (0..2).map(|_| server.accept().unwrap().0).collect();
        assert_eq!(lines.recv().unwrap(), CONNECTED);
        ends[0].write_all(b"abc").unwrap();
        ends[1].write_all(b"ab").unwrap();
        assert!(lines.try_recv().is_err());
        ends[1].write_all(b"c").unwrap();
        assert_eq!(lines.recv().unwrap(), RECEIVED);
        ends[1].write_all(b"abcd").unwrap();
        assert!(audience.join().unwrap().to_string().contains("too much"));
    }
}
