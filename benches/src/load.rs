//! The load: many players on one epoll loop, edge-triggered so that an event costs it one read,
//! one write and no second look. Both contenders are played with this same engine.

use crate::player::{Play, Player};
use crate::tally::Tally;
use crate::turn::Traffic;
use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::fd::OwnedFd;
use rustix::io::{Errno, read, write};
use std::io;
use std::net::TcpStream;
use std::time::{Duration, Instant};

const READ_BYTES: usize = 64 * 1024;
const EVENTS_MAX: usize = 1024;
/// How long messages that are under way may take to arrive once no more are sent.
const SETTLE_WITHIN: Duration = Duration::from_secs(10);

/// To whom a player's messages go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Partner {
    /// Back to the player.
    Itself,
    /// To the other one of a pair: 0 and 1, 2 and 3, and so on.
    Neighbour,
}

/// See the module.
pub(crate) struct Load {
    epoll: OwnedFd,
    seats: Vec<Seat>,
    partner: Partner,
    /// Messages sent at the beginning, which are always either held or under way.
    messages: u64,
    input: Vec<u8>,
    events: Vec<epoll::Event>,
}

struct Seat {
    stream: TcpStream,
    player: Player,
    /// The beginning of a frame whose end has not come.
    partial: Vec<u8>,
    /// What is to be written.
    output: Vec<u8>,
}

impl Traffic for Load {
    fn play(&mut self, duration: Duration, tally: &mut Tally) -> io::Result<()> {
        let start = Instant::now();
        let deadline = start + duration;
        for seat in &mut self.seats {
            seat.player.respond(start, Play::On, &mut seat.output);
            seat.flush()?;
        }
        let mut now = start;
        while now < deadline {
            self.turn(deadline - now, Play::On, tally)?;
            now = Instant::now();
        }
        tally.elapsed += now - start;
        Ok(())
    }

    /// The next play begins as the first did.
    fn settle(&mut self) -> io::Result<()> {
        let deadline = Instant::now() + SETTLE_WITHIN;
        let mut uncounted = Tally::new();
        while !self.is_settled() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(io::Error::other("messages were lost"));
            }
            self.turn(left, Play::Paused, &mut uncounted)?;
        }
        Ok(())
    }
}

impl Load {
    /// A load of players on their connections.
    pub(crate) fn new(players: Vec<(TcpStream, Player)>, partner: Partner) -> io::Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let mut seats = Vec::with_capacity(players.len());
        for (stream, player) in players {
            stream.set_nonblocking(true)?;
            stream.set_nodelay(true)?;
            let data = EventData::new_u64(seats.len() as u64);
            let interest = EventFlags::IN | EventFlags::OUT | EventFlags::ET;
            epoll::add(&epoll, &stream, data, interest)?;
            seats.push(Seat { stream, player, partial: Vec::new(), output: Vec::new() });
        }
        let messages = seats.iter().map(|seat| seat.player.held()).sum();
        let events = Vec::with_capacity(EVENTS_MAX);
        Ok(Self { epoll, seats, partner, messages, input: vec![0; READ_BYTES], events })
    }

    fn is_settled(&self) -> bool {
        let held: u64 = self.seats.iter().map(|seat| seat.player.held()).sum();
        held == self.messages && self.seats.iter().all(|seat| seat.player.unanswered() == 0)
    }

    fn turn(&mut self, limit: Duration, play: Play, tally: &mut Tally) -> io::Result<()> {
        let timeout = Timespec { tv_sec: limit.as_secs() as _, tv_nsec: limit.subsec_nanos() as _ };
        let mut events = std::mem::take(&mut self.events);
        match epoll::wait(&self.epoll, spare_capacity(&mut events), Some(&timeout)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        for event in events.drain(..) {
            self.handle_event(event.data.u64() as usize, play, tally)?;
        }
        self.events = events;
        Ok(())
    }

    fn handle_event(&mut self, index: usize, play: Play, tally: &mut Tally) -> io::Result<()> {
        let mut input = std::mem::take(&mut self.input);
        loop {
            // A frame's beginning that came before stands before what comes now.
            let seat = &mut self.seats[index];
            let begun = seat.partial.len();
            input[..begun].copy_from_slice(&seat.partial);
            let end = match read(&seat.stream, &mut input[begun..]) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => begun + count,
                Err(Errno::AGAIN) => break,
                Err(error) => return Err(error.into()),
            };
            let now = Instant::now();
            let taken = self.receive(index, &input[..end], now, tally)?;
            if end - taken == input.len() {
                return Err(io::Error::other("a frame does not end"));
            }
            let seat = &mut self.seats[index];
            seat.partial.clear();
            seat.partial.extend_from_slice(&input[taken..end]);
            seat.player.respond(now, play, &mut seat.output);
            // Less than was asked for: there is no more, and the next byte brings an event.
            if end < input.len() {
                break;
            }
        }
        self.input = input;
        self.seats[index].flush()
    }

    /// Takes all whole frames of `bytes`; returns how long they are.
    fn receive(
        &mut self,
        index: usize,
        bytes: &[u8],
        now: Instant,
        tally: &mut Tally,
    ) -> io::Result<usize> {
        let mut all = 0;
        while let Some(taken) = self.seats[index].player.receive(&bytes[all..])? {
            if let Some(number) = taken.message {
                let sender = &self.seats[self.partner.of(index)].player;
                tally.count(now.saturating_duration_since(sender.sent_at(number)));
            }
            all += taken.bytes;
        }
        Ok(all)
    }
}

impl Seat {
    fn flush(&mut self) -> io::Result<()> {
        if self.output.is_empty() {
            return Ok(());
        }
        match write(&self.stream, &self.output) {
            Ok(written) if written == self.output.len() => self.output.clear(),
            Ok(written) => drop(self.output.drain(..written)),
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }
}

impl Partner {
    fn of(self, index: usize) -> usize {
        match self {
            Self::Itself => index,
            Self::Neighbour => index ^ 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bare_epoll;
    use crate::player::Dialogue;

    #[test]
    fn blocks_bounce_settle_and_bounce_again() {
        let address = bare_epoll::start();
        let players = (0..3).map(|_| {
            let player = Player::new(Dialogue::Echo, 4, Instant::now());
            (TcpStream::connect(address).unwrap(), player)
        });
        let mut load = Load::new(players.collect(), Partner::Itself).unwrap();
        for _ in 0..2 {
            let mut tally = Tally::new();
            load.play(Duration::from_millis(30), &mut tally).unwrap();
            load.settle().unwrap();
            assert!(tally.messages > 0);
            assert_eq!(tally.messages, tally.latency.len());
            assert!(tally.elapsed >= Duration::from_millis(30));
        }
    }

    #[test]
    fn a_server_that_hangs_up_is_an_error() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        drop(listener.accept().unwrap());
        let player = Player::new(Dialogue::Echo, 1, Instant::now());
        let mut load = Load::new(vec![(stream, player)], Partner::Itself).unwrap();
        load.play(Duration::from_secs(5), &mut Tally::new()).unwrap_err();
    }
}
