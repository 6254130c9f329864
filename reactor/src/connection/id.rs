//! The name of a connection.

use crate::event_loop::token::{Key, pack, unpack};
use std::fmt;

/// Names one connection of one server for ever: not reused when the connection is gone, until
/// 268 million more have come to the same loop.
///
/// It does not say which server that is. The loops of a process count from points far apart, so an
/// id of one server names nothing in another until some loop has taken millions of connections
/// (9 million with 16 loops); then it may name a stranger. Who keeps ids of several servers must
/// keep them apart.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(u64);

impl ConnectionId {
    pub(crate) fn new(seat: u16, key: Key) -> Self {
        Self(pack(seat, key))
    }

    /// The index of the service that has the connection, see [`Seat`](crate::Seat).
    pub fn seat(self) -> usize {
        usize::from(unpack(self.0).0)
    }

    /// The id as a number, unique in its server.
    pub fn as_u64(self) -> u64 {
        self.0
    }

    /// The id that [`ConnectionId::as_u64`] gave as a number; a made-up one names nothing.
    pub fn from_u64(id: u64) -> Self {
        Self(id)
    }

    pub(crate) fn key(self) -> Key {
        unpack(self.0).1
    }
}

impl fmt::Display for ConnectionId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Key { slot, generation } = self.key();
        write!(formatter, "{}/{slot}#{generation}", self.seat())
    }
}

impl fmt::Debug for ConnectionId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ConnectionId({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_shows_seat_slot_and_generation() {
        let id = ConnectionId::new(2, Key { slot: 7, generation: 41 });
        assert_eq!(id.to_string(), "2/7#41");
        assert_eq!(id.seat(), 2);
    }
}
