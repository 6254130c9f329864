//! One direction of a simulated connection: what is under way, and what waits to be read. Pure.

use std::collections::VecDeque;
use std::time::Duration;

/// Times are those of the virtual clock since its start.
#[derive(Debug)]
pub(super) struct Pipe {
    /// Bytes that fit, those under way included, as in the buffers of a kernel.
    capacity: usize,
    under_way: VecDeque<Segment>,
    under_way_bytes: usize,
    received: VecDeque<u8>,
    end: End,
    /// A write found no room, so that room is to be told.
    wants_room: bool,
}

#[derive(Debug)]
struct Segment {
    arrives: Duration,
    content: Content,
}

#[derive(Debug)]
enum Content {
    Bytes(Vec<u8>),
    EndOfStream,
}

/// How far the end of the stream is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Open,
    /// Sent, but not there yet.
    UnderWay,
    Arrived,
}

impl Pipe {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            capacity,
            under_way: VecDeque::new(),
            under_way_bytes: 0,
            received: VecDeque::new(),
            end: End::Open,
            wants_room: false,
        }
    }

    /// Takes what there is room for, and lets it arrive in segments: `cut` gives the length of each
    /// and how long after the one before it arrives. `None`: there is no room at all.
    pub(super) fn write(
        &mut self,
        bytes: &[u8],
        now: Duration,
        mut cut: impl FnMut(usize) -> (usize, Duration),
    ) -> Option<usize> {
        let count = bytes.len().min(self.room());
        self.wants_room |= count < bytes.len();
        let mut rest = &bytes[..count];
        while !rest.is_empty() {
            let (length, delay) = cut(rest.len());
            let (segment, behind) = rest.split_at(length);
            self.send(now + delay, Content::Bytes(segment.to_vec()));
            rest = behind;
        }
        self.under_way_bytes += count;
        (count > 0 || bytes.is_empty()).then_some(count)
    }

    /// Sends the end of stream, once.
    pub(super) fn end(&mut self, arrives: Duration) {
        if self.end == End::Open {
            self.end = End::UnderWay;
            self.send(arrives, Content::EndOfStream);
        }
    }

    /// Moves what has arrived by `now` to what can be read; returns whether anything has.
    pub(super) fn arrive(&mut self, now: Duration) -> bool {
        let mut any = false;
        while self.under_way.front().is_some_and(|segment| segment.arrives <= now) {
            let Some(segment) = self.under_way.pop_front() else { break };
            any = true;
            match segment.content {
                Content::Bytes(bytes) => {
                    self.under_way_bytes -= bytes.len();
                    self.received.extend(bytes);
                }
                Content::EndOfStream => self.end = End::Arrived,
            }
        }
        any
    }

    /// When the next segment arrives.
    pub(super) fn next_arrival(&self) -> Option<Duration> {
        self.under_way.front().map(|segment| segment.arrives)
    }

    /// Reads what has arrived; `None`: nothing, and more may come.
    pub(super) fn read(&mut self, space: &mut [u8]) -> Option<usize> {
        let count = space.len().min(self.received.len());
        for (place, byte) in space.iter_mut().zip(self.received.drain(..count)) {
            *place = byte;
        }
        (count > 0 || self.end == End::Arrived).then_some(count)
    }

    /// Whether there is room again after a write had found too little; tells it once. Linux tells
    /// when a third of the buffer is free.
    pub(super) fn take_room(&mut self) -> bool {
        let tells = self.wants_room && self.room() * 3 >= self.capacity;
        self.wants_room &= !tells;
        tells
    }

    /// What is under way will never arrive.
    pub(super) fn cut_off(&mut self) {
        self.under_way.clear();
        self.under_way_bytes = 0;
        self.end = End::Arrived;
    }

    pub(super) fn room(&self) -> usize {
        self.capacity - self.under_way_bytes - self.received.len()
    }

    pub(super) fn has_input(&self) -> bool {
        !self.received.is_empty() || self.has_ended()
    }

    /// Whether bytes wait that a close would throw away.
    pub(super) fn has_unread(&self) -> bool {
        !self.received.is_empty() || self.under_way_bytes > 0
    }

    /// Whether the end has arrived.
    pub(super) fn has_ended(&self) -> bool {
        self.end == End::Arrived
    }

    fn send(&mut self, arrives: Duration, content: Content) {
        // Segments do not overtake each other.
        let earliest = self.under_way.back().map_or(arrives, |segment| segment.arrives);
        self.under_way.push_back(Segment { arrives: arrives.max(earliest), content });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_millis(1);

    fn in_pairs(left: usize) -> (usize, Duration) {
        (left.min(2), SOON)
    }

    #[test]
    fn bytes_arrive_in_order_and_before_the_end() {
        let mut pipe = Pipe::new(8);
        assert_eq!(pipe.write(b"abc", Duration::ZERO, in_pairs), Some(3));
        pipe.end(Duration::ZERO);
        let mut space = [0; 8];
        assert_eq!(pipe.read(&mut space), None);
        assert!(!pipe.arrive(Duration::ZERO));
        assert!(pipe.arrive(SOON));
        assert_eq!(pipe.read(&mut space), Some(3));
        assert_eq!(&space[..3], b"abc");
        assert_eq!(pipe.read(&mut space), Some(0));
    }

    #[test]
    fn room_is_told_once_after_it_was_missed() {
        let mut pipe = Pipe::new(6);
        assert!(!pipe.take_room());
        assert_eq!(pipe.write(b"12345678", Duration::ZERO, in_pairs), Some(6));
        assert_eq!(pipe.write(b"9", Duration::ZERO, in_pairs), None);
        pipe.arrive(SOON);
        pipe.read(&mut [0; 1]);
        assert!(!pipe.take_room(), "too little to tell of");
        pipe.read(&mut [0; 1]);
        assert!(pipe.take_room());
        assert!(!pipe.take_room());
    }
}
