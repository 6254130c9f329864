//! What nodes send each other: the only bytes on the bus.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::chat::{LaneKey, LoginId, NodeId, PeerMessage, ShardId};
use crate::message::Message;

/// Nodes that speak another version do not hear each other; what is owed between them goes by the
/// store.
const VERSION: u8 = 1;

/// See the module.
#[derive(Debug, Serialize, Deserialize)]
pub struct Frame {
    /// Who sends it.
    pub origin: NodeId,
    /// What.
    pub body: Body,
}

/// The kinds of frames.
#[derive(Debug, Serialize, Deserialize)]
pub enum Body {
    /// The next of a stream of frames to one node.
    Stream {
        /// See [`super::links`].
        epoch: u32,
        /// Counted from 0 in each epoch.
        number: u64,
        /// What it carries.
        parcel: Parcel,
    },
    /// How far the stream to this node has come, so that the loss of its last frames is seen.
    Position {
        /// See [`super::links`].
        epoch: u32,
        /// The number of the next frame.
        next: u64,
    },
    /// Something of the receiver's stream was lost: it is to start over, in another epoch.
    Restart {
        /// The one in which it was lost.
        epoch: u32,
    },
    /// For the first shard of every node.
    Announcement(PeerMessage),
    /// For its own sender: the way through the bus is open.
    Echo(u64),
}

/// Messages to the shards of one node, in order. What goes to many recipients is in it once.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Parcel {
    bodies: Vec<Arc<Message>>,
    items: Vec<(u16, Item)>,
    /// About; see [`Parcel::is_full`].
    #[serde(skip)]
    bytes: usize,
}

#[derive(Debug, Serialize, Deserialize)]
enum Item {
    Deliver { to: LoginId, lane: LaneKey, home: ShardId, again: bool, body: u32 },
    Other(PeerMessage),
}

/// A parcel is closed when it has so many bytes: enough to make the cost of a frame small, and
/// little enough that none is long in the way of the next.
const FULL_BYTES: usize = 256 << 10;
/// Roughly what an item takes.
const ITEM_BYTES: usize = 48;

/// Bytes that are no frame.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Another version of the server sent it.
    #[error("it is of version {0}, not {VERSION}")]
    Version(u8),
    /// It makes no sense.
    #[error("it cannot be read: {0}")]
    Malformed(#[from] postcard::Error),
    /// A message refers to a body that is not in the parcel.
    #[error("a message has no text")]
    NoBody,
}

impl Frame {
    /// The frame as bytes.
    pub fn encode(&self) -> Vec<u8> {
        postcard::to_extend(self, vec![VERSION]).expect("memory takes everything")
    }

    /// Reads what [`Self::encode`] wrote.
    pub fn decode(bytes: &[u8]) -> Result<Self, FrameError> {
        match bytes.split_first() {
            Some((&VERSION, rest)) => Ok(postcard::from_bytes(rest)?),
            Some((version, _)) => Err(FrameError::Version(*version)),
            None => Err(FrameError::Malformed(postcard::Error::DeserializeUnexpectedEnd)),
        }
    }
}

impl Parcel {
    /// Appends a message to the shard of this index.
    pub fn push(&mut self, shard: u16, message: PeerMessage) {
        self.bytes += ITEM_BYTES;
        let item = match message {
            PeerMessage::Deliver { to, lane, home, again, message } => {
                // The copies of one message to many recipients come one after the other.
                if !self.bodies.last().is_some_and(|last| Arc::ptr_eq(last, &message)) {
                    self.bytes += message.size();
                    self.bodies.push(message);
                }
                let body = self.bodies.len() as u32 - 1;
                Item::Deliver { to, lane, home, again, body }
            }
            other => Item::Other(other),
        };
        self.items.push((shard, item));
    }

    /// Whether the next message belongs into another one.
    pub fn is_full(&self) -> bool {
        self.bytes >= FULL_BYTES
    }

    /// The messages with the index of their shard, in order.
    pub fn unpack(self) -> Result<Vec<(u16, PeerMessage)>, FrameError> {
        let Self { bodies, items, .. } = self;
        let unpack = |(shard, item)| {
            let message = match item {
                Item::Deliver { to, lane, home, again, body } => {
                    let message = bodies.get(body as usize).ok_or(FrameError::NoBody)?;
                    PeerMessage::Deliver { to, lane, home, again, message: Arc::clone(message) }
                }
                Item::Other(message) => message,
            };
            Ok((shard, message))
        };
        items.into_iter().map(unpack).collect()
    }
}

#[cfg(test)]
mod tests {
    use chatproto::{ChatObject, UserId};
    use proptest::prelude::*;

    use super::*;
    use crate::chat::ConnId;
    use crate::message::{Audience, Sid};

    const NODE: NodeId = NodeId(7);

    fn deliver(recipient: i64, message: &Arc<Message>) -> PeerMessage {
        PeerMessage::Deliver {
            to: LoginId { conn: ConnId(1), number: 2 },
            lane: LaneKey { sender: UserId(1), recipient: UserId(recipient) },
            home: ShardId { node: NODE, index: 3 },
            again: false,
            message: Arc::clone(message),
        }
    }

    fn message(text: &str) -> Arc<Message> {
        Arc::new(Message {
            sid: Sid(5),
            sender: UserId(1),
            mid: "m".into(),
            audience: Audience::Group,
            object: ChatObject::direct(UserId(1), "ann", UserId(2), text, "now"),
        })
    }

    #[test]
    fn what_is_packed_comes_out_in_order_and_shared_texts_are_in_it_once() {
        let (first, second) = (message(&"first".repeat(100)), message("second"));
        let mut parcel = Parcel::default();
        for recipient in 2..50 {
            parcel.push(0, deliver(recipient, &first));
        }
        let to = LoginId { conn: ConnId(9), number: 1 };
        parcel.push(1, PeerMessage::SenderSettled { to });
        parcel.push(0, deliver(2, &second));
        let frame = Frame { origin: NODE, body: Body::Stream { epoch: 1, number: 2, parcel } };
        let bytes = frame.encode();
        assert!(bytes.len() < 2000, "{} bytes", bytes.len());
        let Body::Stream { epoch: 1, number: 2, parcel } = Frame::decode(&bytes).unwrap().body
        else {
            panic!("another body");
        };
        let unpacked = parcel.unpack().unwrap();
        assert_eq!(unpacked.len(), 50);
        assert!(matches!(&unpacked[48], (1, PeerMessage::SenderSettled { .. })));
        let (0, PeerMessage::Deliver { message, lane, .. }) = &unpacked[49] else {
            panic!("another message");
        };
        assert_eq!((&**message, lane.recipient), (&*second, UserId(2)));
    }

    #[test]
    fn another_version_and_missing_bodies_are_told() {
        let frame = Frame { origin: NODE, body: Body::Echo(1) };
        let mut bytes = frame.encode();
        bytes[0] = 9;
        assert_eq!(Frame::decode(&bytes).unwrap_err(), FrameError::Version(9));
        let mut parcel = Parcel::default();
        parcel.push(0, deliver(2, &message("text")));
        parcel.bodies.clear();
        assert_eq!(parcel.unpack().unwrap_err(), FrameError::NoBody);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut versioned = vec![VERSION];
            versioned.extend(&bytes);
            let frames = [Frame::decode(&bytes), Frame::decode(&versioned)];
            for frame in frames.into_iter().flatten() {
                if let Body::Stream { parcel, .. } = frame.body {
                    let _unpacked = parcel.unpack();
                }
            }
        }
    }
}
