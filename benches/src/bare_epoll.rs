//! A bare level-triggered epoll loop that echoes: one wait, one read and one write for each
//! block, and nothing else; or a write to each other connection. What it does, every server has to
//! do; what another one does on top is that one's own cost.
//!
//! Not a model of a server: it has no limits, no timers and no order of closing.

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::fd::OwnedFd;
use rustix::io::{Errno, read, write};
use rustix::net::{self, AddressFamily, SocketFlags, SocketType, sockopt};
use slab::Slab;
use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, TcpStream};

/// Bytes asked for in one read, as the reactor does.
const READ_BYTES: usize = 64 * 1024;
/// Events fetched in one wait; more connections than any bench has.
const EVENTS_MAX: usize = 1024;
/// Connections that wait to be accepted, as the reactor has it.
const BACKLOG: i32 = 4096;
/// Stands for the listener; slots of connections are far below.
const LISTENER: u64 = u64::MAX;

/// To whom a block goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recipients {
    /// Back to the sender.
    Sender,
    /// To all others.
    Others,
}

/// The loop, its listener and its connections.
#[derive(Debug)]
pub struct BareEcho {
    recipients: Recipients,
    epoll: OwnedFd,
    listener: TcpListener,
    connections: Slab<EchoConnection>,
    input: Vec<u8>,
}

#[derive(Debug)]
struct EchoConnection {
    stream: TcpStream,
    /// What the kernel did not take; while there is some, nothing is read.
    unsent: Vec<u8>,
}

/// Whether a connection is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Open,
    Over,
}

impl BareEcho {
    /// Listens on `port` of the loopback address; 0 lets the system choose one.
    ///
    /// # Errors
    /// If the port is taken, or there are no descriptors left.
    pub fn bind(port: u16, recipients: Recipients) -> io::Result<Self> {
        let listener = listen(port)?;
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        epoll::add(&epoll, &listener, EventData::new_u64(LISTENER), EventFlags::IN)?;
        let (connections, input) = (Slab::new(), vec![0; READ_BYTES]);
        Ok(Self { recipients, epoll, listener, connections, input })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// If the listener is broken.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Echoes until something other than a connection fails.
    ///
    /// # Errors
    /// If the system refuses to wait or to accept.
    pub fn run(mut self) -> io::Result<Infallible> {
        let mut events = Vec::with_capacity(EVENTS_MAX);
        loop {
            match epoll::wait(&self.epoll, spare_capacity(&mut events), None) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            for event in events.drain(..) {
                let slot = event.data.u64();
                if slot == LISTENER {
                    self.accept()?;
                } else if self.handle_event(slot as usize) == Fate::Over {
                    // Closing the descriptor takes it out of the interest list.
                    self.connections.remove(slot as usize);
                }
            }
        }
    }

    fn accept(&mut self) -> io::Result<()> {
        let stream = match self.listener.accept() {
            Ok((stream, _)) => stream,
            Err(error) if is_passing(&error) => return Ok(()),
            Err(error) => return Err(error),
        };
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        let entry = self.connections.vacant_entry();
        epoll::add(&self.epoll, &stream, EventData::new_u64(entry.key() as u64), EventFlags::IN)?;
        entry.insert(EchoConnection { stream, unsent: Vec::new() });
        Ok(())
    }

    fn handle_event(&mut self, slot: usize) -> Fate {
        let connection = &mut self.connections[slot];
        let was_blocked = !connection.unsent.is_empty();
        let result = if was_blocked { connection.write_unsent() } else { self.relay(slot) };
        match result {
            Ok(Fate::Open) => self.follow(slot, was_blocked),
            Ok(Fate::Over) => Fate::Over,
            Err(Errno::AGAIN | Errno::INTR) => Fate::Open,
            Err(_) => Fate::Over,
        }
    }

    /// Reads once, and sends that on.
    fn relay(&mut self, slot: usize) -> Result<Fate, Errno> {
        let count = read(&self.connections[slot].stream, &mut self.input)?;
        if count == 0 {
            return Ok(Fate::Over);
        }
        match self.recipients {
            Recipients::Sender => self.connections[slot].send(&self.input[..count])?,
            Recipients::Others => self.tell_others(slot, count),
        }
        Ok(Fate::Open)
    }

    fn tell_others(&mut self, slot: usize, count: usize) {
        for other in 0..self.connections.capacity() {
            let Some(connection) = self.connections.get_mut(other).filter(|_| other != slot) else {
                continue;
            };
            let was_blocked = !connection.unsent.is_empty();
            // What is wrong with it, its own event tells.
            let _broken = connection.send(&self.input[..count]);
            self.follow(other, was_blocked);
        }
    }

    /// Waits for what a connection is ready for next.
    fn follow(&self, slot: usize, was_blocked: bool) -> Fate {
        let connection = &self.connections[slot];
        let is_blocked = !connection.unsent.is_empty();
        if was_blocked == is_blocked {
            return Fate::Open;
        }
        let interest = if is_blocked { EventFlags::OUT } else { EventFlags::IN };
        let data = EventData::new_u64(slot as u64);
        match epoll::modify(&self.epoll, &connection.stream, data, interest) {
            Ok(()) => Fate::Open,
            Err(_) => Fate::Over,
        }
    }
}

impl EchoConnection {
    fn send(&mut self, block: &[u8]) -> Result<(), Errno> {
        let mut written = 0;
        if self.unsent.is_empty() {
            written = match write(&self.stream, block) {
                Err(Errno::AGAIN | Errno::INTR) => 0,
                result => result?,
            };
        }
        self.unsent.extend_from_slice(&block[written..]);
        Ok(())
    }

    fn write_unsent(&mut self) -> Result<Fate, Errno> {
        let written = write(&self.stream, &self.unsent)?;
        self.unsent.drain(..written);
        Ok(Fate::Open)
    }
}

/// Several loops may listen on one port.
fn listen(port: u16) -> io::Result<TcpListener> {
    let socket = net::socket_with(
        AddressFamily::INET,
        SocketType::STREAM,
        SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
        None,
    )?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    sockopt::set_socket_reuseport(&socket, true)?;
    net::bind(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, port))?;
    net::listen(&socket, BACKLOG)?;
    Ok(socket.into())
}

/// The peer's doing, or a signal's: the next accept may well work.
fn is_passing(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, Interrupted, WouldBlock};
    matches!(error.kind(), ConnectionAborted | Interrupted | WouldBlock)
}

/// One that runs until the tests are over; returns where.
#[cfg(test)]
pub(crate) fn start() -> SocketAddr {
    start_for(Recipients::Sender)
}

/// The same for one with another recipients.
#[cfg(test)]
pub(crate) fn start_for(recipients: Recipients) -> SocketAddr {
    let server = BareEcho::bind(0, recipients).expect("a port is free");
    let address = server.local_addr().expect("it listens");
    std::thread::spawn(move || server.run());
    address
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::Shutdown;
    use std::thread;

    #[test]
    fn what_is_sent_comes_back() {
        let address = start();
        let mut clients: Vec<_> = (0..10).map(|_| TcpStream::connect(address).unwrap()).collect();
        for (number, client) in clients.iter_mut().enumerate() {
            client.write_all(&[number as u8; 64]).unwrap();
        }
        for (number, client) in clients.iter_mut().enumerate() {
            let mut block = [0xff; 64];
            client.read_exact(&mut block).unwrap();
            assert_eq!(block, [number as u8; 64]);
        }
    }

    #[test]
    fn more_than_the_kernel_takes_comes_back_too() {
        const SENT: usize = 32 << 20;
        let mut client = TcpStream::connect(start()).unwrap();
        let mut writer = client.try_clone().unwrap();
        let sender = thread::spawn(move || {
            let block: Vec<u8> = (0..1 << 20).map(|at| (at % 251) as u8).collect();
            for _ in 0..SENT / block.len() {
                writer.write_all(&block).unwrap();
            }
            block
        });
        let mut received = vec![0; SENT];
        client.read_exact(&mut received).unwrap();
        let block = sender.join().unwrap();
        assert!(received.chunks(block.len()).all(|chunk| chunk == block));
        client.shutdown(Shutdown::Write).unwrap();
        assert_eq!(client.read(&mut [0]).unwrap(), 0);
    }

    #[test]
    fn what_is_sent_goes_to_all_others() {
        const SENT: usize = 16 << 20;
        let address = start_for(Recipients::Others);
        let mut clients: Vec<_> = (0..3).map(|_| TcpStream::connect(address).unwrap()).collect();
        let mut speaker = clients.pop().unwrap();
        let sender = thread::spawn(move || {
            let block: Vec<u8> = (0..1 << 20).map(|at| (at % 251) as u8).collect();
            (0..SENT / block.len()).for_each(|_| speaker.write_all(&block).unwrap());
            (speaker, block)
        });
        // The second is full long before it reads.
        let received = clients.iter_mut().map(|client| {
            let mut received = vec![0; SENT];
            client.read_exact(&mut received).unwrap();
            received
        });
        let received: Vec<_> = received.collect();
        let (mut speaker, block) = sender.join().unwrap();
        assert!(received.iter().flat_map(|it| it.chunks(block.len())).all(|chunk| chunk == block));
        speaker.set_nonblocking(true).unwrap();
        assert!(speaker.read(&mut [0]).is_err(), "nothing comes back");
    }
}
