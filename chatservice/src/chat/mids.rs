//! The mids that a session used lately, so that a request sent twice is carried out once.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Instant;

use rustc_hash::FxHashMap;

/// Answered mids that are remembered; more than a client keeps in flight while it hurries.
const ANSWERED_MAX: usize = 256;

/// What is known of a mid. Mids are kept as 64-bit hashes: a collision among the few hundred of
/// one session is less likely than a failing disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MidState {
    /// Its answer is still to come.
    Pending,
    /// It was answered: with everything delivered, or with something stored.
    Answered {
        /// Whether a store holds it for somebody.
        stored: bool,
    },
}

/// The memory of one session; most sessions have used none lately, and hold no more than this.
#[derive(Debug, Default)]
pub struct Mids(Option<Box<Used>>);

#[derive(Debug)]
struct Used {
    states: FxHashMap<u64, MidState>,
    answered: VecDeque<u64>,
    /// When the last one was taken up.
    at: Instant,
}

impl Mids {
    /// Takes up a mid; what is known when it was used before.
    pub fn begin(&mut self, now: Instant, mid: &str) -> Option<MidState> {
        let key = key_of(mid);
        let used = self.used(now);
        used.at = now;
        let known = used.states.get(&key).copied();
        if known.is_none() {
            used.states.insert(key, MidState::Pending);
        }
        known
    }

    /// The request was carried out and answered.
    pub fn answered(&mut self, now: Instant, mid: &str, stored: bool) {
        let used = self.used(now);
        let key = key_of(mid);
        used.states.insert(key, MidState::Answered { stored });
        used.answered.push_back(key);
        if used.answered.len() > ANSWERED_MAX
            && let Some(oldest) = used.answered.pop_front()
        {
            used.states.remove(&oldest);
        }
    }

    /// The request was refused: it may be tried again with the same mid.
    pub fn refused(&mut self, mid: &str) {
        if let Some(used) = &mut self.0 {
            used.states.remove(&key_of(mid));
        }
    }

    /// Gives back all memory when none was taken up since then, and none is pending; for sessions
    /// that fell idle. Whether nothing is left.
    pub fn rest(&mut self, since: Instant) -> bool {
        self.0.take_if(|used| used.at <= since && used.states.len() == used.answered.len());
        self.0.is_none()
    }

    fn used(&mut self, now: Instant) -> &mut Used {
        self.0.get_or_insert_with(|| Box::new(Used::new(now)))
    }
}

impl Used {
    fn new(at: Instant) -> Self {
        Self { states: FxHashMap::default(), answered: VecDeque::new(), at }
    }
}

fn key_of(mid: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    mid.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_mid_is_new_pending_and_then_answered() {
        let (mut mids, now) = (Mids::default(), Instant::now());
        assert_eq!(mids.begin(now, "a"), None);
        assert_eq!(mids.begin(now, "a"), Some(MidState::Pending));
        mids.answered(now, "a", true);
        assert_eq!(mids.begin(now, "a"), Some(MidState::Answered { stored: true }));
    }

    #[test]
    fn a_refused_mid_may_be_used_again() {
        let (mut mids, now) = (Mids::default(), Instant::now());
        mids.begin(now, "a");
        mids.refused("a");
        assert_eq!(mids.begin(now, "a"), None);
    }

    #[test]
    fn answered_mids_are_forgotten_oldest_first() {
        let (mut mids, now) = (Mids::default(), Instant::now());
        for n in 0..=ANSWERED_MAX {
            mids.begin(now, &n.to_string());
            mids.answered(now, &n.to_string(), false);
        }
        assert_eq!(mids.begin(now, "0"), None);
        assert_eq!(mids.begin(now, "1"), Some(MidState::Answered { stored: false }));
    }

    #[test]
    fn rest_keeps_what_is_pending_or_new() {
        let (mut mids, now) = (Mids::default(), Instant::now());
        mids.begin(now, "a");
        assert!(!mids.rest(now));
        assert_eq!(mids.begin(now, "a"), Some(MidState::Pending));
        mids.answered(now, "a", false);
        assert!(!mids.rest(now - Duration::from_millis(1)), "it was used since");
        assert!(mids.rest(now));
        assert_eq!(mids.begin(now, "a"), None);
    }
}
