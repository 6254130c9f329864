//! What one turn of a loop has to say to another node.

use std::sync::Arc;

use crate::chat::{NodeId, PeerMessage};
use crate::cluster::Command;
use crate::message::Message;

/// See the module.
#[derive(Default)]
pub(super) struct Outbox {
    /// See [`Command::Send`].
    epoch: u32,
    messages: Vec<(u16, PeerMessage)>,
    /// About.
    bytes: usize,
    /// The chat that was put in last.
    last: Option<Arc<Message>>,
}

impl Outbox {
    pub(super) fn new(epoch: u32) -> Self {
        Self { epoch, ..Self::default() }
    }

    /// Appends a message to the shard of this index.
    pub(super) fn push(&mut self, shard: u16, message: PeerMessage) {
        self.bytes += size_of::<PeerMessage>();
        if let PeerMessage::Deliver { message, .. } = &message {
            // As in a parcel, the copies of one chat for many recipients count as one.
            if !self.last.as_ref().is_some_and(|last| Arc::ptr_eq(last, message)) {
                self.bytes += message.size();
                self.last = Some(Arc::clone(message));
            }
        }
        self.messages.push((shard, message));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// Takes everything out, as a command that sends it to `node`, with about how many bytes it is.
    pub(super) fn take(&mut self, node: NodeId) -> Option<(Command, usize)> {
        if self.messages.is_empty() {
            return None;
        }
        self.last = None;
        let (epoch, messages) = (self.epoch, std::mem::take(&mut self.messages));
        Some((Command::Send { node, epoch, messages }, std::mem::take(&mut self.bytes)))
    }
}

#[cfg(test)]
mod tests {
    use chatproto::{ChatObject, GroupId, UserId};

    use super::*;
    use crate::chat::{ConnId, LaneKey, LoginId, ShardId};
    use crate::message::{Audience, Sid};

    const THERE: NodeId = NodeId(2);

    fn deliver(recipient: i64, message: &Arc<Message>) -> PeerMessage {
        PeerMessage::Deliver {
            to: LoginId { conn: ConnId(1), number: 1 },
            lane: LaneKey { sender: UserId(1), recipient: UserId(recipient) },
            home: ShardId { node: NodeId(1), index: 0 },
            again: false,
            message: Arc::clone(message),
        }
    }

    #[test]
    fn one_chat_for_many_weighs_little_more_than_for_one() {
        let object = ChatObject::group(UserId(1), "ann", GroupId(1), &"x".repeat(60_000), "now");
        let (sid, sender, audience) = (Sid(1), UserId(1), Audience::Group);
        let chat = Arc::new(Message { sid, sender, mid: "m".into(), audience, object });
        let mut outbox = Outbox::new(3);
        (0..10_000).for_each(|recipient| outbox.push(0, deliver(recipient, &chat)));
        let (command, bytes) = outbox.take(THERE).unwrap();
        assert!(matches!(command, Command::Send { node: THERE, epoch: 3, messages }
            if messages.len() == 10_000));
        assert!(bytes < 4 << 20, "{bytes}");
        assert!(outbox.take(THERE).is_none());
        let other = Arc::new(Message { sid: Sid(2), ..(*chat).clone() });
        for message in [&chat, &other, &chat] {
            outbox.push(0, deliver(1, message));
        }
        assert!(outbox.take(THERE).unwrap().1 > 180_000, "three that differ from the one before");
    }
}
