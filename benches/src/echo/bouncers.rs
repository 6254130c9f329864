//! Blocks that bounce: each connection has one under way, and sends it again when it is back.

use crate::tally::Tally;
use crate::turn::Traffic;
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
/// How long blocks that are under way may take to come back once no more are sent.
const SETTLE_WITHIN: Duration = Duration::from_secs(10);

/// Many connections on one epoll loop, edge-triggered.
pub(crate) struct Bouncers {
    epoll: OwnedFd,
    seats: Vec<Seat>,
    block: Vec<u8>,
    input: Vec<u8>,
    events: Vec<epoll::Event>,
}

#[derive(Debug)]
struct Seat {
    stream: TcpStream,
    sent_at: Instant,
    /// Bytes of the block that the kernel did not take yet.
    unsent: usize,
    /// Bytes of it that have not come back.
    awaited: usize,
}

impl Bouncers {
    /// So many connections to `server`, with blocks of so many bytes.
    pub(crate) fn connect(server: SocketAddr, count: usize, bytes: usize) -> io::Result<Self> {
        let streams = (0..count).map(|_| TcpStream::connect(server));
        Self::over(streams.collect::<io::Result<_>>()?, bytes)
    }

    /// Over connections to a server that has taken them in.
    pub(crate) fn over(streams: Vec<TcpStream>, bytes: usize) -> io::Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let mut seats = Vec::with_capacity(streams.len());
        for (seat, stream) in streams.into_iter().enumerate() {
            stream.set_nonblocking(true)?;
            stream.set_nodelay(true)?;
            let interest = EventFlags::IN | EventFlags::OUT | EventFlags::ET;
            epoll::add(&epoll, &stream, EventData::new_u64(seat as u64), interest)?;
            seats.push(Seat { stream, sent_at: Instant::now(), unsent: 0, awaited: 0 });
        }
        let block = vec![b'x'; bytes];
        let events = Vec::with_capacity(EVENTS_MAX);
        Ok(Self { epoll, seats, block, input: vec![0; READ_BYTES], events })
    }

    /// Sends one block on each connection, and waits for all.
    pub(crate) fn play_once(&mut self) -> io::Result<()> {
        self.play(Duration::ZERO, &mut Tally::new())?;
        self.settle()
    }

    /// Handles what has come; sends blocks again only before `deadline`.
    fn turn(&mut self, limit: Duration, deadline: Instant, tally: &mut Tally) -> io::Result<()> {
        let timeout = Timespec { tv_sec: limit.as_secs() as _, tv_nsec: limit.subsec_nanos() as _ };
        self.events.clear();
        match epoll::wait(&self.epoll, spare_capacity(&mut self.events), Some(&timeout)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        for event in &self.events {
            let seat = &mut self.seats[event.data.u64() as usize];
            seat.write(&self.block)?;
            if !seat.receive(&mut self.input)? {
                continue;
            }
            let now = Instant::now();
            tally.count(now - seat.sent_at);
            if now < deadline {
                seat.send(&self.block, now)?;
            }
        }
        Ok(())
    }
}

impl Traffic for Bouncers {
    fn play(&mut self, duration: Duration, tally: &mut Tally) -> io::Result<()> {
        let start = Instant::now();
        let deadline = start + duration;
        for seat in &mut self.seats {
            if seat.awaited == 0 {
                seat.send(&self.block, Instant::now())?;
            }
        }
        let mut now = start;
        while now < deadline {
            self.turn(deadline - now, deadline, tally)?;
            now = Instant::now();
        }
        tally.elapsed += now - start;
        Ok(())
    }

    fn settle(&mut self) -> io::Result<()> {
        let start = Instant::now();
        while self.seats.iter().any(|seat| seat.awaited > 0) {
            if start.elapsed() > SETTLE_WITHIN {
                return Err(io::Error::other("blocks were lost"));
            }
            self.turn(Duration::from_millis(100), start, &mut Tally::new())?;
        }
        Ok(())
    }
}

impl Seat {
    fn send(&mut self, block: &[u8], now: Instant) -> io::Result<()> {
        (self.sent_at, self.unsent, self.awaited) = (now, block.len(), block.len());
        self.write(block)
    }

    fn write(&mut self, block: &[u8]) -> io::Result<()> {
        while self.unsent > 0 {
            match write(&self.stream, &block[block.len() - self.unsent..]) {
                Ok(count) => self.unsent -= count,
                Err(Errno::AGAIN) => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Whether the block is back as a whole.
    fn receive(&mut self, input: &mut [u8]) -> io::Result<bool> {
        while self.awaited > 0 {
            match read(&self.stream, &mut *input) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) if count > self.awaited => {
                    return Err(io::Error::other("more came back than was sent"));
                }
                Ok(count) => self.awaited -= count,
                Err(Errno::AGAIN) => return Ok(false),
                Err(error) => return Err(error.into()),
            }
            if self.awaited == 0 {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bare_epoll;

    #[test]
    fn blocks_bounce_and_come_to_rest() {
        let mut bouncers = Bouncers::connect(bare_epoll::start(), 3, 100_000).unwrap();
        for _ in 0..2 {
            let mut tally = Tally::new();
            bouncers.play(Duration::from_millis(30), &mut tally).unwrap();
            bouncers.settle().unwrap();
            assert!(tally.messages >= 3, "{tally:?}");
        }
    }
}
