//! What every store promises, and what only this one has to.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use chatproto::{ChatObject, UserId};
use chatservice::message::{Audience, Message, Sid};
use chatservice::storage::memory::MemoryStore;
use chatservice::storage::mysql::{MySqlStore, Sharing};
use chatservice::storage::{
    Arrival, Outcome, PageLimit, RowId, Store, StoreLimits, Write, conformance,
};

use super::{LIMITS, open};
use crate::support::{MariaDb, seed};

#[test]
fn conforms() {
    conformance::run(&|limits| {
        Box::new(open(&MariaDb::shared().database(), limits, Sharing::Exclusive))
    });
}

#[test]
fn agrees_with_the_oracle() {
    let limits = StoreLimits { friends_max: 4, groups_max: 3, members_max: 4, rows_max: 6 };
    let fresh = seed("agrees_with_the_oracle");
    for seed in (0..8).chain([fresh]) {
        let database = MariaDb::shared().database();
        let store = open(&database, limits, Sharing::Exclusive);
        conformance::compare(seed, 60, &store, &MemoryStore::new(limits));
        let orphans = "SELECT COUNT(*) FROM MessageBody
                       WHERE id NOT IN (SELECT body FROM OfflineMessage WHERE body IS NOT NULL)";
        assert_eq!(database.number(orphans), 0, "seed {seed}");
    }
}

/// Two nodes change the same queues in turn; each must see what the other did, limits included.
#[test]
fn two_nodes_agree_with_the_oracle() {
    let limits = StoreLimits { friends_max: 4, groups_max: 3, members_max: 4, rows_max: 6 };
    let database = MariaDb::shared().database();
    let pair = Pair {
        one: open(&database, limits, Sharing::Shared),
        other: open(&database, limits, Sharing::Shared),
        turn: AtomicUsize::new(0),
    };
    conformance::compare(seed("two_nodes"), 200, &pair, &MemoryStore::new(limits));
}

/// Commits at one node and at the other in turn.
struct Pair {
    one: MySqlStore,
    other: MySqlStore,
    turn: AtomicUsize,
}

impl Pair {
    fn next(&self) -> &MySqlStore {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        if turn.is_multiple_of(2) { &self.one } else { &self.other }
    }
}

type Result<T> = std::result::Result<T, chatservice::storage::StoreError>;

impl Store for Pair {
    fn credentials(&self, user: UserId) -> Result<Option<chatservice::storage::Credentials>> {
        self.next().credentials(user)
    }

    fn profile(&self, user: UserId, max: usize) -> Result<chatservice::storage::Profile> {
        self.next().profile(user, max)
    }

    fn members(&self, group: chatproto::GroupId) -> Result<Option<Vec<UserId>>> {
        self.next().members(group)
    }

    fn rows(
        &self,
        recipient: UserId,
        after: RowId,
        limit: PageLimit,
    ) -> Result<Vec<chatservice::storage::Row>> {
        self.next().rows(recipient, after, limit)
    }

    fn arrivals(&self, after: RowId, limit: usize) -> Result<Vec<Arrival>> {
        self.next().arrivals(after, limit)
    }

    fn newest_row(&self) -> Result<RowId> {
        self.next().newest_row()
    }

    fn commit(&self, writes: &[Write]) -> Result<Vec<Outcome>> {
        self.next().commit(writes)
    }
}

fn message(node: usize, number: usize, audience: Audience) -> Arc<Message> {
    let (sender, mid) = (UserId(1), format!("{node}-{number}"));
    let object = ChatObject::direct(sender, "ann", UserId(1), &mid, "2026-01-02 03:04:05");
    // Both nodes store the same group messages: they share their text.
    let node = if audience == Audience::Group { 0 } else { node };
    let sid = Sid((node as u128 + 1) << 32 | number as u128);
    Arc::new(Message { sid, sender, mid: mid.into(), audience, object })
}

/// A reader that pages behind the last row that it saw misses nothing, although rows of one
/// recipient come from two nodes, in batches that speak of all recipients in changing order.
#[test]
fn nothing_is_skipped_by_a_reader_while_two_nodes_write() {
    const RECIPIENTS: i64 = 3;
    const BATCHES: usize = 150;
    let database = MariaDb::shared().database();
    let nodes = [0, 1].map(|_| open(&database, LIMITS, Sharing::Shared));
    for n in 0..RECIPIENTS {
        let (name, password) = (format!("user {n}"), "hash".to_owned());
        nodes[0].commit(&[Write::Register { name, password }]).unwrap();
    }
    let per_recipient = 2 * BATCHES * 2;
    thread::scope(|scope| {
        for (node, store) in nodes.iter().enumerate() {
            scope.spawn(move || {
                for batch in 0..BATCHES {
                    let deposit = |recipient| Write::Deposit {
                        recipient: UserId(recipient),
                        messages: vec![
                            message(node, 2 * batch, Audience::One),
                            message(node, 2 * batch + 1, Audience::Group),
                        ],
                    };
                    let mut writes: Vec<Write> = (1..=RECIPIENTS).map(deposit).collect();
                    writes.rotate_left((batch + node) % 3);
                    let outcomes = store.commit(&writes).unwrap();
                    let all = |outcome: &Outcome| matches!(outcome, Outcome::Deposited(_));
                    assert!(outcomes.iter().all(all), "{outcomes:?}");
                }
            });
        }
        for recipient in 1..=RECIPIENTS {
            let reader = &nodes[recipient as usize % 2];
            scope.spawn(move || {
                let (mut last, mut seen) = (RowId::default(), BTreeSet::new());
                let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
                while seen.len() < per_recipient {
                    assert!(std::time::Instant::now() < deadline, "{} were seen", seen.len());
                    let page = reader.rows(UserId(recipient), last, PageLimit::rows(7)).unwrap();
                    for row in page {
                        assert!(row.id > last);
                        last = row.id;
                        assert!(seen.insert(row.message.mid.clone()), "{row:?} came twice");
                    }
                }
            });
        }
    });
}
