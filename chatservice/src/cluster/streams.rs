//! What is to be published to other nodes next.

use std::collections::BTreeMap;

use super::call::{Call, Channel};
use super::frame::{Body, Frame};
use super::links::Outgoing;
use super::parcel::Parcels;
use crate::chat::{NodeId, PeerMessage};

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Streams {
    links: Outgoing,
    /// Only of nodes for which there are any.
    parcels: BTreeMap<NodeId, Parcels>,
}

impl Streams {
    pub(super) fn epoch(&self, node: NodeId) -> u32 {
        self.links.epoch(node)
    }

    /// Whether the node is told how far its stream has come.
    pub(super) fn has_begun(&self, node: NodeId) -> bool {
        self.links.positions().any(|(to, _)| to == node)
    }

    /// Nodes that were sent something which may be unanswered.
    pub(super) fn in_use(&self) -> Vec<NodeId> {
        let sent = self.links.positions().filter(|(_, position)| position.next > 0);
        let waiting = self.parcels.keys().copied();
        let mut nodes: Vec<_> = sent.map(|(node, _)| node).chain(waiting).collect();
        nodes.sort_unstable();
        nodes.dedup();
        nodes
    }

    pub(super) fn push(&mut self, node: NodeId, shard: u16, message: PeerMessage) {
        self.parcels.entry(node).or_default().push(shard, message);
    }

    pub(super) fn append(&mut self, node: NodeId, parcels: Parcels) {
        self.parcels.entry(node).or_default().append(parcels);
    }

    pub(super) fn has_parcels(&self) -> bool {
        !self.parcels.is_empty()
    }

    /// Starts over; what waits is dropped. The new epoch.
    pub(super) fn restart(&mut self, node: NodeId) -> u32 {
        self.parcels.remove(&node);
        self.links.restart(node)
    }

    /// Sends something in a new epoch even if there is nothing to send: the other node is to say
    /// again what it said in the one before.
    pub(super) fn open(&mut self, node: NodeId) {
        self.parcels.entry(node).or_default().open();
    }

    /// The next frames, each with its node and epoch.
    pub(super) fn take(&mut self, origin: NodeId) -> Vec<(NodeId, u32, Call)> {
        let mut frames = Vec::new();
        for (node, parcels) in std::mem::take(&mut self.parcels) {
            for parcel in parcels {
                let position = self.links.advance(node);
                let (epoch, number) = (position.epoch, position.next);
                let frame = Frame { origin, body: Body::Stream { epoch, number, parcel } };
                frames.push((node, epoch, Call::Publish(Channel::Node(node), frame.encode())));
            }
        }
        frames
    }

    /// Says how far each stream has come.
    pub(super) fn positions(&self, origin: NodeId) -> Vec<(NodeId, Call)> {
        let say = |(node, position): (NodeId, super::links::Position)| {
            let body = Body::Position { epoch: position.epoch, next: position.next };
            (node, Call::Publish(Channel::Node(node), Frame { origin, body }.encode()))
        };
        self.links.positions().map(say).collect()
    }
}
