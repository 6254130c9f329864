//! The suite that every [`Store`] passes: each check holds one sentence of the contract against
//! a fresh store. Panics at the first that does not hold.

mod accounts;
mod arrivals;
mod batches;
mod groups;
mod queue;
mod random;

use std::sync::Arc;

use chatproto::{ChatObject, GroupId, UserId};

use super::{Outcome, PageLimit, Row, RowId, Store, StoreLimits, Write};
use crate::message::{Audience, Message, Sid};

pub use self::random::compare;

/// Makes an empty store with limits.
pub type Make<'a> = &'a dyn Fn(StoreLimits) -> Box<dyn Store>;

/// Wide enough for every check that is not about limits.
const WIDE: StoreLimits =
    StoreLimits { friends_max: 1000, groups_max: 1000, members_max: 1000, rows_max: 1000 };

/// An id that no store gives out here.
const NOBODY: UserId = UserId(987_654_321);

/// Texts that careless storage changes, cuts, or takes for something else.
const AWKWARD: &[&str] = &[
    "",
    " leading and trailing ",
    "it's \"quoted\"",
    "back\\slash \\n \\u0000 \\",
    "line\nbreak\ttab\r",
    "NUL \0 inside",
    "你好，世界",
    "👩‍👩‍👧‍👦 🏳️‍🌈",
    "e\u{301} is not \u{e9}",
    "'; DROP TABLE User; --",
    "'),(1,(SELECT password FROM User))--",
    "%s %d %n ?1 :name $1 @v",
    "\u{feff}\u{202e}\u{ffff}\u{10ffff}",
    "{\"msgid\":1005}",
    "null",
    "0012",
];

/// Runs every check against stores that `make` makes.
pub fn run(make: Make<'_>) {
    accounts::run(make);
    groups::run(make);
    queue::run(make);
    batches::run(make);
    arrivals::run(make);
}

fn commit(store: &dyn Store, write: Write) -> Outcome {
    let mut outcomes = store.commit(&[write]).expect("the store works");
    assert_eq!(outcomes.len(), 1, "one outcome for each write");
    outcomes.remove(0)
}

fn registration(name: &str) -> Write {
    Write::Register { name: name.into(), password: format!("hash of {name}") }
}

fn register(store: &dyn Store, name: &str) -> UserId {
    match commit(store, registration(name)) {
        Outcome::Registered(id) => id,
        refused => panic!("{name:?} was refused: {refused:?}"),
    }
}

fn create_group(store: &dyn Store, creator: UserId, name: &str) -> GroupId {
    let description = format!("about {name}");
    match commit(store, Write::CreateGroup { creator, name: name.into(), description }) {
        Outcome::GroupCreated(id) => id,
        refused => panic!("{name:?} was refused: {refused:?}"),
    }
}

fn join(store: &dyn Store, user: UserId, group: GroupId) -> Outcome {
    commit(store, Write::JoinGroup { user, group })
}

fn deposit(store: &dyn Store, recipient: UserId, messages: &[Arc<Message>]) -> Outcome {
    commit(store, Write::Deposit { recipient, messages: messages.to_vec() })
}

/// Deposits what must be accepted and returns its rows.
fn deposited(store: &dyn Store, recipient: UserId, messages: &[Arc<Message>]) -> Vec<RowId> {
    match deposit(store, recipient, messages) {
        Outcome::Deposited(rows) => rows,
        refused => panic!("the deposit was refused: {refused:?}"),
    }
}

fn remove(store: &dyn Store, recipient: UserId, rows: &[RowId]) {
    let outcome = commit(store, Write::Remove { recipient, rows: rows.to_vec() });
    assert_eq!(outcome, Outcome::Done);
}

fn waiting(store: &dyn Store, recipient: UserId) -> Vec<Row> {
    store.rows(recipient, RowId::default(), PageLimit::rows(usize::MAX)).expect("the store works")
}

fn ids(rows: &[Row]) -> Vec<RowId> {
    rows.iter().map(|row| row.id).collect()
}

fn direct(sender: UserId, mid: &str, text: &str) -> Arc<Message> {
    let object = ChatObject::direct(sender, "sender", UserId(1), text, "2026-01-02 03:04:05");
    message(sender, mid, Audience::One, object)
}

fn to_group(sender: UserId, mid: &str, text: &str) -> Arc<Message> {
    let object = ChatObject::group(sender, "sender", GroupId(1), text, "2026-01-02 03:04:05");
    message(sender, mid, Audience::Group, object)
}

/// The sid stands for (sender, mid), as a server's would.
fn message(sender: UserId, mid: &str, audience: Audience, object: ChatObject) -> Arc<Message> {
    let number = mid.bytes().fold(0u128, |sum, byte| sum.wrapping_mul(257) + u128::from(byte));
    let sid = Sid((u128::from(sender.0.unsigned_abs()) << 64) | (number & u128::from(u64::MAX)));
    Arc::new(Message {
        sid: Sid(sid.0 & ((1 << 96) - 1)),
        sender,
        mid: mid.into(),
        audience,
        object,
    })
}
