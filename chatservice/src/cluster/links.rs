//! Streams from node to node over a bus that may lose.
//!
//! The frames to one node are numbered. When one is missing nothing of the stream is heard any
//! more; its sender starts over in a new epoch, and both nodes say again what they are owed an
//! answer to. So what is heard is in order, and who has to repeat knows it: no frame is kept to be
//! sent again. Numbers of nodes that ended are kept, some bytes for each start of a node.

use rustc_hash::FxHashMap;

use crate::chat::NodeId;

/// What was sent to each node.
#[derive(Debug, Default)]
pub struct Outgoing {
    links: FxHashMap<NodeId, Position>,
}

/// How far a stream has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// How often the stream started over.
    pub epoch: u32,
    /// Frames so far in this epoch.
    pub next: u64,
}

impl Outgoing {
    /// The epoch of the stream to `node`.
    pub fn epoch(&self, node: NodeId) -> u32 {
        self.links.get(&node).map_or(0, |link| link.epoch)
    }

    /// Epoch and number of the next frame to `node`.
    pub fn advance(&mut self, node: NodeId) -> Position {
        let link = self.links.entry(node).or_default();
        let position = *link;
        link.next += 1;
        position
    }

    /// Starts over; the new epoch.
    pub fn restart(&mut self, node: NodeId) -> u32 {
        let link = self.links.entry(node).or_default();
        *link = Position { epoch: link.epoch + 1, next: 0 };
        link.epoch
    }

    /// How far each stream that is in use has come. One that started over is in use also when
    /// nothing was sent since: the other node is to learn that something was lost.
    pub fn positions(&self) -> impl Iterator<Item = (NodeId, Position)> {
        let positions = self.links.iter().map(|(node, link)| (*node, *link));
        positions.filter(|(_, link)| *link != Position::default())
    }
}

/// What was heard of each node.
#[derive(Debug, Default)]
pub struct Incoming {
    links: FxHashMap<NodeId, Heard>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Heard {
    InOrder(Position),
    /// Something was lost in this epoch.
    Broken(u32),
}

/// What follows from a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is the next one.
    Take,
    /// It is the first one of a new epoch: what was sent before may be lost.
    TakeAfterLoss,
    /// It belongs to what was given up.
    Ignore,
    /// Something is missing: its sender is to start over after this epoch.
    AskRestart(u32),
}

impl Incoming {
    /// A frame of a stream has come.
    pub fn handle_frame(&mut self, origin: NodeId, epoch: u32, number: u64) -> Verdict {
        let verdict = self.judge(origin, epoch, number);
        match verdict {
            Verdict::Take | Verdict::TakeAfterLoss => {
                let next = number + 1;
                self.links.insert(origin, Heard::InOrder(Position { epoch, next }));
            }
            Verdict::AskRestart(epoch) => {
                self.links.insert(origin, Heard::Broken(epoch));
            }
            Verdict::Ignore => {}
        }
        verdict
    }

    /// A node says how far its stream has come. It asks again and again if a restart was lost.
    pub fn handle_position(&mut self, origin: NodeId, epoch: u32, next: u64) -> Verdict {
        match self.heard(origin) {
            Heard::InOrder(known) if known == (Position { epoch, next }) => Verdict::Ignore,
            Heard::InOrder(known) if (epoch, next) < (known.epoch, known.next) => Verdict::Ignore,
            Heard::Broken(broken) if epoch < broken => Verdict::Ignore,
            _ => {
                self.links.insert(origin, Heard::Broken(epoch));
                Verdict::AskRestart(epoch)
            }
        }
    }

    fn heard(&self, origin: NodeId) -> Heard {
        self.links.get(&origin).copied().unwrap_or_else(|| Heard::InOrder(Position::default()))
    }

    fn judge(&self, origin: NodeId, epoch: u32, number: u64) -> Verdict {
        match self.heard(origin) {
            Heard::InOrder(known) if epoch < known.epoch => Verdict::Ignore,
            Heard::InOrder(known) if epoch == known.epoch && number == known.next => Verdict::Take,
            Heard::InOrder(known) if epoch == known.epoch && number < known.next => Verdict::Ignore,
            Heard::InOrder(known) if epoch == known.epoch => Verdict::AskRestart(epoch),
            // It was asked when the loss was found, and is again with the next position.
            Heard::Broken(broken) if epoch <= broken => Verdict::Ignore,
            _ if number == 0 => Verdict::TakeAfterLoss,
            _ => Verdict::AskRestart(epoch),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NODE: NodeId = NodeId(1);

    #[test]
    fn frames_are_taken_in_order_and_repeats_ignored() {
        let mut incoming = Incoming::default();
        let verdicts = [0, 1, 1, 0, 2].map(|number| incoming.handle_frame(NODE, 0, number));
        let (take, ignore) = (Verdict::Take, Verdict::Ignore);
        assert_eq!(verdicts, [take, take, ignore, ignore, take]);
    }

    #[test]
    fn after_a_gap_nothing_is_heard_until_the_stream_starts_over() {
        let mut incoming = Incoming::default();
        incoming.handle_frame(NODE, 0, 0);
        assert_eq!(incoming.handle_frame(NODE, 0, 2), Verdict::AskRestart(0));
        assert_eq!(incoming.handle_frame(NODE, 0, 1), Verdict::Ignore);
        assert_eq!(incoming.handle_frame(NODE, 0, 3), Verdict::Ignore);
        assert_eq!(incoming.handle_position(NODE, 0, 4), Verdict::AskRestart(0));
        assert_eq!(incoming.handle_frame(NODE, 1, 0), Verdict::TakeAfterLoss);
        assert_eq!(incoming.handle_frame(NODE, 0, 4), Verdict::Ignore);
        assert_eq!(incoming.handle_position(NODE, 0, 5), Verdict::Ignore);
        assert_eq!(incoming.handle_frame(NODE, 1, 1), Verdict::Take);
    }

    #[test]
    fn the_loss_of_the_last_frames_shows_by_the_position() {
        let mut incoming = Incoming::default();
        assert_eq!(incoming.handle_position(NODE, 0, 0), Verdict::Ignore);
        assert_eq!(incoming.handle_position(NODE, 0, 1), Verdict::AskRestart(0));
        let mut incoming = Incoming::default();
        incoming.handle_frame(NODE, 0, 0);
        assert_eq!(incoming.handle_position(NODE, 0, 1), Verdict::Ignore);
    }

    #[test]
    fn a_stream_that_started_over_and_says_nothing_shows() {
        let mut incoming = Incoming::default();
        incoming.handle_frame(NODE, 0, 0);
        assert_eq!(incoming.handle_position(NODE, 1, 0), Verdict::AskRestart(1));
        assert_eq!(incoming.handle_frame(NODE, 2, 0), Verdict::TakeAfterLoss);
    }

    #[test]
    fn the_loss_of_the_first_frame_of_an_epoch_shows() {
        let mut incoming = Incoming::default();
        incoming.handle_frame(NODE, 0, 0);
        assert_eq!(incoming.handle_frame(NODE, 2, 1), Verdict::AskRestart(2));
        assert_eq!(incoming.handle_frame(NODE, 3, 0), Verdict::TakeAfterLoss);
    }

    #[test]
    fn streams_number_their_frames_in_each_epoch() {
        let mut outgoing = Outgoing::default();
        assert_eq!(outgoing.advance(NODE), Position { epoch: 0, next: 0 });
        assert_eq!(outgoing.advance(NODE), Position { epoch: 0, next: 1 });
        assert_eq!(outgoing.restart(NODE), 1);
        assert_eq!(outgoing.positions().next(), Some((NODE, Position { epoch: 1, next: 0 })));
        assert_eq!(outgoing.advance(NODE), Position { epoch: 1, next: 0 });
        assert_eq!(outgoing.positions().next(), Some((NODE, Position { epoch: 1, next: 1 })));
    }
}
