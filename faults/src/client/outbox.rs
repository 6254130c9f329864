//! What was not answered, in order. Pure.
//!
//! Each target is a lane of its own: after a refusal with 106 or 107 everything behind the refused
//! message is sent again behind it, so that its order holds.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use crate::history::Target;

/// A message on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) mid: String,
    pub(crate) target: Target,
    pub(crate) text: String,
    state: ItemState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ItemState {
    /// To be sent, or sent again.
    Waiting,
    /// Sent on this connection.
    Sent,
}

#[derive(Debug, Default)]
struct Lane {
    items: VecDeque<Item>,
    /// Nothing is sent before.
    paused_until: Option<Instant>,
}

/// What an answer means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Taken: it is off the list.
    Taken,
    /// Will be sent again.
    Again,
    /// Refused for good: it is off the list.
    Refused,
    /// Nothing on the list has this mid.
    Unknown,
}

#[derive(Debug, Default)]
pub(crate) struct Outbox {
    lanes: BTreeMap<Target, Lane>,
    /// The target of each mid on the list.
    targets: BTreeMap<String, Target>,
}

impl Outbox {
    /// Messages on the list.
    pub(crate) fn len(&self) -> usize {
        self.targets.len()
    }

    /// Those for one target.
    pub(crate) fn len_for(&self, target: Target) -> usize {
        self.lanes.get(&target).map_or(0, |lane| lane.items.len())
    }

    /// A new one, behind the others for its target.
    pub(crate) fn push(&mut self, mid: String, target: Target, text: String) {
        self.targets.insert(mid.clone(), target);
        let item = Item { mid, target, text, state: ItemState::Waiting };
        self.lanes.entry(target).or_default().items.push_back(item);
    }

    /// What is to be sent now, marked as sent.
    pub(crate) fn next(&mut self, now: Instant) -> Option<Item> {
        self.lanes.values_mut().find_map(|lane| {
            if lane.paused_until.is_some_and(|until| now < until) {
                return None;
            }
            let item = lane.items.iter_mut().find(|item| item.state == ItemState::Waiting)?;
            item.state = ItemState::Sent;
            Some(item.clone())
        })
    }

    /// Takes the answer to `mid`; a refusal with 106 or 107 pauses its lane for `pause`.
    pub(crate) fn answered(
        &mut self,
        mid: &str,
        errno: i64,
        pause: Duration,
        now: Instant,
    ) -> Fate {
        let lane = self.targets.get(mid).and_then(|target| self.lanes.get_mut(target));
        let Some(lane) = lane else { return Fate::Unknown };
        let at = lane.items.iter().position(|item| item.mid == mid);
        let at = at.expect("what is in one index is in the other");
        if matches!(errno, 106 | 107) {
            for item in lane.items.range_mut(at..) {
                item.state = ItemState::Waiting;
            }
            // Refusals of those behind it do not make the first one wait any longer.
            if lane.paused_until.is_none_or(|until| until <= now) {
                lane.paused_until = Some(now + pause);
            }
            return Fate::Again;
        }
        lane.items.remove(at);
        self.targets.remove(mid);
        if errno == 0 { Fate::Taken } else { Fate::Refused }
    }

    /// The connection is over: everything is to be sent again, in order.
    pub(crate) fn disconnected(&mut self) {
        for lane in self.lanes.values_mut() {
            lane.paused_until = None;
            for item in &mut lane.items {
                item.state = ItemState::Waiting;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANN: Target = Target::User(1);
    const BOB: Target = Target::User(2);
    const PAUSE: Duration = Duration::from_millis(300);

    fn outbox(messages: &[(&str, Target)]) -> Outbox {
        let mut outbox = Outbox::default();
        for (mid, target) in messages {
            outbox.push((*mid).to_owned(), *target, format!("text of {mid}"));
        }
        outbox
    }

    fn sent(outbox: &mut Outbox, now: Instant) -> Vec<String> {
        std::iter::from_fn(|| outbox.next(now)).map(|item| item.mid).collect()
    }

    #[test]
    fn each_is_sent_once_and_again_after_the_connection_was_lost() {
        let now = Instant::now();
        let mut outbox = outbox(&[("a", ANN), ("b", BOB), ("c", ANN)]);
        assert_eq!(sent(&mut outbox, now), ["a", "c", "b"]);
        assert_eq!(outbox.answered("c", 0, PAUSE, now), Fate::Taken);
        assert_eq!(outbox.answered("c", 0, PAUSE, now), Fate::Unknown);
        outbox.disconnected();
        assert_eq!(sent(&mut outbox, now), ["a", "b"]);
        assert_eq!(outbox.answered("a", 0, PAUSE, now), Fate::Taken);
        assert_eq!(outbox.answered("b", 103, PAUSE, now), Fate::Refused);
        assert_eq!(outbox.len(), 0);
    }

    #[test]
    fn a_refused_one_is_sent_again_with_all_behind_it() {
        let now = Instant::now();
        let mut outbox = outbox(&[("a", ANN), ("b", ANN), ("c", ANN), ("x", BOB)]);
        assert_eq!(sent(&mut outbox, now), ["a", "b", "c", "x"]);
        assert_eq!(outbox.answered("b", 107, PAUSE, now), Fate::Again);
        outbox.push("d".to_owned(), ANN, String::new());
        outbox.push("y".to_owned(), BOB, String::new());
        assert_eq!(sent(&mut outbox, now), ["y"], "the other lane goes on");
        assert_eq!(outbox.answered("a", 0, PAUSE, now), Fate::Taken);
        assert_eq!(outbox.len_for(ANN), 3);
        assert_eq!(sent(&mut outbox, now + PAUSE), ["b", "c", "d"]);
    }
}
