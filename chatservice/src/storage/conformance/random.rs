//! The same random operations on two stores: every outcome and every read must agree.

use std::collections::BTreeMap;
use std::sync::Arc;

use chatproto::{GroupId, UserId};
use fastrand::Rng;

use super::{direct, ids, registration, to_group, waiting};
use crate::message::Message;
use crate::storage::{Outcome, PageLimit, Row, RowId, Store, Write};

/// Ids beyond these are tried now and then as well: they do not exist.
const USERS: i64 = 8;
const GROUPS: i64 = 5;
const MIDS: usize = 30;

/// Runs `rounds` random batches and reads on both stores; `seed` makes them anew. With limits
/// around 5, refusals are as frequent as successes.
pub fn compare(seed: u64, rounds: usize, one: &dyn Store, other: &dyn Store) {
    let mut rng = Rng::with_seed(seed);
    let mut twins = Twins::default();
    for round in 0..rounds {
        let writes: Vec<Write> = (0..rng.usize(1..8)).map(|_| write(&mut rng, one)).collect();
        let at = format!("seed {seed}, round {round}");
        let mut outcomes = one.commit(&writes);
        let found = other.commit(&twins.of_writes(writes));
        if let (Ok(outcomes), Ok(found)) = (&mut outcomes, &found) {
            twins.learn(outcomes, found);
        }
        assert_eq!(outcomes, found, "{at}");
        assert!(twins.ascend(), "{at}: {twins:?}");
        compare_reads(&mut rng, one, other, &twins, &at);
    }
}

/// The rows of the one store and what they are called in the other: a store may leave ids out, as
/// long as they ascend.
#[derive(Debug, Default)]
struct Twins(BTreeMap<RowId, RowId>);

impl Twins {
    /// What is not in here is called the same.
    fn of(&self, row: RowId) -> RowId {
        self.0.get(&row).copied().unwrap_or(row)
    }

    fn of_writes(&self, mut writes: Vec<Write>) -> Vec<Write> {
        for write in &mut writes {
            if let Write::Remove { rows, .. } = write {
                rows.iter_mut().for_each(|row| *row = self.of(*row));
            }
        }
        writes
    }

    fn of_rows(&self, mut rows: Vec<Row>) -> Vec<Row> {
        rows.iter_mut().for_each(|row| row.id = self.of(row.id));
        rows
    }

    /// Takes in rows that are new, and gives all of `outcomes` the names that they have in the
    /// other store.
    fn learn(&mut self, outcomes: &mut [Outcome], found: &[Outcome]) {
        for (outcome, found) in outcomes.iter_mut().zip(found) {
            if let (Outcome::Deposited(rows), Outcome::Deposited(others)) = (outcome, found) {
                for (row, other) in rows.iter_mut().zip(others) {
                    *row = *self.0.entry(*row).or_insert(*other);
                }
            }
        }
    }

    fn ascend(&self) -> bool {
        self.0.values().is_sorted_by(|a, b| a < b)
    }
}

fn compare_reads(rng: &mut Rng, one: &dyn Store, other: &dyn Store, twins: &Twins, at: &str) {
    let (user, group, budget) = (user(rng), group(rng), rng.usize(..12));
    let (all, first) = (PageLimit::rows(usize::MAX), RowId::default());
    let after = rng.choice(ids(&waiting(one, user))).unwrap_or(first);
    let limit = PageLimit { rows: rng.usize(..6), bytes: rng.usize(..1000) };
    assert!(one.credentials(user) == other.credentials(user), "credentials of {user}, {at}");
    assert_eq!(one.profile(user, budget), other.profile(user, budget), "{at}");
    assert_eq!(one.members(group), other.members(group), "{at}");
    for (after, limit) in [(after, limit), (first, all)] {
        let rows = one.rows(user, after, limit).map(|rows| twins.of_rows(rows));
        assert_eq!(rows, other.rows(user, twins.of(after), limit), "{at}");
    }
    let arrivals = one.arrivals(after, limit.rows).map(|mut arrivals| {
        arrivals.iter_mut().for_each(|arrival| arrival.row = twins.of(arrival.row));
        arrivals
    });
    assert_eq!(arrivals, other.arrivals(twins.of(after), limit.rows), "{at}");
    assert_eq!(one.newest_row().map(|row| twins.of(row)), other.newest_row(), "{at}");
}

fn user(rng: &mut Rng) -> UserId {
    UserId(rng.i64(0..=USERS + 1))
}

fn group(rng: &mut Rng) -> GroupId {
    GroupId(rng.i64(0..=GROUPS + 1))
}

/// A write that makes sense now and then; `store` says which rows there are.
fn write(rng: &mut Rng, store: &dyn Store) -> Write {
    match rng.u8(..21) {
        0..3 => registration(&format!("user {}", rng.i64(..USERS))),
        3 => Write::SetToken { user: user(rng), token: rng.bool().then(|| [rng.u8(..); 32]) },
        4..6 => Write::AddFriend { user: user(rng), friend: user(rng) },
        20 => Write::SetPassword { user: user(rng), password: format!("hash {}", rng.u8(..)) },
        6 => Write::CreateGroup {
            creator: user(rng),
            name: format!("group {}", rng.i64(..GROUPS)),
            description: "random".into(),
        },
        7..10 => Write::JoinGroup { user: user(rng), group: group(rng) },
        10..16 => {
            let messages = (0..rng.usize(1..4)).map(|_| message(rng)).collect();
            Write::Deposit { recipient: user(rng), messages }
        }
        16 => {
            let messages = (0..rng.usize(1..4)).map(|_| message(rng)).collect();
            Write::Withdraw { recipient: user(rng), messages }
        }
        _ => {
            let recipient = user(rng);
            let owner = if rng.u8(..8) == 0 { user(rng) } else { recipient };
            let mut rows = ids(&waiting(store, owner));
            rows.retain(|_| rng.bool());
            Write::Remove { recipient, rows }
        }
    }
}

fn message(rng: &mut Rng) -> Arc<Message> {
    let (sender, mid) = (user(rng), format!("m{}", rng.usize(..MIDS)));
    if rng.bool() { direct(sender, &mid, &mid) } else { to_group(sender, &format!("g{mid}"), &mid) }
}
