//! Accounts, tokens and friends.

use chatproto::UserId;

use super::{AWKWARD, Make, NOBODY, WIDE, commit, register, registration};
use crate::storage::{Outcome, Person, Profile, Resumed, Store, StoreLimits, Write};

pub(super) fn run(make: Make<'_>) {
    ids_count_from_one(&*make(WIDE));
    an_unknown_user_has_nothing(&*make(WIDE));
    a_taken_name_is_refused_and_changes_nothing(&*make(WIDE));
    names_are_kept_and_told_apart_byte_for_byte(&*make(WIDE));
    a_password_is_replaced(&*make(WIDE));
    a_token_is_replaced_and_ended(&*make(WIDE));
    friends_are_one_way_ascending_and_once(&*make(WIDE));
    befriending_nobody_is_refused(&*make(WIDE));
    the_list_of_friends_is_limited(&*make(StoreLimits { friends_max: 2, ..WIDE }));
}

fn add_friend(store: &dyn Store, user: UserId, friend: UserId) -> Outcome {
    commit(store, Write::AddFriend { user, friend })
}

fn friends(store: &dyn Store, user: UserId) -> Vec<UserId> {
    let profile = store.profile(user, 0).expect("the store works");
    profile.friends.iter().map(|friend| friend.id).collect()
}

fn ids_count_from_one(store: &dyn Store) {
    assert_eq!(register(store, "ann"), UserId(1));
    assert_eq!(register(store, "bob"), UserId(2));
}

fn an_unknown_user_has_nothing(store: &dyn Store) {
    register(store, "ann");
    for user in [NOBODY, UserId(0), UserId(-1), UserId(i64::MIN), UserId(i64::MAX)] {
        assert!(store.credentials(user) == Ok(None));
        assert_eq!(store.profile(user, 10), Ok(Profile::default()));
        let set = Write::SetToken { user, token: Some([1; 32]) };
        assert_eq!(commit(store, set), Outcome::NoSuchUser);
        assert_eq!(commit(store, Write::SetToken { user, token: None }), Outcome::NoSuchUser);
    }
}

fn a_taken_name_is_refused_and_changes_nothing(store: &dyn Store) {
    let ann = register(store, "ann");
    let again = Write::Register { name: "ann".into(), password: "other".into() };
    assert_eq!(commit(store, again), Outcome::NameTaken);
    let kept = store.credentials(ann).expect("the store works").expect("the account exists");
    assert_eq!((kept.name.as_str(), kept.password.as_str()), ("ann", "hash of ann"));
    assert_eq!(register(store, "bob"), UserId(2));
}

fn names_are_kept_and_told_apart_byte_for_byte(store: &dyn Store) {
    let similar = ["name", "Name", "name ", " name", "namé", "name\u{301}", "name\0", "ｎａｍｅ"];
    let longest = "😀".repeat(50);
    let names: Vec<&str> =
        AWKWARD.iter().chain(&similar).copied().chain([longest.as_str()]).collect();
    let accounts: Vec<UserId> = names.iter().map(|name| register(store, name)).collect();
    for (&user, &name) in accounts.iter().zip(&names) {
        let found = store.credentials(user).expect("the store works").expect("the account exists");
        assert_eq!(found.name, name);
        assert_eq!(found.password, format!("hash of {name}"));
        assert_eq!(commit(store, registration(name)), Outcome::NameTaken, "{name:?}");
        assert_eq!(add_friend(store, accounts[0], user), Outcome::Done);
    }
    let profile = store.profile(accounts[0], 0).expect("the store works");
    let listed: Vec<&str> = profile.friends.iter().map(|friend| friend.name.as_str()).collect();
    assert_eq!(listed, names);
}

fn a_password_is_replaced(store: &dyn Store) {
    let (ann, bob) = (register(store, "ann"), register(store, "bob"));
    let set = |user| Write::SetPassword { user, password: "another hash".into() };
    assert_eq!(commit(store, set(ann)), Outcome::Done);
    assert_eq!(commit(store, set(ann)), Outcome::Done, "again, with the same one");
    assert_eq!(commit(store, set(NOBODY)), Outcome::NoSuchUser);
    let password = |user| {
        let found = store.credentials(user).expect("the store works");
        found.expect("the account exists").password
    };
    assert_eq!((password(ann).as_str(), password(bob).as_str()), ("another hash", "hash of bob"));
}

fn a_token_is_replaced_and_ended(store: &dyn Store) {
    let (ann, bob) = (register(store, "ann"), register(store, "bob"));
    let token = |user| {
        let found = store.credentials(user).expect("the store works");
        found.expect("the account exists").token
    };
    let resumed = |user, hash| store.resume(user, &hash, 10).expect("the store works");
    assert_eq!(token(ann), None);
    for next in [Some([0; 32]), Some([255; 32]), Some([255; 32]), None, None, Some([7; 32])] {
        let set = Write::SetToken { user: ann, token: next };
        assert_eq!(commit(store, set), Outcome::Done);
        assert_eq!(token(ann), next);
        assert_eq!(token(bob), None, "a token belongs to one account");
    }
    assert_eq!(resumed(bob, [7; 32]), None);
    assert_eq!(resumed(ann, [255; 32]), None, "it was replaced");
    assert_eq!(resumed(NOBODY, [7; 32]), None);
    assert_eq!(add_friend(store, ann, bob), Outcome::Done);
    let profile = store.profile(ann, 10).expect("the store works");
    assert_eq!(resumed(ann, [7; 32]), Some(Resumed { name: "ann".into(), profile }));
}

fn friends_are_one_way_ascending_and_once(store: &dyn Store) {
    let users = ["ann", "bob", "cid", "dan"].map(|name| register(store, name));
    let [ann, bob, cid, dan] = users;
    for friend in [dan, bob, dan, cid, bob, ann] {
        assert_eq!(add_friend(store, ann, friend), Outcome::Done);
    }
    assert_eq!(friends(store, ann), [ann, bob, cid, dan]);
    assert_eq!(friends(store, bob), []);
    let profile = store.profile(ann, 0).expect("the store works");
    assert_eq!(profile.friends[1], Person { id: bob, name: "bob".into() });
}

fn befriending_nobody_is_refused(store: &dyn Store) {
    let ann = register(store, "ann");
    assert_eq!(add_friend(store, ann, NOBODY), Outcome::NoSuchUser);
    assert_eq!(add_friend(store, NOBODY, ann), Outcome::NoSuchUser);
    assert_eq!(friends(store, ann), []);
    assert_eq!(friends(store, NOBODY), []);
}

fn the_list_of_friends_is_limited(store: &dyn Store) {
    let [ann, bob, cid, dan] = ["ann", "bob", "cid", "dan"].map(|name| register(store, name));
    assert_eq!(add_friend(store, ann, bob), Outcome::Done);
    assert_eq!(add_friend(store, ann, cid), Outcome::Done);
    assert_eq!(add_friend(store, ann, dan), Outcome::LimitReached);
    assert_eq!(add_friend(store, ann, NOBODY), Outcome::NoSuchUser);
    assert_eq!(add_friend(store, ann, bob), Outcome::Done, "who is listed already needs no room");
    assert_eq!(add_friend(store, bob, dan), Outcome::Done, "the limit is for one list");
    assert_eq!(friends(store, ann), [bob, cid]);
}
