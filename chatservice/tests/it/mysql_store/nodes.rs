//! Several nodes on one database at the same time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Barrier, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use chatproto::{ChatObject, UserId};
use chatservice::message::{Audience, Message, Sid};
use chatservice::storage::mysql::{MySqlStore, Sharing};
use chatservice::storage::{Arrival, Outcome, PageLimit, RowId, Store, StoreLimits, Write};
use fastrand::Rng;
use mysql::prelude::Queryable;

use super::{LIMITS, open};
use crate::support::{Database, MariaDb, seed};

const NODES: usize = 3;
const ORPHANS: &str = "SELECT COUNT(*) FROM MessageBody
                       WHERE id NOT IN (SELECT body FROM OfflineMessage WHERE body IS NOT NULL)";

pub(super) fn nodes(database: &Database, limits: StoreLimits) -> [MySqlStore; NODES] {
    [0; NODES].map(|_| open(database, limits, Sharing::Shared))
}

pub(super) fn register(store: &MySqlStore, count: i64) {
    let write = |n| Write::Register { name: format!("user {n}"), password: "hash".into() };
    store.commit(&(0..count).map(write).collect::<Vec<_>>()).unwrap();
}

/// Messages with the same mid to groups share a text.
pub(super) fn message(mid: &str, audience: Audience) -> Arc<Message> {
    let sender = UserId(1);
    let object = ChatObject::direct(sender, "ann", sender, mid, "2026-01-02 03:04:05");
    let number = mid.bytes().fold(0u64, |sum, byte| sum.wrapping_mul(257) + u64::from(byte));
    Arc::new(Message { sid: Sid(number.into()), sender, mid: mid.into(), audience, object })
}

pub(super) fn deposit(recipient: i64, mid: &str) -> Write {
    let messages = vec![message(mid, Audience::One)];
    Write::Deposit { recipient: UserId(recipient), messages }
}

fn waiting(store: &MySqlStore, recipient: i64) -> Vec<(RowId, String)> {
    let rows = store.rows(UserId(recipient), RowId::default(), PageLimit::rows(usize::MAX));
    rows.unwrap().into_iter().map(|row| (row.id, row.message.mid.to_string())).collect()
}

#[test]
fn a_name_goes_to_one_of_those_who_want_it() {
    const NAMES: usize = 30;
    let database = MariaDb::shared().database();
    let (nodes, start) = (nodes(&database, LIMITS), Barrier::new(NODES));
    let tries = thread::scope(|scope| {
        let tries = nodes.each_ref().map(|store| {
            scope.spawn(|| {
                let mut tries = Vec::new();
                for n in 0..NAMES {
                    start.wait();
                    let name = |kind: &str| format!("{kind} {n}");
                    let (account, group) = (name("user"), name("group"));
                    let mut outcomes = store
                        .commit(&[
                            Write::Register { name: account, password: "hash".into() },
                            Write::Register { name: name("user"), password: "hash".into() },
                        ])
                        .unwrap();
                    assert_eq!(outcomes.pop(), Some(Outcome::NameTaken));
                    tries.extend(outcomes);
                    start.wait();
                    let (creator, description) = (UserId(1), String::new());
                    let create = Write::CreateGroup { creator, name: group, description };
                    tries.extend(store.commit(&[create]).unwrap());
                }
                tries
            })
        });
        tries.map(|tries| tries.join().unwrap())
    });
    for n in 0..2 * NAMES {
        let losers = tries.iter().filter(|tries| tries[n] == Outcome::NameTaken).count();
        assert_eq!(losers, NODES - 1, "{n}: {:?}", tries.each_ref().map(|tries| &tries[n]));
    }
    assert_eq!(database.number("SELECT COUNT(*) FROM User"), NAMES as i64);
    assert_eq!(database.number("SELECT COUNT(*) FROM AllGroup"), NAMES as i64);
    assert_eq!(database.number("SELECT COUNT(*) FROM GroupUser"), NAMES as i64);
}

#[test]
fn a_message_that_two_nodes_store_is_one_row() {
    let database = MariaDb::shared().database();
    let (nodes, start) = (nodes(&database, LIMITS), Barrier::new(NODES));
    register(&nodes[0], 2);
    let rows = thread::scope(|scope| {
        let rows = nodes.each_ref().map(|store| {
            scope.spawn(|| {
                let mut rows = Vec::new();
                for n in 0..40 {
                    start.wait();
                    let mid = n.to_string();
                    let group = message(&format!("g{n}"), Audience::Group);
                    let recipient = UserId(2);
                    let messages = vec![message(&mid, Audience::One), group];
                    rows.extend(store.commit(&[Write::Deposit { recipient, messages }]).unwrap());
                }
                rows
            })
        });
        rows.map(|rows| rows.join().unwrap())
    });
    assert!(rows[1..].iter().all(|other| *other == rows[0]));
    assert_eq!(waiting(&nodes[0], 2).len(), 80);
}

/// What a node knows to be stored, until it takes it out or somebody may have.
type Kept = Mutex<BTreeMap<(i64, String), Vec<RowId>>>;

/// A batch as a node would write it: deposits for several recipients in any order, each of two
/// messages of which one is to a group, and removals and withdrawals of what is known.
fn batch(rng: &mut Rng, label: &str, kept: &Kept) -> (Vec<Write>, Vec<(i64, String)>) {
    let (mut writes, mut new) = (Vec::new(), Vec::new());
    for n in 0..rng.usize(1..6) {
        let (recipient, mid) = (rng.i64(1..=5), format!("{label}.{n}"));
        writes.push(Write::Deposit { recipient: UserId(recipient), messages: pair(&mid) });
        new.push((recipient, mid));
    }
    for _ in 0..rng.usize(..4) {
        let taken = kept.lock().unwrap().pop_first();
        let Some(((recipient, mid), rows)) = taken else { break };
        let recipient = UserId(recipient);
        writes.push(match rng.bool() {
            true => Write::Remove { recipient, rows },
            false => Write::Withdraw { recipient, messages: pair(&mid) },
        });
    }
    rng.shuffle(&mut writes);
    (writes, new)
}

/// Groups of one round share their text, whichever node it comes from.
fn pair(mid: &str) -> Vec<Arc<Message>> {
    let round = mid.split('.').nth(1).unwrap();
    let mut group = Message::clone(&message(&format!("round {round}"), Audience::Group));
    group.mid = format!("{mid} to all").into();
    vec![message(mid, Audience::One), Arc::new(group)]
}

#[test]
fn crossing_batches_are_carried_out_all_or_none() {
    let database = MariaDb::shared().database();
    let (nodes, kept) = (nodes(&database, LIMITS), Kept::default());
    register(&nodes[0], 5);
    let seed = seed("crossing_batches");
    thread::scope(|scope| {
        for (node, store) in nodes.iter().enumerate() {
            let kept = &kept;
            scope.spawn(move || {
                let mut rng = Rng::with_seed(seed + node as u64);
                for round in 0..120 {
                    let (writes, mut new) = batch(&mut rng, &format!("{node}.{round}"), kept);
                    let outcomes = store.commit(&writes).unwrap();
                    for (write, outcome) in writes.iter().zip(outcomes) {
                        let Write::Deposit { recipient, messages } = write else { continue };
                        let Outcome::Deposited(rows) = outcome else { panic!("{outcome:?}") };
                        let key = (recipient.0, messages[0].mid.to_string());
                        new.retain(|other| *other != key);
                        kept.lock().unwrap().insert(key, rows);
                    }
                    assert!(new.is_empty(), "{new:?}");
                }
            });
        }
    });
    let mut expected: BTreeSet<(i64, RowId)> = BTreeSet::new();
    for ((recipient, _), rows) in kept.into_inner().unwrap() {
        expected.extend(rows.into_iter().map(|row| (recipient, row)));
    }
    let found: BTreeSet<(i64, RowId)> = (1..=5)
        .flat_map(|user| waiting(&nodes[0], user).into_iter().map(move |(row, _)| (user, row)))
        .collect();
    assert_eq!(found, expected);
    assert_eq!(database.number(ORPHANS), 0);
}

/// The limit is exact: rows that another node has added are counted.
#[test]
fn a_queue_never_grows_beyond_its_limit() {
    const ROWS: usize = 10;
    let database = MariaDb::shared().database();
    let nodes = nodes(&database, StoreLimits { rows_max: ROWS, ..LIMITS });
    register(&nodes[0], 1);
    thread::scope(|scope| {
        for (node, store) in nodes.iter().enumerate() {
            scope.spawn(move || {
                for n in 0..80 {
                    store.commit(&[deposit(1, &format!("{node} {n}"))]).unwrap();
                    let rows = waiting(store, 1);
                    assert!(rows.len() <= ROWS, "{} wait", rows.len());
                    if n % 3 == node && rows.len() == ROWS {
                        let rows = rows[..2].iter().map(|(row, _)| *row).collect();
                        store.commit(&[Write::Remove { recipient: UserId(1), rows }]).unwrap();
                    }
                }
            });
        }
    });
    for n in 0..ROWS {
        nodes[n % NODES].commit(&[deposit(1, &format!("last {n}"))]).unwrap();
    }
    assert_eq!(waiting(&nodes[0], 1).len(), ROWS, "what was taken out made room");
    for store in &nodes {
        assert_eq!(store.commit(&[deposit(1, "one more")]), Ok(vec![Outcome::LimitReached]));
    }
}

/// Ids of different recipients may come in another order than they were given out in.
#[test]
fn arrivals_show_what_is_committed_and_wait_for_nobody() {
    let database = MariaDb::shared().database();
    let [store, ..] = nodes(&database, LIMITS);
    register(&store, 2);
    let mut slow = database.conn();
    slow.query_drop("START TRANSACTION").unwrap();
    let insert = "INSERT INTO OfflineMessage (userid, sender, mid, sid, message)
                  VALUES (1, 1, 'slow', '000000000000000000000001', '{}')";
    slow.query_drop(insert).unwrap();
    let below = Arrival { recipient: UserId(1), row: RowId(slow.last_insert_id() as i64) };
    let outcome = store.commit(&[deposit(2, "quick")]).unwrap();
    let above = Arrival { recipient: UserId(2), row: RowId(below.row.0 + 1) };
    assert_eq!(outcome, [Outcome::Deposited(vec![above.row])]);
    let since = Instant::now();
    assert_eq!(store.arrivals(RowId::default(), 9), Ok(vec![above]));
    assert_eq!(store.newest_row(), Ok(above.row));
    assert!(since.elapsed() < Duration::from_millis(500), "took {:?}", since.elapsed());
    slow.query_drop("COMMIT").unwrap();
    assert_eq!(store.arrivals(RowId::default(), 9), Ok(vec![below, above]));
    assert_eq!(store.arrivals(above.row, 9), Ok(Vec::new()), "it is passed over from there");
}
