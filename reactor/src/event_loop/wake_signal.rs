//! Wakes a loop from other threads, with one system call for many posts, and none while the
//! loop is awake.

use crate::driver::poller::PollerAlarm;
use crate::event_loop::stats::Counter;
use crate::event_loop::sync::{AtomicU8, AtomicU64, Ordering};

/// The loop runs and will look for mail before it sleeps only if told to.
const AWAKE: u8 = 0;
/// The loop waits in the kernel, or is about to; mail needs a wake-up.
const ASLEEP: u8 = 1;
/// There is mail, and the loop knows or is being woken.
const NOTIFIED: u8 = 2;

/// The state that posters and the loop share.
///
/// Why no mail is left behind: a poster first puts its letter into a queue under that queue's
/// lock, then calls `notify`. The loop first takes the notification, then empties the queues
/// under their locks.
///
/// 1. `notify` finds AWAKE or ASLEEP: it leaves NOTIFIED. The loop cannot fall asleep over it,
///    because `try_sleep` needs AWAKE; and from ASLEEP the poster wakes it.
/// 2. `notify` finds NOTIFIED and does nothing: had the loop already emptied the queue
///    before the letter came, then the poster took the queue's lock after the loop had, and the
///    loop had set AWAKE before that; so the poster would have found AWAKE. Hence the loop has
///    yet to empty the queue.
#[derive(Debug)]
pub(crate) struct WakeSignal {
    state: AtomicU8,
    wakeups: AtomicU64,
    taken: Taken,
    alarm: Option<PollerAlarm>,
}

/// What `notify` was called for and the loop has taken. The loop counts it, so that a poster who
/// finds it awake pays nothing for being counted.
///
/// On cache lines of its own: the loop writes it, next to what posters read.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Taken(Counter);

impl WakeSignal {
    pub(crate) fn new(alarm: PollerAlarm) -> Self {
        Self::with_alarm(Some(alarm))
    }

    /// One that rings nobody, for tests.
    #[cfg(test)]
    pub(crate) fn silent() -> Self {
        Self::with_alarm(None)
    }

    fn with_alarm(alarm: Option<PollerAlarm>) -> Self {
        let (state, wakeups) = (AtomicU8::new(AWAKE), AtomicU64::new(0));
        Self { state, wakeups, taken: Taken::default(), alarm }
    }

    /// Any thread, after a letter was queued.
    pub(crate) fn notify(&self) {
        if !self.must_wake() {
            return;
        }
        self.wakeups.fetch_add(1, Ordering::Relaxed);
        if let Some(alarm) = &self.alarm
            && let Err(error) = alarm.ring()
        {
            // An eventfd write fails only if the descriptor is gone, and the loop owns it.
            log::error!("cannot wake an event loop: {error}");
        }
    }

    /// Loop thread: whether it may sleep; false if there is mail.
    pub(crate) fn try_sleep(&self) -> bool {
        self.state.compare_exchange(AWAKE, ASLEEP, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Loop thread, awake: takes the notification and tells whether there was one.
    pub(crate) fn take_notification(&self) -> bool {
        self.state.load(Ordering::Acquire) != AWAKE
            && self.state.swap(AWAKE, Ordering::AcqRel) == NOTIFIED
    }

    /// Loop thread: takes note of letters taken, for each of which `notify` was called, or will be.
    pub(crate) fn count_taken(&self, letters: usize) {
        self.taken.0.add(letters as u64);
    }

    /// Letters taken that no wake-up was written for.
    pub(crate) fn wakeups_saved(&self) -> u64 {
        // A wake-up may be counted before its letter is.
        self.taken.0.get().saturating_sub(self.wakeups())
    }

    /// Wake-ups written so far.
    pub(crate) fn wakeups(&self) -> u64 {
        self.wakeups.load(Ordering::Relaxed)
    }

    fn must_wake(&self) -> bool {
        self.state.load(Ordering::Acquire) != NOTIFIED
            && self.state.swap(NOTIFIED, Ordering::AcqRel) == ASLEEP
    }
}

#[cfg(not(loom))]
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_post_to_a_sleeper_wakes() {
        let signal = WakeSignal::silent();
        assert!(signal.try_sleep());
        for _ in 0..5 {
            signal.notify();
        }
        assert!(signal.take_notification());
        assert!(!signal.take_notification());
        signal.count_taken(5);
        assert_eq!((signal.wakeups(), signal.wakeups_saved()), (1, 4));
    }

    #[test]
    fn posts_while_awake_wake_nobody_and_forbid_sleep() {
        let signal = WakeSignal::silent();
        signal.notify();
        assert_eq!(signal.wakeups(), 0);
        assert!(!signal.try_sleep());
        assert!(signal.take_notification());
        assert!(signal.try_sleep());
    }

    #[test]
    fn waking_without_mail_is_no_notification() {
        let signal = WakeSignal::silent();
        assert!(signal.try_sleep());
        assert!(!signal.take_notification());
        assert!(signal.try_sleep(), "awake again");
    }
}
