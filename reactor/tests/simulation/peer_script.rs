//! A peer that sends so many bytes, reads as it likes, and leaves in one way or another.

use crate::moody_echo::byte_at;
use reactor::simulation::{Received, SimulatedPeer, Simulation};
use std::net::SocketAddr;

/// How a peer takes its leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leave {
    /// Ends its stream after the last byte, and stays for all answers and the end.
    InOrder,
    /// Breaks the connection after so many bytes.
    Reset(usize),
    /// Is gone after so many bytes.
    Drop(usize),
}

#[derive(Debug)]
pub(crate) struct PeerScript {
    peer: Option<SimulatedPeer>,
    total: usize,
    sent: usize,
    received: usize,
    leave: Leave,
    ended_own: bool,
    turned_away: bool,
    hope: Hope,
}

/// What a peer expects of its server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hope {
    /// All bytes back, and then the end.
    All,
    /// The server is to stop.
    None,
}

impl PeerScript {
    pub(crate) fn new(simulation: &Simulation, to: SocketAddr, random: &mut fastrand::Rng) -> Self {
        let total = if random.bool() { random.usize(..200) } else { random.usize(..20_000) };
        let leave = match random.u8(..6) {
            0 => Leave::Reset(random.usize(..=total)),
            1 => Leave::Drop(random.usize(..=total)),
            _ => Leave::InOrder,
        };
        let peer = Some(simulation.connect(to));
        Self {
            peer,
            total,
            sent: 0,
            received: 0,
            leave,
            ended_own: false,
            turned_away: false,
            hope: Hope::All,
        }
    }

    /// Does one thing.
    pub(crate) fn step(&mut self, random: &mut fastrand::Rng) {
        let Some(peer) = &mut self.peer else { return };
        if random.bool() {
            let end = self.total.min(self.sent + random.usize(..4000));
            let bytes: Vec<u8> = (self.sent..end).map(byte_at).collect();
            self.sent += peer.send(&bytes);
            match self.leave {
                Leave::Reset(after) if self.sent >= after && peer.is_open() => {
                    peer.reset();
                    self.peer = None;
                }
                Leave::Drop(after) if self.sent >= after && peer.is_open() => self.peer = None,
                _ if self.sent == self.total && peer.is_open() && !self.ended_own => {
                    peer.shutdown();
                    self.ended_own = true;
                }
                _ => {}
            }
        } else {
            self.receive();
        }
    }

    fn receive(&mut self) {
        let Some(peer) = &mut self.peer else { return };
        match peer.receive() {
            Received::Bytes(bytes) => {
                for byte in bytes {
                    assert_eq!(byte, byte_at(self.received), "echoed at {}", self.received);
                    self.received += 1;
                }
            }
            end => {
                let complete = end == Received::End && self.received == self.total;
                // An accept that fails may take the client with it.
                self.turned_away = !complete && self.received == 0;
                assert!(
                    complete || self.turned_away || self.hope == Hope::None,
                    "{end:?} after {} of {} bytes",
                    self.received,
                    self.total
                );
                self.peer = None;
            }
        }
    }

    pub(crate) fn is_done(&self) -> bool {
        self.peer.is_none()
    }

    /// Whether it never got through to the service.
    pub(crate) fn was_turned_away(&self) -> bool {
        self.turned_away
    }

    /// From now on its connection may end at any time.
    pub(crate) fn give_up_hope(&mut self) {
        self.hope = Hope::None;
    }
}
