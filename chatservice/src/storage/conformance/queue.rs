//! Messages that wait.

use std::sync::Arc;

use chatproto::UserId;

use super::{
    AWKWARD, Make, NOBODY, WIDE, commit, deposit, deposited, direct, ids, register, remove,
    to_group, waiting,
};
use crate::message::Message;
use crate::storage::{Outcome, PageLimit, RowId, Store, StoreLimits, Write};

pub(super) fn run(make: Make<'_>) {
    rows_come_out_in_the_order_of_deposit(&*make(WIDE));
    rows_are_paged(&*make(WIDE));
    a_page_ends_at_its_bytes(&*make(WIDE));
    rows_are_withdrawn_by_their_message(&*make(WIDE));
    texts_and_mids_are_kept_byte_for_byte(&*make(WIDE));
    the_longest_text_is_kept(&*make(WIDE));
    a_repeat_is_found_again(&*make(WIDE));
    a_repeat_within_one_deposit_is_one_row(&*make(WIDE));
    a_repeat_is_told_by_recipient_sender_and_mid(&*make(WIDE));
    a_message_that_was_removed_can_come_again(&*make(WIDE));
    an_unknown_recipient_is_refused(&*make(WIDE));
    nothing_is_deposited_by_an_empty_deposit(&*make(WIDE));
    rows_are_removed_from_their_queue_only(&*make(WIDE));
    ids_are_never_used_again(&*make(WIDE));
    a_group_message_waits_for_each_member_by_itself(&*make(WIDE));
    a_group_message_can_come_back_after_the_last_row_went(&*make(WIDE));
    rows_are_limited_all_or_none(&*make(StoreLimits { rows_max: 3, ..WIDE }));
    repeats_need_no_room(&*make(StoreLimits { rows_max: 2, ..WIDE }));
    removed_rows_make_room(&*make(StoreLimits { rows_max: 2, ..WIDE }));
}

fn two_users(store: &dyn Store) -> (UserId, UserId) {
    (register(store, "ann"), register(store, "bob"))
}

fn numbered(sender: UserId, numbers: std::ops::Range<usize>) -> Vec<Arc<Message>> {
    numbers.map(|n| direct(sender, &format!("m{n}"), &format!("text {n}"))).collect()
}

fn messages_of(store: &dyn Store, recipient: UserId) -> Vec<Arc<Message>> {
    waiting(store, recipient).into_iter().map(|row| row.message).collect()
}

fn rows_come_out_in_the_order_of_deposit(store: &dyn Store) {
    let (ann, bob) = two_users(store);
    let mut sent = numbered(ann, 0..5);
    sent.reverse();
    let mut rows = deposited(store, bob, &sent[..2]);
    deposited(store, ann, &numbered(bob, 0..2));
    rows.extend(deposited(store, bob, &sent[2..]));
    assert!(rows.is_sorted_by(|a, b| a < b), "{rows:?}");
    assert!(rows[0] > RowId::default());
    assert_eq!(ids(&waiting(store, bob)), rows);
    assert_eq!(messages_of(store, bob), sent);
}

fn rows_are_paged(store: &dyn Store) {
    let (ann, bob) = two_users(store);
    let rows = deposited(store, bob, &numbered(ann, 0..5));
    let page = |after, limit| {
        ids(&store.rows(bob, after, PageLimit::rows(limit)).expect("the store works"))
    };
    assert_eq!(page(RowId::default(), 2), rows[..2]);
    assert_eq!(page(rows[1], 2), rows[2..4]);
    assert_eq!(page(rows[3], 2), rows[4..], "fewer than asked for: no more");
    assert_eq!(page(rows[4], 2), []);
    assert_eq!(page(RowId::default(), 5), rows);
    assert_eq!(page(RowId::default(), 0), []);
    assert_eq!(page(RowId(i64::MIN), 1), rows[..1]);
    assert_eq!(page(RowId(i64::MAX), 1), []);
    remove(store, bob, &[rows[2]]);
    assert_eq!(page(rows[1], 2), rows[3..]);
    assert_eq!(page(rows[2], 2), rows[3..], "a row that is gone still is a place");
}

fn a_page_ends_at_its_bytes(store: &dyn Store) {
    let (ann, bob) = two_users(store);
    let sent = numbered(ann, 0..5);
    let rows = deposited(store, bob, &sent);
    let page = |after, bytes| {
        ids(&store.rows(bob, after, PageLimit { rows: 10, bytes }).expect("the store works"))
    };
    assert_eq!(page(RowId::default(), 1), rows[..1], "the row that reaches it is still in");
    let two = sent[0].size() + sent[1].size();
    assert_eq!(page(RowId::default(), two), rows[..2]);
    assert_eq!(page(RowId::default(), two + 1), rows[..3]);
    assert_eq!(page(rows[2], usize::MAX), rows[3..]);
}

fn rows_are_withdrawn_by_their_message(store: &dyn Store) {
    let (ann, bob) = two_users(store);
    let sent = [numbered(ann, 0..2), vec![to_group(ann, "g", "to all")]].concat();
    let rows = deposited(store, bob, &sent);
    deposited(store, ann, &sent);
    let unknown = direct(ann, "never sent", "never sent");
    let messages = vec![sent[1].clone(), sent[2].clone(), unknown];
    let withdrawal = Write::Withdraw { recipient: bob, messages };
    assert_eq!(commit(store, withdrawal), Outcome::Done);
    assert_eq!(ids(&waiting(store, bob)), rows[..1]);
    assert_eq!(messages_of(store, ann), sent, "another recipient keeps its own");
    assert_eq!(commit(store, Write::Barrier), Outcome::Done);
    assert_eq!(commit(store, Write::UserBarrier { user: bob }), Outcome::Done);
}

fn texts_and_mids_are_kept_byte_for_byte(store: &dyn Store) {
    let (ann, bob) = two_users(store);
    let sent: Vec<_> = AWKWARD
        .iter()
        .flat_map(|text| [direct(ann, text, text), to_group(ann, &format!("group {text}"), text)])
        .collect();
    deposited(store, bob, &sent);
    assert_eq!(messages_of(store, bob), sent);
}

fn the_longest_text_is_kept(store: &dyn Store) {
    let (ann, bob) = two_users(store);
    let longest = "\"好😀".repeat(65_536 / 8);
    let sent = [direct(ann, "one", &longest), to_group(ann, "all", &longest)];
    deposited(store, bob, &sent);
    assert_eq!(messages_of(store, bob), sent);
}

fn a_repeat_is_found_again(store: &dyn Store) {
    let (ann, bob) = two_users(store);
    let sent = numbered(ann, 0..3);
    let rows = deposited(store, bob, &sent);
    assert_eq!(deposited(store, bob, &sent[1..2]), rows[1..2]);
    let changed = direct(ann, "m1", "another text");
    assert_eq!(deposited(store, bob, &[changed]), rows[1..2], "the first text stays");
    let mixed = [direct(ann, "new", "new"), Arc::clone(&sent[0])];
    let found = deposited(store, bob, &mixed);
    assert!(found[0] > rows[2]);
    assert_eq!(found[1], rows[0]);
    assert_eq!(messages_of(store, bob)[..3], sent);
    assert_eq!(waiting(store, bob).len(), 4);
}

fn a_repeat_within_one_deposit_is_one_row(store: &dyn Store) {
    let (ann, bob) = two_users(store);
    let message = direct(ann, "m", "text");
    let rows = deposited(store, bob, &[Arc::clone(&message), message]);
    assert_eq!(rows[0], rows[1]);
    assert_eq!(waiting(store, bob).len(), 1);
}

fn a_repeat_is_told_by_recipient_sender_and_mid(store: &dyn Store) {
    let (ann, bob) = two_users(store);
    let mut rows = deposited(store, bob, &[direct(ann, "m", "text"), direct(bob, "m", "text")]);
    rows.extend(deposited(store, bob, &[direct(ann, "M", "text"), direct(ann, "m ", "text")]));
    rows.extend(deposited(store, ann, &[direct(ann, "m", "text")]));
    rows.sort();
    rows.dedup();
    assert_eq!(rows.len(), 5);
}

fn a_message_that_was_removed_can_come_again(store: &dyn Store) {
    let (ann, bob) = two_users(store);
    let message = [direct(ann, "m", "text")];
    let first = deposited(store, bob, &message);
    remove(store, bob, &first);
    assert!(deposited(store, bob, &message) > first);
    assert_eq!(waiting(store, bob).len(), 1);
}

fn an_unknown_recipient_is_refused(store: &dyn Store) {
    let ann = register(store, "ann");
    let sent = [direct(ann, "m", "text"), to_group(ann, "g", "text")];
    assert_eq!(deposit(store, NOBODY, &sent), Outcome::NoSuchUser);
    assert_eq!(waiting(store, NOBODY), []);
    remove(store, NOBODY, &[RowId(1)]);
}

fn nothing_is_deposited_by_an_empty_deposit(store: &dyn Store) {
    let (_, bob) = two_users(store);
    assert_eq!(deposit(store, bob, &[]), Outcome::Deposited(Vec::new()));
    assert_eq!(deposit(store, NOBODY, &[]), Outcome::NoSuchUser);
}

fn rows_are_removed_from_their_queue_only(store: &dyn Store) {
    let (ann, bob) = two_users(store);
    let of_bob = deposited(store, bob, &numbered(ann, 0..3));
    let of_ann = deposited(store, ann, &numbered(bob, 0..1));
    remove(store, ann, &of_bob);
    assert_eq!(ids(&waiting(store, bob)), of_bob);
    remove(store, bob, &[of_bob[1], of_ann[0], of_bob[1], RowId(-1), RowId(i64::MAX)]);
    assert_eq!(ids(&waiting(store, bob)), [of_bob[0], of_bob[2]]);
    assert_eq!(ids(&waiting(store, ann)), of_ann);
    remove(store, bob, &[of_bob[1]]);
    remove(store, bob, &[]);
    assert_eq!(waiting(store, bob).len(), 2);
}

fn ids_are_never_used_again(store: &dyn Store) {
    let (ann, bob) = two_users(store);
    let mut last = RowId::default();
    for n in 0..5 {
        let rows = deposited(store, bob, &numbered(ann, n..n + 2));
        assert!(rows[0] > last, "{rows:?} after {last:?}");
        last = rows[1];
        remove(store, bob, &rows);
        assert_eq!(waiting(store, bob), []);
    }
}

fn a_group_message_waits_for_each_member_by_itself(store: &dyn Store) {
    let (ann, bob) = two_users(store);
    let cid = register(store, "cid");
    let sent = [to_group(ann, "g", "to all"), direct(ann, "d", "to one")];
    let of_bob = deposited(store, bob, &sent);
    let of_cid = deposited(store, cid, &sent[..1]);
    assert_eq!(deposited(store, cid, &sent[..1]), of_cid);
    remove(store, bob, &of_bob);
    assert_eq!(messages_of(store, bob), []);
    assert_eq!(messages_of(store, cid), sent[..1]);
}

fn a_group_message_can_come_back_after_the_last_row_went(store: &dyn Store) {
    let (ann, bob) = two_users(store);
    let sent = [to_group(ann, "g", "to all")];
    for _ in 0..3 {
        let rows = deposited(store, bob, &sent);
        assert_eq!(messages_of(store, bob), sent);
        remove(store, bob, &rows);
        assert_eq!(messages_of(store, bob), []);
    }
}

fn rows_are_limited_all_or_none(store: &dyn Store) {
    let (ann, bob) = two_users(store);
    deposited(store, bob, &numbered(ann, 0..2));
    assert_eq!(deposit(store, bob, &numbered(ann, 2..4)), Outcome::LimitReached);
    let group = [to_group(ann, "g1", "text"), to_group(ann, "g2", "text")];
    assert_eq!(deposit(store, bob, &group), Outcome::LimitReached);
    assert_eq!(messages_of(store, bob), numbered(ann, 0..2));
    deposited(store, bob, &numbered(ann, 2..3));
    assert_eq!(deposit(store, bob, &numbered(ann, 3..4)), Outcome::LimitReached);
    deposited(store, ann, &numbered(bob, 0..3));
    assert_eq!(messages_of(store, bob), numbered(ann, 0..3));
}

fn repeats_need_no_room(store: &dyn Store) {
    let (ann, bob) = two_users(store);
    let sent = numbered(ann, 0..3);
    let twice = [Arc::clone(&sent[0]), Arc::clone(&sent[0]), Arc::clone(&sent[1])];
    let rows = deposited(store, bob, &twice);
    assert_eq!(deposited(store, bob, &twice), rows);
    assert_eq!(deposit(store, bob, &sent), Outcome::LimitReached);
    assert_eq!(deposited(store, bob, &sent[..2]), rows[1..]);
}

fn removed_rows_make_room(store: &dyn Store) {
    let (ann, bob) = two_users(store);
    let rows = deposited(store, bob, &numbered(ann, 0..2));
    assert_eq!(deposit(store, bob, &numbered(ann, 2..3)), Outcome::LimitReached);
    remove(store, bob, &[rows[0], rows[0]]);
    remove(store, ann, &[rows[1]]);
    deposited(store, bob, &numbered(ann, 2..3));
    assert_eq!(deposit(store, bob, &numbered(ann, 3..4)), Outcome::LimitReached);
}
