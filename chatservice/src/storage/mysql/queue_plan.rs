//! What a run of deposits, removals and withdrawals comes to: worked out in memory, so that it
//! can be carried out by a few statements however many writes there are. Pure.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use chatproto::UserId;
use compact_str::CompactString;

use crate::message::Message;
use crate::storage::{Outcome, RowId, Write};

/// What makes a waiting message the same as another: recipient, sender, mid.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) recipient: UserId,
    pub(super) sender: UserId,
    pub(super) mid: CompactString,
}

impl Key {
    pub(super) fn new(recipient: UserId, message: &Message) -> Self {
        Self { recipient, sender: message.sender, mid: message.mid.clone() }
    }
}

/// A row as far as planning needs it.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    pub(super) id: RowId,
    pub(super) key: Key,
    /// The text that it shares with others, if it does.
    pub(super) body: Option<i64>,
}

/// The queues as they are before the run, as far as it matters; changes as it is planned.
#[derive(Default)]
pub(super) struct Queues {
    /// How many messages wait for each account that exists.
    pub(super) waiting: HashMap<UserId, usize>,
    places: HashMap<Key, Place>,
    stored: HashMap<RowId, Stored>,
}

/// Where a message of the run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Stored(RowId),
    /// At this position of [`Plan::inserts`].
    New(usize),
}

/// What to do, in this order: delete, insert, drop bodies that nobody refers to any more.
#[derive(Default)]
pub(super) struct Plan {
    pub(super) deletes: Vec<RowId>,
    /// Those that are stored in a queue of which nothing is known here stay as they are.
    pub(super) inserts: Vec<(UserId, Arc<Message>)>,
    /// Bodies of deleted rows.
    pub(super) bodies: Vec<i64>,
    /// Of each write that was planned, in order.
    answers: Vec<Answer>,
}

enum Answer {
    Known(Outcome),
    Deposited(Vec<Place>),
}

impl Queues {
    pub(super) fn insert(&mut self, row: Stored) {
        self.places.insert(row.key.clone(), Place::Stored(row.id));
        self.stored.insert(row.id, row);
    }

    /// Plans as many of `writes` as can be carried out in one go, at least one.
    pub(super) fn plan(&mut self, writes: &[&Write], rows_max: usize) -> Plan {
        let mut plan = Plan::default();
        for write in writes {
            let answer = match write {
                Write::Deposit { recipient, messages } => {
                    self.deposit(*recipient, messages, rows_max, &mut plan)
                }
                Write::Remove { recipient, rows } => {
                    rows.iter().for_each(|row| self.remove(*recipient, *row, &mut plan));
                    Answer::Known(Outcome::Done)
                }
                Write::Withdraw { recipient, messages } => {
                    let places: Vec<Place> = messages
                        .iter()
                        .filter_map(|message| self.places.get(&Key::new(*recipient, message)))
                        .copied()
                        .collect();
                    // What this very run adds has no id yet: it must be carried out first.
                    if places.iter().any(|place| matches!(place, Place::New(_))) {
                        break;
                    }
                    for place in places {
                        if let Place::Stored(row) = place {
                            self.remove(*recipient, row, &mut plan);
                        }
                    }
                    Answer::Known(Outcome::Done)
                }
                _ => Answer::Known(Outcome::Done),
            };
            plan.answers.push(answer);
        }
        plan
    }

    fn deposit(
        &mut self,
        recipient: UserId,
        messages: &[Arc<Message>],
        rows_max: usize,
        plan: &mut Plan,
    ) -> Answer {
        let Some(waiting) = self.waiting.get_mut(&recipient) else {
            return Answer::Known(Outcome::NoSuchUser);
        };
        let keys: Vec<Key> = messages.iter().map(|message| Key::new(recipient, message)).collect();
        let new: HashSet<&Key> = keys.iter().filter(|key| !self.places.contains_key(key)).collect();
        if !new.is_empty() && *waiting + new.len() > rows_max {
            return Answer::Known(Outcome::LimitReached);
        }
        *waiting += new.len();
        let mut places = Vec::with_capacity(messages.len());
        for (key, message) in keys.into_iter().zip(messages) {
            let place = *self.places.entry(key).or_insert_with(|| {
                plan.inserts.push((recipient, Arc::clone(message)));
                Place::New(plan.inserts.len() - 1)
            });
            places.push(place);
        }
        Answer::Deposited(places)
    }

    /// One of the planned inserts has found its message stored.
    pub(super) fn taken_back(&mut self, recipient: UserId) {
        if let Some(waiting) = self.waiting.get_mut(&recipient) {
            *waiting = waiting.saturating_sub(1);
        }
    }

    fn remove(&mut self, recipient: UserId, row: RowId, plan: &mut Plan) {
        if self.stored.get(&row).is_none_or(|stored| stored.key.recipient != recipient) {
            return;
        }
        let Some(stored) = self.stored.remove(&row) else { return };
        self.places.remove(&stored.key);
        self.taken_back(recipient);
        plan.deletes.push(row);
        plan.bodies.extend(stored.body);
    }
}

impl Plan {
    /// The outcomes of the writes that were planned, when it is known which ids the new rows got.
    pub(super) fn outcomes(self, new: &[RowId]) -> Vec<Outcome> {
        let row = |place| match place {
            Place::Stored(row) => row,
            Place::New(at) => new[at],
        };
        let outcome = |answer| match answer {
            Answer::Known(outcome) => outcome,
            Answer::Deposited(places) => Outcome::Deposited(places.into_iter().map(row).collect()),
        };
        self.answers.into_iter().map(outcome).collect()
    }
}

#[cfg(test)]
mod tests {
    use chatproto::ChatObject;

    use super::*;
    use crate::message::{Audience, Sid};

    const ANN: UserId = UserId(1);

    fn message(mid: &str) -> Arc<Message> {
        let object = ChatObject::direct(ANN, "ann", ANN, mid, "then");
        let audience = Audience::One;
        Arc::new(Message { sid: Sid(1), sender: ANN, mid: mid.into(), audience, object })
    }

    fn deposit(mids: &[&str]) -> Write {
        Write::Deposit { recipient: ANN, messages: mids.iter().map(|mid| message(mid)).collect() }
    }

    fn withdraw(mid: &str) -> Write {
        Write::Withdraw { recipient: ANN, messages: vec![message(mid)] }
    }

    /// Ann has `old`, in row 5.
    fn queues() -> Queues {
        let mut queues = Queues::default();
        queues.waiting.insert(ANN, 1);
        queues.insert(Stored { id: RowId(5), key: Key::new(ANN, &message("old")), body: Some(3) });
        queues
    }

    fn plan(writes: &[Write]) -> Plan {
        queues().plan(&writes.iter().collect::<Vec<_>>(), 3)
    }

    #[test]
    fn repeats_are_found_and_new_ones_inserted_in_order() {
        let plan = plan(&[deposit(&["a", "old", "b", "a"])]);
        assert_eq!(plan.inserts.len(), 2);
        let expected = Outcome::Deposited([7, 5, 8, 7].map(RowId).to_vec());
        assert_eq!(plan.outcomes(&[RowId(7), RowId(8)]), [expected]);
    }

    #[test]
    fn a_removed_row_makes_room_and_may_come_again() {
        let remove = Write::Remove { recipient: ANN, rows: vec![RowId(5), RowId(5), RowId(9)] };
        let plan = plan(&[deposit(&["a", "b", "c"]), remove, deposit(&["a", "b", "old"])]);
        assert_eq!((plan.deletes.as_slice(), plan.bodies.as_slice()), (&[RowId(5)][..], &[3][..]));
        let outcomes = plan.outcomes(&[RowId(7), RowId(8), RowId(9)]);
        let deposited = Outcome::Deposited([7, 8, 9].map(RowId).to_vec());
        assert_eq!(outcomes, [Outcome::LimitReached, Outcome::Done, deposited]);
    }

    #[test]
    fn a_withdrawal_of_what_the_run_adds_begins_the_next_run() {
        let plan = plan(&[withdraw("old"), deposit(&["a"]), withdraw("b"), withdraw("a")]);
        assert_eq!(plan.deletes, [RowId(5)]);
        assert_eq!(plan.outcomes(&[RowId(7)]).len(), 3, "the last one was not planned");
    }

    #[test]
    fn others_are_left_alone() {
        let other = UserId(2);
        let plan = plan(&[
            Write::Remove { recipient: other, rows: vec![RowId(5)] },
            Write::Deposit { recipient: other, messages: vec![message("a")] },
        ]);
        assert!(plan.deletes.is_empty() && plan.inserts.is_empty());
        assert_eq!(plan.outcomes(&[]), [Outcome::Done, Outcome::NoSuchUser]);
    }
}
