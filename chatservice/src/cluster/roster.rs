//! Which nodes are alive, as Redis said last.

use std::time::{Duration, Instant};

use crate::chat::NodeId;

/// For so long after Redis came back, empty or as it once was, who is not found in it is not known
/// to be offline: by then every node has put there again whom it has.
const WARM_AFTER: Duration = Duration::from_secs(5);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Roster {
    alive: Vec<NodeId>,
    /// Whether a user of whom Redis knows nothing is offline.
    pub(super) is_warm: bool,
    /// When Redis came back, if it was away.
    back_since: Option<Instant>,
}

impl Roster {
    /// Redis was away, and is back.
    pub(super) fn handle_back(&mut self, now: Instant) {
        self.back_since = Some(now);
        self.is_warm = false;
    }

    /// Takes in what Redis says.
    pub(super) fn update(&mut self, alive: Vec<NodeId>, age: Duration, now: Instant) {
        let is_back = self.back_since.is_none_or(|since| since + WARM_AFTER <= now);
        self.is_warm = age >= WARM_AFTER && is_back;
        self.alive = alive;
    }

    /// Whether the node is alive.
    pub(super) fn has(&self, node: NodeId) -> bool {
        self.alive.contains(&node)
    }
}
