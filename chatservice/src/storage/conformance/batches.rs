//! Several writes in one commit, and what reads see of commits.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use chatproto::{GroupId, UserId};

use super::{
    Make, NOBODY, WIDE, deposited, direct, ids, register, registration, remove, to_group, waiting,
};
use crate::storage::{Outcome, PageLimit, RowId, Store, StoreLimits, Write};

pub(super) fn run(make: Make<'_>) {
    an_empty_batch_does_nothing(&*make(WIDE));
    writes_are_carried_out_in_order(&*make(WIDE));
    refused_writes_leave_their_neighbours_alone(&*make(StoreLimits { rows_max: 2, ..WIDE }));
    deposits_and_removals_of_one_batch_see_each_other(&*make(StoreLimits { rows_max: 1, ..WIDE }));
    repeats_in_a_large_batch_are_told(&*make(StoreLimits { rows_max: 500, ..WIDE }));
    rows_between_others_are_removed(&*make(WIDE));
    reads_see_what_was_committed_before(&*make(WIDE));
}

/// Large enough for statements about many rows, and nearly as large as the limit, which counts
/// what is new.
fn repeats_in_a_large_batch_are_told(store: &dyn Store) {
    let (ann, bob) = (register(store, "ann"), register(store, "bob"));
    let sent = |n: usize| match n % 3 {
        0 => to_group(ann, &format!("g{n}"), "to all"),
        _ => direct(ann, &format!("m{n}"), "text"),
    };
    let to = |n: usize| if n.is_multiple_of(2) { ann } else { bob };
    let deposit = |n: usize| Write::Deposit { recipient: to(n), messages: vec![sent(n)] };
    let first: Vec<usize> = (0..300).collect();
    let second: Vec<usize> = (200..900).chain(650..700).collect();
    let mut rows = BTreeMap::new();
    for numbers in [first, second] {
        let writes: Vec<Write> = numbers.iter().map(|n| deposit(*n)).collect();
        let outcomes = store.commit(&writes).expect("the store works");
        for (n, outcome) in numbers.into_iter().zip(outcomes) {
            let Outcome::Deposited(found) = outcome else { panic!("{n}: {outcome:?}") };
            assert_eq!(found, [*rows.entry(n).or_insert(found[0])], "{n}");
        }
    }
    assert!(rows.values().is_sorted_by(|a, b| a < b), "{rows:?}");
    for user in [ann, bob] {
        let mine = rows.iter().filter(|(n, _)| to(**n) == user);
        let (numbers, rows): (Vec<usize>, Vec<RowId>) = mine.unzip();
        let found = waiting(store, user);
        assert_eq!(ids(&found), rows);
        assert!(numbers.iter().zip(&found).all(|(n, row)| *row.message == *sent(*n)));
        let fill: Vec<_> = (0..50).map(|n| direct(user, &format!("fill {n}"), "text")).collect();
        deposited(store, user, &fill);
        let more = [direct(user, "more", "text")];
        assert_eq!(super::deposit(store, user, &more), Outcome::LimitReached);
    }
}

fn rows_between_others_are_removed(store: &dyn Store) {
    let (ann, bob) = (register(store, "ann"), register(store, "bob"));
    let sent: Vec<_> = (0..400)
        .map(|n| match n % 5 {
            0 => to_group(ann, &format!("g{n}"), "to all"),
            _ => direct(ann, &format!("m{n}"), "text"),
        })
        .collect();
    let rows = deposited(store, bob, &sent);
    let of_ann = deposited(store, ann, &sent);
    let (some, others): (Vec<RowId>, Vec<RowId>) = rows.iter().partition(|row| row.0 % 3 == 0);
    remove(store, bob, &some);
    assert_eq!(ids(&waiting(store, bob)), others);
    remove(store, bob, &rows[..300]);
    let left: Vec<RowId> = others.iter().filter(|row| **row >= rows[300]).copied().collect();
    assert_eq!(ids(&waiting(store, bob)), left);
    remove(store, bob, &rows);
    assert_eq!(waiting(store, bob), []);
    assert_eq!(ids(&waiting(store, ann)), of_ann);
}

fn an_empty_batch_does_nothing(store: &dyn Store) {
    assert_eq!(store.commit(&[]), Ok(Vec::new()));
}

fn writes_are_carried_out_in_order(store: &dyn Store) {
    let (ann, bob, group) = (UserId(1), UserId(2), GroupId(1));
    let create = Write::CreateGroup { creator: ann, name: "go".into(), description: "".into() };
    let message = direct(ann, "m", "text");
    let outcomes = store.commit(&[
        Write::JoinGroup { user: bob, group },
        registration("ann"),
        registration("bob"),
        registration("ann"),
        Write::JoinGroup { user: bob, group },
        create,
        Write::JoinGroup { user: bob, group },
        Write::AddFriend { user: ann, friend: bob },
        Write::Deposit { recipient: bob, messages: vec![message] },
        Write::SetToken { user: bob, token: Some([1; 32]) },
        Write::SetToken { user: bob, token: Some([2; 32]) },
    ]);
    let expected = [
        Outcome::NoSuchUser,
        Outcome::Registered(ann),
        Outcome::Registered(bob),
        Outcome::NameTaken,
        Outcome::NoSuchGroup,
        Outcome::GroupCreated(group),
        Outcome::Done,
        Outcome::Done,
        Outcome::Deposited(ids(&waiting(store, bob))),
        Outcome::Done,
        Outcome::Done,
    ];
    assert_eq!(outcomes.as_deref(), Ok(&expected[..]));
    let credentials = store.credentials(bob).expect("the store works");
    assert_eq!(credentials.and_then(|found| found.token), Some([2; 32]));
    assert_eq!(store.members(group), Ok(Some(vec![ann, bob])));
}

fn refused_writes_leave_their_neighbours_alone(store: &dyn Store) {
    let ann = register(store, "ann");
    let deposit = |recipient, mids: &[&str]| Write::Deposit {
        recipient,
        messages: mids.iter().map(|mid| direct(ann, mid, "text")).collect(),
    };
    let outcomes = store.commit(&[
        registration("bob"),
        registration("ann"),
        deposit(ann, &["1"]),
        deposit(ann, &["2", "3"]),
        deposit(NOBODY, &["4"]),
        deposit(ann, &["5"]),
        Write::AddFriend { user: ann, friend: NOBODY },
        registration("cid"),
    ]);
    let rows = ids(&waiting(store, ann));
    let expected = [
        Outcome::Registered(UserId(2)),
        Outcome::NameTaken,
        Outcome::Deposited(vec![rows[0]]),
        Outcome::LimitReached,
        Outcome::NoSuchUser,
        Outcome::Deposited(vec![rows[1]]),
        Outcome::NoSuchUser,
        Outcome::Registered(UserId(3)),
    ];
    assert_eq!(outcomes.as_deref(), Ok(&expected[..]));
    let mids: Vec<_> = waiting(store, ann).iter().map(|row| row.message.mid.clone()).collect();
    assert_eq!(mids, [Box::from("1"), Box::from("5")]);
}

fn deposits_and_removals_of_one_batch_see_each_other(store: &dyn Store) {
    let ann = register(store, "ann");
    let row = deposited(store, ann, &[direct(ann, "0", "text")])[0];
    let deposit =
        |mid: &str| Write::Deposit { recipient: ann, messages: vec![direct(ann, mid, "text")] };
    let outcomes = store
        .commit(&[
            deposit("1"),
            Write::Remove { recipient: ann, rows: vec![row] },
            deposit("2"),
            deposit("3"),
            deposit("2"),
        ])
        .expect("the store works");
    let left = ids(&waiting(store, ann));
    assert_eq!(left.len(), 1);
    assert!(left[0] > row);
    let expected = [
        Outcome::LimitReached,
        Outcome::Done,
        Outcome::Deposited(left.clone()),
        Outcome::LimitReached,
        Outcome::Deposited(left),
    ];
    assert_eq!(outcomes, expected);
}

/// One thread commits and counts; others check that a read finds at least what was counted.
fn reads_see_what_was_committed_before(store: &dyn Store) {
    const ROUNDS: usize = 60;
    let ann = register(store, "ann");
    let committed = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let before = committed.load(Ordering::SeqCst);
                    let rows = store.rows(ann, RowId::default(), PageLimit::rows(ROUNDS));
                    let found = rows.expect("the store works").len();
                    assert!(found >= before, "{found} rows after {before} commits");
                    if before == ROUNDS {
                        break;
                    }
                }
            });
        }
        for n in 0..ROUNDS {
            deposited(store, ann, &[direct(ann, &format!("m{n}"), "text")]);
            committed.store(n + 1, Ordering::SeqCst);
        }
    });
}
