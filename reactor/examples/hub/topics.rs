//! Who subscribes to what, on one loop. Pure.

use reactor::{Bytes, ConnectionId};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Whoever asks for one more is hung up on.
const TOPICS_MAX: usize = 10_000;

#[derive(Default)]
pub(crate) struct Topics {
    by_name: BTreeMap<Arc<str>, Topic>,
}

#[derive(Default)]
pub(crate) struct Topic {
    pub(crate) subscribers: BTreeSet<ConnectionId>,
    /// What was published last.
    pub(crate) last: Option<Bytes>,
}

impl Topics {
    /// The topic of that name, made if there is room for one more.
    pub(crate) fn get_or_make(&mut self, name: Arc<str>) -> Option<&mut Topic> {
        if self.by_name.len() >= TOPICS_MAX && !self.by_name.contains_key(&name) {
            return None;
        }
        Some(self.by_name.entry(name).or_default())
    }

    pub(crate) fn unsubscribe(&mut self, name: &str, subscriber: ConnectionId) {
        if let Some(topic) = self.by_name.get_mut(name) {
            topic.subscribers.remove(&subscriber);
        }
    }

    /// Forgets a subscriber, and topics that nobody else knows of.
    pub(crate) fn leave(&mut self, subscriber: ConnectionId) {
        self.by_name.retain(|_, topic| {
            topic.subscribers.remove(&subscriber);
            topic.last.is_some() || !topic.subscribers.is_empty()
        });
    }
}
