//! What one client is to receive: from each sender every message, once and in order. No socket and no
//! clock in here.

/// The messages of one route, seen from a receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Expected {
    /// The sender's account.
    pub(super) sender: i64,
    pub(super) route: usize,
    /// The number of the next message.
    pub(super) next: u64,
    /// From one number to the next.
    pub(super) stride: u64,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    /// By ascending sender.
    expected: Vec<Expected>,
    /// Pushes that came on this connection, and those that were acknowledged.
    pushed: u64,
    acknowledged: u64,
}

impl Inbox {
    /// One more route; there is one for a sender.
    pub(super) fn add(&mut self, expected: Expected) {
        let at = self.expected.partition_point(|other| other.sender < expected.sender);
        self.expected.insert(at, expected);
    }

    /// What is expected from the sender that `line` names in its second field; any if there is one.
    pub(super) fn of_line(&mut self, line: &[u8]) -> Option<&mut Expected> {
        match self.expected.len() {
            0 => None,
            1 => self.expected.first_mut(),
            _ => self.of_sender(sender_in(line)?),
        }
    }

    /// What is expected from `sender`.
    pub(super) fn of_sender(&mut self, sender: i64) -> Option<&mut Expected> {
        let at = self.expected.binary_search_by_key(&sender, |expected| expected.sender).ok()?;
        Some(&mut self.expected[at])
    }

    /// Has the numbers of each route lie as far apart as `stride` says.
    pub(super) fn set_strides(&mut self, stride: impl Fn(usize) -> u64) {
        for expected in &mut self.expected {
            expected.stride = stride(expected.route);
        }
    }

    /// All that is expected.
    pub(super) fn expected(&self) -> &[Expected] {
        &self.expected
    }

    /// The number of the next push.
    pub(super) fn next_push(&mut self) -> u64 {
        self.pushed += 1;
        self.pushed
    }

    /// The push to acknowledge, if there is one that was not.
    pub(super) fn unacknowledged(&mut self) -> Option<u64> {
        (self.acknowledged < self.pushed).then(|| {
            self.acknowledged = self.pushed;
            self.pushed
        })
    }

    /// A new connection counts its pushes from one.
    pub(super) fn reconnect(&mut self) {
        (self.pushed, self.acknowledged) = (0, 0);
    }
}

/// The `id` of a relayed message, which servers write behind the `msgid`.
fn sender_in(line: &[u8]) -> Option<i64> {
    let rest = line.get(br#"{"msgid":1005,"#.len()..)?.strip_prefix(br#""id":"#)?;
    let end = rest.iter().position(|byte| *byte == b',')?;
    str::from_utf8(&rest[..end]).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_sender_has_its_own_order() {
        let mut inbox = Inbox::default();
        for sender in [30, 4, 17] {
            inbox.add(Expected { sender, route: sender as usize, next: 0, stride: 2 });
        }
        let line = br#"{"msgid":1009,"id":17,"name":"x"}"#;
        let expected = inbox.of_line(line).unwrap();
        assert_eq!(expected.route, 17);
        expected.next += expected.stride;
        assert_eq!(inbox.of_sender(17).unwrap().next, 2);
        assert_eq!(inbox.of_line(br#"{"msgid":1005,"id":18,"name":"x"}"#), None);
        assert_eq!(inbox.of_line(b"{}"), None);
        assert_eq!(inbox.expected().len(), 3);
    }

    #[test]
    fn pushes_are_acknowledged_once() {
        let mut inbox = Inbox::default();
        assert_eq!(inbox.unacknowledged(), None);
        assert_eq!((inbox.next_push(), inbox.next_push()), (1, 2));
        assert_eq!((inbox.unacknowledged(), inbox.unacknowledged()), (Some(2), None));
        inbox.reconnect();
        assert_eq!((inbox.unacknowledged(), inbox.next_push()), (None, 1));
    }
}
