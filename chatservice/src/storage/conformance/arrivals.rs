//! Which rows came lately, and for whom.

use super::{Make, WIDE, commit, deposited, direct, register, remove, to_group};
use crate::storage::{Arrival, RowId, Store, Write};

pub(super) fn run(make: Make<'_>) {
    nothing_has_come_to_an_empty_store(&*make(WIDE));
    arrivals_of_all_recipients_come_in_one_order(&*make(WIDE));
    arrivals_are_paged(&*make(WIDE));
    rows_that_went_are_no_arrivals(&*make(WIDE));
}

fn arrivals(store: &dyn Store, after: RowId, limit: usize) -> Vec<Arrival> {
    store.arrivals(after, limit).expect("the store works")
}

fn all(store: &dyn Store) -> Vec<Arrival> {
    arrivals(store, RowId::default(), usize::MAX)
}

fn newest(store: &dyn Store) -> RowId {
    store.newest_row().expect("the store works")
}

fn nothing_has_come_to_an_empty_store(store: &dyn Store) {
    assert_eq!(newest(store), RowId::default());
    register(store, "ann");
    assert_eq!((all(store), newest(store)), (Vec::new(), RowId::default()));
}

/// Three for ann and bob in turn, as the store must list them.
fn three(store: &dyn Store) -> [Arrival; 3] {
    let (ann, bob) = (register(store, "ann"), register(store, "bob"));
    let mut number = 0;
    [ann, bob, ann].map(|recipient| {
        number += 1;
        let message = [direct(bob, &format!("m{number}"), "text")];
        Arrival { recipient, row: deposited(store, recipient, &message)[0] }
    })
}

fn arrivals_of_all_recipients_come_in_one_order(store: &dyn Store) {
    let before = newest(store);
    let mut expected = three(store).to_vec();
    assert_eq!(newest(store), expected[2].row);
    let sender = expected[0].recipient;
    let group = [to_group(sender, "g", "to all")];
    for recipient in [expected[1].recipient, sender] {
        let row = deposited(store, recipient, &group)[0];
        expected.push(Arrival { recipient, row });
    }
    assert_eq!(arrivals(store, before, usize::MAX), expected);
    assert!(expected.is_sorted_by(|a, b| a.row < b.row), "{expected:?}");
    deposited(store, sender, &group);
    assert_eq!(all(store), expected, "a repeat is no arrival");
    assert_eq!(newest(store), expected[4].row);
}

fn arrivals_are_paged(store: &dyn Store) {
    let rows = three(store);
    assert_eq!(arrivals(store, RowId::default(), 2), rows[..2]);
    assert_eq!(arrivals(store, rows[0].row, 2), rows[1..]);
    assert_eq!(arrivals(store, rows[1].row, 2), rows[2..]);
    assert_eq!(arrivals(store, rows[2].row, 2), []);
    assert_eq!(arrivals(store, RowId::default(), 0), []);
    assert_eq!(arrivals(store, RowId(i64::MIN), 9), rows);
    assert_eq!(arrivals(store, RowId(i64::MAX), 9), []);
}

fn rows_that_went_are_no_arrivals(store: &dyn Store) {
    let rows = three(store);
    remove(store, rows[1].recipient, &[rows[1].row]);
    assert_eq!(all(store), [rows[0], rows[2]]);
    let messages = vec![direct(rows[1].recipient, "m3", "text")];
    commit(store, Write::Withdraw { recipient: rows[2].recipient, messages });
    assert_eq!((all(store), newest(store)), (vec![rows[0]], rows[0].row));
    remove(store, rows[0].recipient, &[rows[0].row]);
    assert_eq!((all(store), newest(store)), (Vec::new(), RowId::default()));
    let message = [direct(rows[1].recipient, "again", "text")];
    let again = deposited(store, rows[0].recipient, &message);
    assert!(again[0] > rows[2].row, "ids are never used again");
    assert_eq!(newest(store), again[0]);
}
