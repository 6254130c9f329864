//! What was pushed: shown once, acknowledged once it was shown.

use chatproto::{Chat, UserId};
use std::collections::{HashSet, VecDeque};

/// Messages that are remembered to tell a repeat. A server has at most 256 unacknowledged ones in
/// flight, so that repeats of older ones than these come from senders only, within seconds.
const REMEMBERED_MAX: usize = 4096;

/// One user's received messages.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    owner: Option<UserId>,
    shown: HashSet<(UserId, String)>,
    /// What is in `shown`, oldest first.
    shown_order: VecDeque<(UserId, String)>,
    /// The last push of this connection that was handed to the screen.
    received: u64,
    /// The last push of this connection that the server was told of.
    acknowledged: u64,
}

impl Inbox {
    /// Starts a connection of `owner`; the server counts pushes from 1 again.
    pub(crate) fn open(&mut self, owner: UserId) {
        if self.owner != Some(owner) {
            *self = Self { owner: Some(owner), ..Self::default() };
        }
        self.received = 0;
        self.acknowledged = 0;
    }

    /// Takes a push; whether it is to be shown, because it is no repeat.
    pub(crate) fn accept(&mut self, chat: &Chat) -> bool {
        if let Some(seq) = chat.seq {
            self.received = self.received.max(seq);
        }
        let Some(mid) = &chat.mid else { return true };
        let key = (chat.from, mid.clone());
        if !self.shown.insert(key.clone()) {
            return false;
        }
        self.shown_order.push_back(key);
        if self.shown_order.len() > REMEMBERED_MAX
            && let Some(oldest) = self.shown_order.pop_front()
        {
            self.shown.remove(&oldest);
        }
        true
    }

    /// All that was accepted is on the screen; what to tell the server, if it is news.
    pub(crate) fn acknowledge(&mut self) -> Option<u64> {
        if self.is_acknowledged() {
            return None;
        }
        self.acknowledged = self.received;
        Some(self.received)
    }

    pub(crate) fn is_acknowledged(&self) -> bool {
        self.acknowledged == self.received
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chatproto::Target;

    fn chat(from: i64, mid: &str, seq: u64) -> Chat {
        Chat {
            from: UserId(from),
            name: "ann".to_owned(),
            target: Target::User(UserId(1)),
            msg: "hi".to_owned(),
            time: String::new(),
            seq: Some(seq),
            sid: Some("s".to_owned()),
            mid: Some(mid.to_owned()),
        }
    }

    #[test]
    fn a_repeat_is_acknowledged_but_not_shown() {
        let mut inbox = Inbox::default();
        inbox.open(UserId(1));
        assert_eq!(inbox.acknowledge(), None);
        assert!(inbox.accept(&chat(2, "a", 1)));
        assert!(inbox.accept(&chat(3, "a", 2)));
        assert!(!inbox.accept(&chat(2, "a", 3)));
        assert_eq!(inbox.acknowledge(), Some(3));
        assert_eq!(inbox.acknowledge(), None);
        inbox.open(UserId(1));
        assert!(!inbox.accept(&chat(3, "a", 1)));
        assert_eq!(inbox.acknowledge(), Some(1));
    }

    #[test]
    fn another_user_has_not_seen_it() {
        let mut inbox = Inbox::default();
        inbox.open(UserId(1));
        assert!(inbox.accept(&chat(2, "a", 1)));
        inbox.open(UserId(9));
        assert!(inbox.accept(&chat(2, "a", 1)));
    }

    #[test]
    fn memory_is_bounded() {
        let mut inbox = Inbox::default();
        inbox.open(UserId(1));
        for number in 0..=REMEMBERED_MAX as u64 {
            assert!(inbox.accept(&chat(2, &number.to_string(), number + 1)));
        }
        assert_eq!((inbox.shown.len(), inbox.shown_order.len()), (REMEMBERED_MAX, REMEMBERED_MAX));
        assert!(!inbox.accept(&chat(2, "1", 1)));
        assert!(inbox.accept(&chat(2, "0", 1)));
    }

    #[test]
    fn what_has_no_name_is_always_shown() {
        let mut inbox = Inbox::default();
        let plain = Chat { mid: None, seq: None, ..chat(2, "", 0) };
        assert!(inbox.accept(&plain) && inbox.accept(&plain));
        assert!(inbox.is_acknowledged());
    }
}
