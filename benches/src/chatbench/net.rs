//! The connections of many clients on one epoll, edge-triggered so that an event costs one read, one
//! write and no second look.

use crate::crowd;
use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::fd::OwnedFd;
use rustix::io::{Errno, read, write};
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

const READ_BYTES: usize = 64 * 1024;
const EVENTS_MAX: usize = 1024;
/// A line of a server is an answer to a login at the longest, with ten thousand members listed.
const LINE_MAX: usize = 64 << 20;

/// What is done with what clients hear. A client is told by its number.
pub(super) trait Role {
    /// Takes one line, without its newline.
    fn hear(&mut self, net: &mut Net, who: usize, line: &[u8], now: Instant) -> io::Result<()>;

    /// All lines of one read were heard: time to respond.
    fn respond(&mut self, net: &mut Net, who: usize, now: Instant) -> io::Result<()>;
}

/// What is done until something happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waiting {
    Sleep,
    /// Look again and again, so that no server's processor has to wake this one.
    Poll,
}

/// See the module.
pub(super) struct Net {
    epoll: OwnedFd,
    waiting: Waiting,
    wires: Vec<Option<Wire>>,
    /// Connections made so far.
    serial: u64,
    /// Clients with something to write.
    unwritten: Vec<usize>,
    input: Vec<u8>,
    events: Vec<epoll::Event>,
}

struct Wire {
    server: SocketAddr,
    stream: TcpStream,
    serial: u64,
    /// The beginning of a line whose end has not come.
    partial: Vec<u8>,
    output: Vec<u8>,
}

impl Net {
    /// For clients 0 to `clients`, none of them connected.
    pub(super) fn new(clients: usize) -> io::Result<Self> {
        Ok(Self {
            epoll: epoll::create(CreateFlags::CLOEXEC)?,
            waiting: Waiting::Sleep,
            wires: (0..clients).map(|_| None).collect(),
            serial: 0,
            unwritten: Vec::new(),
            input: vec![0; READ_BYTES],
            events: Vec::with_capacity(EVENTS_MAX),
        })
    }

    /// Begins a connection of client `who`, which has none.
    pub(super) fn open(&mut self, who: usize, server: SocketAddr) -> io::Result<()> {
        let failed = |error: io::Error| {
            if error.raw_os_error() == Some(Errno::MFILE.raw_os_error()) {
                let text = format!("no descriptor for client {who}; raise `ulimit -n`: {error}");
                return io::Error::other(text);
            }
            io::Error::new(error.kind(), format!("client {who} cannot reach {server}: {error}"))
        };
        let stream = crowd::begin_connect(server).map_err(failed)?;
        let interest = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
        epoll::add(&self.epoll, &stream, EventData::new_u64(who as u64), interest)?;
        self.serial += 1;
        let wire =
            Wire { server, stream, serial: self.serial, partial: Vec::new(), output: Vec::new() };
        debug_assert!(self.wires[who].is_none(), "client {who} is connected");
        self.wires[who] = Some(wire);
        Ok(())
    }

    /// Ends the connection of client `who`, if it has one; what it had not written is lost.
    pub(super) fn close(&mut self, who: usize) {
        self.wires[who] = None;
    }

    /// Has `write` append what client `who` is to say; it goes out with the next [`Self::flush`] or
    /// event.
    pub(super) fn say(&mut self, who: usize, write: impl FnOnce(&mut Vec<u8>)) {
        if let Some(wire) = &mut self.wires[who] {
            let before = wire.output.len();
            write(&mut wire.output);
            if before == 0 && !wire.output.is_empty() {
                self.unwritten.push(who);
            }
        }
    }

    /// Writes what was said.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        let mut unwritten = std::mem::take(&mut self.unwritten);
        for who in unwritten.drain(..) {
            if let Some(wire) = &mut self.wires[who] {
                wire.flush().map_err(|error| wire.broken(who, &error))?;
            }
        }
        self.unwritten = unwritten;
        Ok(())
    }

    /// How it is waited from now on; at first by sleeping.
    pub(super) fn set_waiting(&mut self, waiting: Waiting) {
        self.waiting = waiting;
    }

    /// Waits for events, at most for `limit` and not at all when polling, and has `role` take what
    /// came.
    pub(super) fn turn(&mut self, limit: Duration, role: &mut impl Role) -> io::Result<()> {
        self.flush()?;
        let limit = match self.waiting {
            Waiting::Sleep => limit,
            Waiting::Poll => Duration::ZERO,
        };
        let timeout = Timespec { tv_sec: limit.as_secs() as _, tv_nsec: limit.subsec_nanos() as _ };
        let mut events = std::mem::take(&mut self.events);
        match epoll::wait(&self.epoll, spare_capacity(&mut events), Some(&timeout)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let mut input = std::mem::take(&mut self.input);
        let mut served = Ok(());
        for event in events.drain(..) {
            let (who, flags) = (event.data.u64() as usize, event.flags);
            served = served.and_then(|()| self.serve(who, flags, &mut input, role));
        }
        self.input = input;
        self.events = events;
        served
    }

    fn serve(
        &mut self,
        who: usize,
        flags: EventFlags,
        input: &mut [u8],
        role: &mut impl Role,
    ) -> io::Result<()> {
        let is_ending = flags.intersects(EventFlags::RDHUP | EventFlags::HUP | EventFlags::ERR);
        while let Some(wire) = &self.wires[who] {
            let serial = wire.serial;
            let count = match read(&wire.stream, &mut *input) {
                Ok(0) => return Err(wire.broken(who, &hung_up())),
                Ok(count) => count,
                Err(Errno::AGAIN) => break,
                Err(Errno::INTR) => continue,
                Err(error) => return Err(wire.broken(who, &error.into())),
            };
            let now = Instant::now();
            self.split(who, serial, &input[..count], now, role)?;
            role.respond(self, who, now)?;
            // Less than was asked for: there is no more, and the next byte brings an event.
            if count < input.len() && !is_ending {
                break;
            }
        }
        if let Some(wire) = &mut self.wires[who] {
            wire.flush().map_err(|error| wire.broken(who, &error))?;
        }
        self.flush()
    }

    /// Has `role` hear the lines in `bytes`, unless it ends the connection before.
    fn split(
        &mut self,
        who: usize,
        serial: u64,
        mut bytes: &[u8],
        now: Instant,
        role: &mut impl Role,
    ) -> io::Result<()> {
        while let Some(end) = memchr::memchr(b'\n', bytes) {
            let Some(wire) = self.wire(who, serial) else { return Ok(()) };
            if wire.partial.is_empty() {
                role.hear(self, who, &bytes[..end], now)?;
            } else {
                let mut line = std::mem::take(&mut wire.partial);
                line.extend_from_slice(&bytes[..end]);
                role.hear(self, who, &line, now)?;
            }
            bytes = &bytes[end + 1..];
        }
        if let Some(wire) = self.wire(who, serial) {
            wire.partial.extend_from_slice(bytes);
            if wire.partial.len() > LINE_MAX {
                return Err(wire.broken(who, &io::Error::other("a line has no end")));
            }
        }
        Ok(())
    }

    fn wire(&mut self, who: usize, serial: u64) -> Option<&mut Wire> {
        self.wires[who].as_mut().filter(|wire| wire.serial == serial)
    }
}

impl Wire {
    fn broken(&self, who: usize, error: &io::Error) -> io::Error {
        let text = format!("the connection of client {who} to {} broke: {error}", self.server);
        io::Error::new(error.kind(), text)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.output.is_empty() {
            return Ok(());
        }
        match write(&self.stream, &self.output) {
            Ok(written) if written == self.output.len() => self.output.clear(),
            Ok(written) => drop(self.output.drain(..written)),
            // It is being connected, or its peer is full; an event tells when that is over.
            Err(Errno::AGAIN | Errno::INTR | Errno::NOTCONN) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }
}

fn hung_up() -> io::Error {
    io::Error::other(
        "the server hung up; its log may say why, or its limits: of descriptors (`ulimit -n`), \
         --connections-max, --anonymous-max",
    )
}

#[cfg(test)]
mod tests;
