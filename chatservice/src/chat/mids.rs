//! The mids that a session used lately, so that a request sent twice is carried out once.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};

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

/// The memory of one session; empty ones hold nothing.
#[derive(Debug, Default)]
pub struct Mids {
    states: FxHashMap<u64, MidState>,
    answered: VecDeque<u64>,
}

impl Mids {
    /// Takes up a mid; what is known when it was used before.
    pub fn begin(&mut self, mid: &str) -> Option<MidState> {
        let key = key_of(mid);
        let known = self.states.get(&key).copied();
        if known.is_none() {
            self.states.insert(key, MidState::Pending);
        }
        known
    }

    /// The request was carried out and answered.
    pub fn answered(&mut self, mid: &str, stored: bool) {
        let key = key_of(mid);
        self.states.insert(key, MidState::Answered { stored });
        self.answered.push_back(key);
        if self.answered.len() > ANSWERED_MAX
            && let Some(oldest) = self.answered.pop_front()
        {
            self.states.remove(&oldest);
        }
    }

    /// The request was refused: it may be tried again with the same mid.
    pub fn refused(&mut self, mid: &str) {
        self.states.remove(&key_of(mid));
    }

    /// Gives back all memory when nothing is pending; for sessions that fell idle.
    pub fn rest(&mut self) {
        if self.states.len() == self.answered.len() {
            *self = Self::default();
        }
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

    #[test]
    fn a_mid_is_new_pending_and_then_answered() {
        let mut mids = Mids::default();
        assert_eq!(mids.begin("a"), None);
        assert_eq!(mids.begin("a"), Some(MidState::Pending));
        mids.answered("a", true);
        assert_eq!(mids.begin("a"), Some(MidState::Answered { stored: true }));
    }

    #[test]
    fn a_refused_mid_may_be_used_again() {
        let mut mids = Mids::default();
        mids.begin("a");
        mids.refused("a");
        assert_eq!(mids.begin("a"), None);
    }

    #[test]
    fn answered_mids_are_forgotten_oldest_first() {
        let mut mids = Mids::default();
        for n in 0..=ANSWERED_MAX {
            mids.begin(&n.to_string());
            mids.answered(&n.to_string(), false);
        }
        assert_eq!(mids.begin("0"), None);
        assert_eq!(mids.begin("1"), Some(MidState::Answered { stored: false }));
    }

    #[test]
    fn rest_keeps_what_is_pending() {
        let mut mids = Mids::default();
        mids.begin("a");
        mids.rest();
        assert_eq!(mids.begin("a"), Some(MidState::Pending));
        mids.answered("a", false);
        mids.rest();
        assert_eq!(mids.begin("a"), None);
    }
}
