//! What is on its way from the shards of one node to those of another, cut into pieces.

use std::fmt;
use std::sync::Arc;

use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::chat::{LaneKey, LoginId, PeerMessage, ShardId};
use crate::message::Message;

/// Messages to the shards of one node, in order; one frame carries them. On the wire what goes to
/// many recipients is in it once.
#[derive(Debug, Default)]
pub struct Parcel {
    messages: Vec<(u16, PeerMessage)>,
    bytes: usize,
}

/// A parcel is closed when it has so many bytes: enough to make the cost of a frame small, and
/// little enough that none is long in the way of the next.
const FULL_BYTES: usize = 256 << 10;
/// Messages for which there is room before the first has been read: what comes from outside may
/// claim to be longer than it is.
const ROOM_MAX: usize = 4096;

impl Parcel {
    /// Appends a message to the shard of this index.
    pub fn push(&mut self, shard: u16, message: PeerMessage) {
        self.bytes += size_of::<(u16, PeerMessage)>();
        if !is_same_text(self.messages.last().map(|(_, before)| before), &message) {
            self.bytes += shared_text(&message).map_or(0, |text| text.size());
        }
        self.messages.push((shard, message));
    }

    /// About what it occupies, which is more than what it takes on the wire.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The messages with the index of their shard, in order.
    pub fn into_messages(self) -> Vec<(u16, PeerMessage)> {
        self.messages
    }

    fn is_full(&self) -> bool {
        self.bytes >= FULL_BYTES
    }
}

fn shared_text(message: &PeerMessage) -> Option<&Arc<Message>> {
    match message {
        PeerMessage::Deliver { message, .. } => Some(message),
        _ => None,
    }
}

/// The copies of one message to many recipients come one after the other.
fn is_same_text(before: Option<&PeerMessage>, message: &PeerMessage) -> bool {
    let before = before.and_then(shared_text);
    before.zip(shared_text(message)).is_some_and(|(before, text)| Arc::ptr_eq(before, text))
}

/// Parcels for one node, in order.
#[derive(Debug, Default)]
pub struct Parcels(Vec<Parcel>);

impl Parcels {
    /// Appends a message to the shard of this index.
    pub fn push(&mut self, shard: u16, message: PeerMessage) {
        match self.0.last_mut().filter(|last| !last.is_full()) {
            Some(open) => open.push(shard, message),
            None => {
                let mut parcel = Parcel::default();
                parcel.push(shard, message);
                self.0.push(parcel);
            }
        }
    }

    /// Appends what came later.
    pub fn append(&mut self, later: Self) {
        let mut later = later.0.into_iter();
        if let Some(open) = self.0.last_mut().filter(|last| !last.is_full())
            && let Some(first) = later.next()
        {
            open.bytes += first.bytes;
            open.messages.extend(first.messages);
        }
        self.0.extend(later);
    }

    /// Makes sure that there is one, be it empty.
    pub fn open(&mut self) {
        if self.0.is_empty() {
            self.0.push(Parcel::default());
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// See [`Parcel::bytes`].
    pub fn bytes(&self) -> usize {
        self.0.iter().map(Parcel::bytes).sum()
    }

    /// Whether somebody waits for the answer to one of the messages.
    pub fn want_answer(&self) -> bool {
        let mut messages = self.0.iter().flat_map(|parcel| &parcel.messages);
        messages.any(|(_, message)| message.wants_answer())
    }
}

impl FromIterator<(u16, PeerMessage)> for Parcels {
    fn from_iter<T: IntoIterator<Item = (u16, PeerMessage)>>(messages: T) -> Self {
        let mut parcels = Self::default();
        messages.into_iter().for_each(|(shard, message)| parcels.push(shard, message));
        parcels
    }
}

impl IntoIterator for Parcels {
    type Item = Parcel;
    type IntoIter = std::vec::IntoIter<Parcel>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// A message on the wire: written by reference, read as its own.
#[derive(Serialize, Deserialize)]
enum Item<Text, Other> {
    Deliver {
        to: LoginId,
        lane: LaneKey,
        home: ShardId,
        again: bool,
        /// `None` when it is that of the item before.
        text: Option<Text>,
    },
    Other(Other),
}

impl Serialize for Parcel {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut before = None;
        serializer.collect_seq(self.messages.iter().map(|(shard, message)| {
            let is_repeated = is_same_text(before.replace(message), message);
            let item = match message {
                PeerMessage::Deliver { to, lane, home, again, message } => {
                    let text = (!is_repeated).then_some(&**message);
                    Item::Deliver { to: *to, lane: *lane, home: *home, again: *again, text }
                }
                other => Item::Other(other),
            };
            (*shard, item)
        }))
    }
}

impl<'de> Deserialize<'de> for Parcel {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Unpacking)
    }
}

struct Unpacking;

impl<'de> Visitor<'de> for Unpacking {
    type Value = Parcel;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("messages to shards")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Parcel, A::Error> {
        let room = items.size_hint().unwrap_or(0).min(ROOM_MAX);
        let mut messages = Vec::with_capacity(room);
        while let Some((shard, item)) = items.next_element::<(u16, Item<Arc<Message>, _>)>()? {
            let message = match item {
                Item::Deliver { to, lane, home, again, text } => {
                    let before = || messages.last().and_then(|(_, before)| shared_text(before));
                    let text = text.or_else(|| before().cloned());
                    let message = text.ok_or_else(|| A::Error::custom("a message has no text"))?;
                    PeerMessage::Deliver { to, lane, home, again, message }
                }
                Item::Other(message) => message,
            };
            messages.push((shard, message));
        }
        Ok(Parcel { messages, bytes: 0 })
    }
}

#[cfg(test)]
mod tests {
    use chatproto::{ChatObject, GroupId, UserId};
    use proptest::prelude::*;

    use super::*;
    use crate::chat::{ConnId, NodeId};
    use crate::message::{Audience, Sid};

    fn deliver(recipient: i64, message: &Arc<Message>) -> PeerMessage {
        PeerMessage::Deliver {
            to: LoginId { conn: ConnId(1), number: 2 },
            lane: LaneKey { sender: UserId(1), recipient: UserId(recipient) },
            home: ShardId { node: NodeId(7), index: 3 },
            again: false,
            message: Arc::clone(message),
        }
    }

    fn message(sid: u128, text: &str) -> Arc<Message> {
        let object = ChatObject::group(UserId(1), "ann", GroupId(1), text, "now");
        let (sid, sender, audience) = (Sid(sid), UserId(1), Audience::Group);
        Arc::new(Message { sid, sender, mid: "m".into(), audience, object })
    }

    fn settled() -> PeerMessage {
        PeerMessage::SenderSettled { to: LoginId { conn: ConnId(9), number: 1 } }
    }

    fn through_the_wire(parcel: &Parcel) -> (usize, Vec<(u16, PeerMessage)>) {
        let bytes = postcard::to_stdvec(parcel).unwrap();
        (bytes.len(), postcard::from_bytes::<Parcel>(&bytes).unwrap().into_messages())
    }

    fn text_of((_, message): &(u16, PeerMessage)) -> &Arc<Message> {
        shared_text(message).unwrap()
    }

    #[test]
    fn what_is_packed_comes_out_in_order_and_shared_texts_are_in_it_once() {
        let (first, second) = (message(5, &"first".repeat(100)), message(6, "second"));
        let mut parcel = Parcel::default();
        (2..50).for_each(|recipient| parcel.push(0, deliver(recipient, &first)));
        parcel.push(1, settled());
        parcel.push(0, deliver(2, &second));
        let (size, messages) = through_the_wire(&parcel);
        assert!(size < 2000 && size < parcel.bytes(), "{size} bytes");
        assert_eq!(messages.len(), 50);
        let recipients = messages.iter().filter_map(|(_, message)| match message {
            PeerMessage::Deliver { lane, .. } => Some(lane.recipient.0),
            _ => None,
        });
        assert!(recipients.eq((2..50).chain([2])));
        assert!(messages[..48].iter().all(|it| **text_of(it) == *first));
        assert!(Arc::ptr_eq(text_of(&messages[0]), text_of(&messages[47])), "read once");
        assert!(matches!(&messages[48], (1, PeerMessage::SenderSettled { .. })));
        assert_eq!(**text_of(&messages[49]), *second);
    }

    #[test]
    fn a_text_is_that_of_the_message_right_before_or_its_own() {
        let (text, equal) = (message(5, "text"), message(5, "text"));
        let mut parcel = Parcel::default();
        for message in [deliver(2, &text), settled(), deliver(3, &text), deliver(4, &equal)] {
            parcel.push(0, message);
        }
        let (_, messages) = through_the_wire(&parcel);
        assert!([0, 2, 3].iter().all(|index| **text_of(&messages[*index]) == *text));
        let orphan = || Item::<Message, _>::Deliver {
            to: LoginId { conn: ConnId(1), number: 2 },
            lane: LaneKey { sender: UserId(1), recipient: UserId(2) },
            home: ShardId { node: NodeId(7), index: 3 },
            again: false,
            text: None,
        };
        for items in [vec![orphan(), orphan()], vec![Item::Other(settled()), orphan()]] {
            let items: Vec<_> = items.into_iter().map(|item| (0_u16, item)).collect();
            let bytes = postcard::to_stdvec(&items).unwrap();
            assert!(postcard::from_bytes::<Parcel>(&bytes).is_err());
        }
    }

    #[test]
    fn one_text_for_many_weighs_little_more_than_for_one() {
        let text = message(1, &"x".repeat(60_000));
        let many: Parcels = (0..10_000).map(|recipient| (0, deliver(recipient, &text))).collect();
        assert!(many.bytes() < 4 << 20, "{}", many.bytes());
        let other = message(2, &"x".repeat(60_000));
        let three: Parcels =
            [&text, &other, &text].map(|it| (0, deliver(1, it))).into_iter().collect();
        assert!(three.bytes() > 180_000, "three that differ from the one before");
    }

    #[test]
    fn parcels_are_closed_when_they_are_full_and_keep_the_order_when_they_are_joined() {
        let numbered = |range: std::ops::Range<i64>| -> Parcels {
            range.map(|number| (0, deliver(number, &message(number as u128, "text")))).collect()
        };
        let mut parcels = numbered(0..3);
        parcels.append(numbered(3..5));
        assert_eq!(parcels.0.len(), 1, "there was room");
        parcels.append(numbered(5..5000));
        parcels.append(numbered(5000..5001));
        let bytes: Vec<_> = parcels.0.iter().map(Parcel::bytes).collect();
        assert!(bytes.iter().all(|bytes| *bytes < 2 * FULL_BYTES + 1024), "{bytes:?}");
        assert_eq!(bytes.iter().sum::<usize>(), parcels.bytes());
        assert_eq!(parcels.bytes(), numbered(0..5001).bytes());
        let messages = parcels.into_iter().flat_map(Parcel::into_messages);
        let order = messages.map(|(_, message)| shared_text(&message).unwrap().sid);
        assert!(order.eq((0..5001).map(Sid)));
    }

    #[test]
    fn an_opened_one_is_empty_and_takes_what_comes() {
        let mut parcels = Parcels::default();
        assert!(parcels.is_empty() && !parcels.want_answer());
        parcels.open();
        parcels.open();
        parcels.push(0, settled());
        assert!(!parcels.want_answer());
        parcels.push(0, deliver(1, &message(1, "text")));
        assert!(parcels.want_answer());
        assert_eq!(
            parcels.into_iter().map(|parcel| parcel.messages.len()).collect::<Vec<_>>(),
            [2]
        );
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _parcel = postcard::from_bytes::<Parcel>(&bytes);
        }
    }
}
