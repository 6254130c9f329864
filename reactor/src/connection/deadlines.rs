//! Until when a connection must have done something. Pure.
//!
//! A message costs a store of the present tick. One timer a connection looks at the stores when the
//! nearest deadline may have passed, and is armed again for the rest if it has not. Where only writes
//! have a limit, there is no timer while no output waits, so that idle connections are left alone.

use crate::connection::options::ConnectionOptions;
use std::time::Duration;

/// Which patience with a connection was at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Deadline {
    /// Nothing was received and nothing was taken by the kernel for
    /// [`idle_timeout`](crate::ConnectionOptions::idle_timeout).
    Idle,
    /// Nothing was received for [`read_timeout`](crate::ConnectionOptions::read_timeout), though it
    /// was waited for.
    Read,
    /// Output waited, and the kernel took none for
    /// [`write_timeout`](crate::ConnectionOptions::write_timeout).
    Write,
    /// TLS was not agreed on within
    /// [`handshake_timeout`](crate::ConnectionOptions::handshake_timeout).
    Handshake,
}

/// Milliseconds on a clock of the loop that wraps after 49 days.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tick(pub(crate) u32);

impl Tick {
    fn since(self, earlier: Self) -> u32 {
        self.0.wrapping_sub(earlier.0)
    }
}

/// A length of time in milliseconds, rounded up; 0 stands for no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Patience(u32);

impl Patience {
    /// Half of what a tick can count, so that a deadline that has passed is not taken for one that
    /// has yet to come: 24 days.
    const MAX: u32 = u32::MAX / 2;

    pub(crate) fn new(limit: Option<Duration>) -> Self {
        let Some(limit) = limit else { return Self(0) };
        let millis = limit.as_nanos().div_ceil(1_000_000);
        Self(u32::try_from(millis).unwrap_or(u32::MAX).clamp(1, Self::MAX))
    }

    fn is_none(self) -> bool {
        self.0 == 0
    }

    /// What is left of it at `now` since `start`: `None` without a limit, 0 when it is over.
    fn left(self, start: Tick, now: Tick) -> Option<u32> {
        (!self.is_none()).then(|| self.0.saturating_sub(now.since(start)))
    }
}

/// What goes on at a connection, as far as deadlines are concerned.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Activity {
    pub(crate) awaits_input: bool,
    pub(crate) has_output: bool,
}

/// What a look at the deadlines came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    Expired(Deadline),
    Again(Duration),
    /// There is no limit, or none that counts before output waits.
    Never,
}

/// The limits of one connection and what they are counted from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadlines {
    pub(crate) idle: Patience,
    pub(crate) read: Patience,
    pub(crate) write: Patience,
    /// The last input, or when it began to be waited for.
    pub(crate) received: Tick,
    /// The last write that the kernel took something of, or blocked after output was queued.
    pub(crate) wrote: Tick,
}

impl Deadlines {
    pub(crate) fn new(options: &ConnectionOptions, now: Tick) -> Self {
        Self {
            idle: Patience::new(options.idle_timeout),
            read: Patience::new(options.read_timeout),
            write: Patience::new(options.write_timeout),
            received: now,
            wrote: now,
        }
    }

    /// Whether a deadline has passed, and otherwise when to look again.
    pub(crate) fn look(&self, activity: Activity, now: Tick) -> Look {
        let received = now.since(self.received);
        let active = if received < now.since(self.wrote) { self.received } else { self.wrote };
        if !activity.has_output && self.read.is_none() && self.idle.is_none() {
            return Look::Never;
        }
        // What does not count at present may begin to right after this look.
        let read_from = if activity.awaits_input { self.received } else { now };
        let write_from = if activity.has_output { self.wrote } else { now };
        let candidates = [
            (self.write.left(write_from, now), Deadline::Write),
            (self.read.left(read_from, now), Deadline::Read),
            (self.idle.left(active, now), Deadline::Idle),
        ];
        let nearest = candidates.iter().filter_map(|&(left, deadline)| Some((left?, deadline)));
        match nearest.min_by_key(|&(left, _)| left) {
            None => Look::Never,
            Some((0, deadline)) => Look::Expired(deadline),
            Some((left, _)) => Look::Again(Duration::from_millis(u64::from(left))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUSY: Activity = Activity { awaits_input: true, has_output: true };
    const QUIET: Activity = Activity { awaits_input: false, has_output: false };

    fn deadlines(idle: u64, read: u64, write: u64) -> Deadlines {
        let limit = |millis| (millis > 0).then(|| Duration::from_millis(millis));
        let options = ConnectionOptions {
            idle_timeout: limit(idle),
            read_timeout: limit(read),
            write_timeout: limit(write),
            ..Default::default()
        };
        Deadlines::new(&options, Tick(0))
    }

    fn again(millis: u64) -> Look {
        Look::Again(Duration::from_millis(millis))
    }

    #[test]
    fn without_limits_there_is_nothing_to_look_for() {
        assert_eq!(deadlines(0, 0, 0).look(BUSY, Tick(1 << 30)), Look::Never);
    }

    #[test]
    fn the_nearest_deadline_counts() {
        let deadlines = deadlines(50, 30, 40);
        assert_eq!(deadlines.look(BUSY, Tick(10)), again(20));
        assert_eq!(deadlines.look(BUSY, Tick(30)), Look::Expired(Deadline::Read));
        assert_eq!(deadlines.look(QUIET, Tick(30)), again(20));
        assert_eq!(deadlines.look(QUIET, Tick(50)), Look::Expired(Deadline::Idle));
    }

    #[test]
    fn either_direction_keeps_a_connection_from_being_idle() {
        for (received, wrote) in [(40, 0), (0, 40)] {
            let mut deadlines = deadlines(50, 0, 0);
            (deadlines.received, deadlines.wrote) = (Tick(received), Tick(wrote));
            assert_eq!(deadlines.look(QUIET, Tick(60)), again(30));
            assert_eq!(deadlines.look(QUIET, Tick(90)), Look::Expired(Deadline::Idle));
        }
    }

    #[test]
    fn output_that_moves_is_not_stuck() {
        let mut deadlines = deadlines(0, 0, 40);
        deadlines.wrote = Tick(30);
        assert_eq!(deadlines.look(BUSY, Tick(69)), again(1));
        assert_eq!(deadlines.look(BUSY, Tick(70)), Look::Expired(Deadline::Write));
    }

    #[test]
    fn writes_alone_are_looked_at_only_while_output_waits() {
        assert_eq!(deadlines(0, 0, 40).look(QUIET, Tick(70)), Look::Never);
        assert_eq!(deadlines(0, 50, 40).look(QUIET, Tick(70)), again(40));
        assert_eq!(deadlines(90, 0, 40).look(QUIET, Tick(70)), again(20));
    }

    #[test]
    fn a_wrapping_clock_does_no_harm() {
        let mut deadlines = deadlines(50, 0, 0);
        (deadlines.received, deadlines.wrote) = (Tick(u32::MAX - 9), Tick(u32::MAX - 19));
        assert_eq!(deadlines.look(QUIET, Tick(10)), again(30));
        assert_eq!(deadlines.look(QUIET, Tick(40)), Look::Expired(Deadline::Idle));
    }

    #[test]
    fn a_patience_is_neither_nothing_nor_too_long_to_count() {
        let patience = |limit| Patience::new(Some(limit)).0;
        assert_eq!(patience(Duration::ZERO), 1);
        assert_eq!(patience(Duration::from_micros(1_001)), 2);
        assert_eq!(patience(Duration::MAX), Patience::MAX);
    }
}
