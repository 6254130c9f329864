//! Whose queues of messages have writes under way, roughly: users share counters, so that "none" is
//! certain and "some" is not. Takes the same memory whoever writes, and no lock.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use chatproto::UserId;

use crate::storage::Write;

/// A few times the users who write within one commit of a busy server; 16 KiB.
const COUNTERS: usize = 4096;

/// See the module. A write is under way from before it is queued until its answer is delivered.
pub(super) struct UnderWay {
    counters: Box<[AtomicU32]>,
    /// A commit failed, which may yet take effect, until one works.
    in_doubt: AtomicBool,
}

impl UnderWay {
    pub(super) fn new() -> Self {
        let counters = (0..COUNTERS).map(|_| AtomicU32::new(0)).collect();
        Self { counters, in_doubt: AtomicBool::new(false) }
    }

    pub(super) fn begin(&self, write: &Write) {
        if let Some(user) = write.queue() {
            self.counter(user).fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn end(&self, write: &Write) {
        if let Some(user) = write.queue() {
            self.counter(user).fetch_sub(1, Ordering::Release);
        }
    }

    /// What became of a commit, to be said before its writes end; returns what became of the one
    /// before.
    pub(super) fn set_in_doubt(&self, in_doubt: bool) -> bool {
        self.in_doubt.swap(in_doubt, Ordering::Relaxed)
    }

    /// Whether nothing that was begun before concerns this user's queue any more.
    pub(super) fn has_none_of(&self, user: UserId) -> bool {
        self.counter(user).load(Ordering::Acquire) == 0 && !self.in_doubt.load(Ordering::Relaxed)
    }

    fn counter(&self, user: UserId) -> &AtomicU32 {
        &self.counters[user.0.rem_euclid(COUNTERS as i64) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token_of(user: i64) -> Write {
        Write::SetToken { user: UserId(user), token: None }
    }

    #[test]
    fn a_users_writes_are_counted() {
        let under_way = UnderWay::new();
        under_way.begin(&token_of(7));
        under_way.begin(&token_of(7));
        under_way.end(&token_of(7));
        assert!(!under_way.has_none_of(UserId(7)));
        assert!(under_way.has_none_of(UserId(8)));
        under_way.end(&token_of(7));
        assert!(under_way.has_none_of(UserId(7)));
    }

    #[test]
    fn any_id_has_a_counter() {
        let under_way = UnderWay::new();
        for user in [i64::MIN, -1, 0, COUNTERS as i64, i64::MAX] {
            under_way.begin(&token_of(user));
            assert!(!under_way.has_none_of(UserId(user)));
        }
    }

    #[test]
    fn in_doubt_nothing_is_certain() {
        let under_way = UnderWay::new();
        assert!(!under_way.set_in_doubt(true));
        assert!(!under_way.has_none_of(UserId(1)));
        assert!(under_way.set_in_doubt(false));
        assert!(under_way.has_none_of(UserId(1)));
    }
}
