//! Which nodes are alive, as Redis said last.

use std::time::Duration;

use crate::chat::NodeId;

/// For so long after Redis came back empty, who is not found in it is not known to be offline:
/// by then every node has put there again whom it has.
const WARM_AFTER: Duration = Duration::from_secs(5);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Roster {
    alive: Vec<NodeId>,
    /// Whether a user of whom Redis knows nothing is offline.
    pub(super) is_warm: bool,
}

impl Roster {
    /// Takes in what Redis says; those who are not alive any more.
    pub(super) fn update(&mut self, alive: Vec<NodeId>, age: Duration) -> Vec<NodeId> {
        self.is_warm = age >= WARM_AFTER;
        let before = std::mem::replace(&mut self.alive, alive);
        before.into_iter().filter(|node| !self.has(*node)).collect()
    }

    /// Whether the node is alive.
    pub(super) fn has(&self, node: NodeId) -> bool {
        self.alive.contains(&node)
    }
}
