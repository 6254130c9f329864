//! What one client got.

use std::collections::{HashMap, HashSet};

use crate::history::{ClientNumber, Target};

#[derive(Debug, Default)]
pub(super) struct Stream {
    /// The number of the last push on this connection.
    last_seq: u64,
    got: HashSet<usize>,
    /// The latest place that came from each sender by each way.
    places: HashMap<(ClientNumber, Target), u64>,
}

impl Stream {
    /// Numbers begin anew.
    pub(super) fn opened(&mut self) {
        self.last_seq = 0;
    }

    pub(super) fn has(&self, message: usize) -> bool {
        self.got.contains(&message)
    }

    /// Pushes are numbered without a gap.
    pub(super) fn check_number(&mut self, seq: u64, wrong: impl FnOnce()) {
        if seq != self.last_seq + 1 {
            wrong();
        }
        self.last_seq = seq;
    }

    /// Takes a message that is new.
    pub(super) fn take(&mut self, message: usize) {
        self.got.insert(message);
    }

    /// Those of one sender for one target ascend.
    pub(super) fn check_order(
        &mut self,
        way: (ClientNumber, Target),
        place: u64,
        overtaken: impl FnOnce(),
    ) {
        let last = self.places.entry(way).or_default();
        if place < *last {
            overtaken();
        }
        *last = place.max(*last);
    }
}
