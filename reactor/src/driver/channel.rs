//! What an edge-triggered descriptor was last known to be ready for. Pure.
//!
//! The kernel tells of a change once; it must be remembered until a call proves the contrary.
//! All the rules of edge triggering are in this file.

/// What one event of the kernel says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Readiness {
    /// Bytes, or connections, or an end can be read.
    pub(crate) readable: bool,
    /// There is room to write.
    pub(crate) writable: bool,
    /// The peer will send no more (RDHUP), or both directions are over (HUP).
    pub(crate) read_closed: bool,
    /// The connection broke (ERR).
    pub(crate) error: bool,
    /// An urgent byte (PRI) came, which cuts reads short: each ends in front of it.
    pub(crate) urgent: bool,
}

impl Readiness {
    const NOTHING: Self =
        Self { readable: false, writable: false, read_closed: false, error: false, urgent: false };
    /// The peer's end of stream is there to be read.
    pub(crate) const END: Self = Self { readable: true, read_closed: true, ..Self::NOTHING };
    /// There is room to write.
    pub(crate) const ROOM: Self = Self { writable: true, ..Self::NOTHING };

    /// Whether an end or an error was told.
    pub(crate) fn is_end(self) -> bool {
        self.read_closed || self.error
    }
}

/// Remembered readiness of one connection.
#[derive(Debug)]
pub(crate) struct Channel {
    reading: Reading,
    writable: bool,
    broken: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    /// A read would block; the next edge tells otherwise.
    Drained,
    /// A read may bring something.
    Readable,
    /// As `Readable`, and an end, an error or the bytes behind an urgent one wait behind the next
    /// bytes: they give no further edge, so only a read that blocks, ends or fails may stop the
    /// reading.
    ReadToBlock,
}

impl Channel {
    /// A new socket: nothing to read is known of, and there is room to write.
    pub(crate) const fn new() -> Self {
        Self { reading: Reading::Drained, writable: true, broken: false }
    }

    /// Remembers an event.
    pub(crate) fn handle_event(&mut self, event: Readiness) {
        if event.is_end() || event.urgent {
            self.reading = Reading::ReadToBlock;
        } else if event.readable && self.reading == Reading::Drained {
            self.reading = Reading::Readable;
        }
        // A broken connection is tried once more, for the write to report why.
        self.writable |= event.writable || event.error;
        self.broken |= event.error;
    }

    /// A read brought `count` bytes of at most `capacity`. Fewer than asked for means that the
    /// socket was empty at that moment (epoll(7), question 9), unless an urgent byte was announced;
    /// what came later gives a new edge.
    pub(crate) fn handle_read(&mut self, count: usize, capacity: usize) {
        if count < capacity && self.reading == Reading::Readable {
            self.reading = Reading::Drained;
        }
    }

    /// A read would have blocked, or brought the end.
    pub(crate) fn handle_read_drained(&mut self) {
        self.reading = Reading::Drained;
    }

    /// A write took fewer bytes than offered, or none; room gives a new edge.
    pub(crate) fn handle_write_blocked(&mut self) {
        self.writable = false;
    }

    /// Whether a read may bring something.
    pub(crate) fn is_readable(&self) -> bool {
        self.reading != Reading::Drained
    }

    /// Whether an error was told, which gives no further edge.
    pub(crate) fn is_broken(&self) -> bool {
        self.broken
    }

    /// Whether a write may be taken.
    pub(crate) fn is_writable(&self) -> bool {
        self.writable
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IN: Readiness = Readiness { readable: true, ..Readiness::NOTHING };
    const OUT: Readiness = Readiness::ROOM;
    const END: Readiness = Readiness::END;

    #[test]
    fn a_short_read_proves_the_socket_empty() {
        let mut channel = Channel::new();
        channel.handle_event(IN);
        channel.handle_read(100, 100);
        assert!(channel.is_readable(), "a full read proves nothing");
        channel.handle_read(99, 100);
        assert!(!channel.is_readable());
    }

    #[test]
    fn a_short_read_proves_nothing_when_the_end_was_announced() {
        let mut channel = Channel::new();
        channel.handle_event(END);
        channel.handle_read(1, 100);
        assert!(channel.is_readable(), "no edge would tell of the end again");
        channel.handle_read_drained();
        assert!(!channel.is_readable());
    }

    #[test]
    fn a_short_read_proves_nothing_when_an_urgent_byte_was_announced() {
        let mut channel = Channel::new();
        channel.handle_event(Readiness { urgent: true, ..IN });
        channel.handle_read(1, 100);
        assert!(channel.is_readable(), "the read ended in front of the urgent byte");
        channel.handle_read_drained();
        channel.handle_event(IN);
        channel.handle_read(1, 100);
        assert!(!channel.is_readable(), "the urgent byte is over");
    }

    #[test]
    fn an_announced_end_is_not_forgotten_by_a_later_event() {
        let mut channel = Channel::new();
        channel.handle_event(END);
        channel.handle_event(IN);
        channel.handle_read(1, 100);
        assert!(channel.is_readable());
    }

    #[test]
    fn room_to_write_is_remembered_until_a_write_blocks() {
        let mut channel = Channel::new();
        assert!(channel.is_writable());
        channel.handle_write_blocked();
        channel.handle_event(IN);
        assert!(!channel.is_writable());
        channel.handle_event(OUT);
        assert!(channel.is_writable());
    }

    #[test]
    fn an_error_wakes_both_directions() {
        let mut channel = Channel::new();
        channel.handle_write_blocked();
        channel.handle_event(Readiness { error: true, ..Readiness::default() });
        assert!(channel.is_readable() && channel.is_writable());
        channel.handle_read_drained();
        assert!(channel.is_broken(), "an end may have come before the error");
    }
}
