//! 1006: adding friends.

use serde_json::{Value, json};

use super::{assert_errno, assert_fields, entries};
use crate::support::{Account, TestServer};

fn add(friend: &Account) -> Value {
    json!({"msgid": 1006, "friendid": friend.id})
}

fn friends_of(account: &Account) -> Vec<Value> {
    let greeting = TestServer::shared().original(account).greeting;
    let list = &greeting["friends"];
    if list.is_null() {
        return Vec::new();
    }
    entries(list).iter().map(|entry| entry["id"].clone()).collect()
}

#[test]
fn adding_is_answered_and_kept() {
    let server = TestServer::shared();
    let [me, first, second] = server.accounts();
    let mut client = server.original(&me);
    for friend in [&first, &second] {
        let answer = client.request(add(friend));
        assert_fields(&answer, &["msgid", "errno", "mid"]);
        assert_errno(&answer, 0);
    }
    client.logout();
    assert_eq!(friends_of(&me), [first.id, second.id]);
    assert!(friends_of(&first).is_empty(), "friendship goes one way");
}

#[test]
fn adding_twice_changes_nothing_and_is_no_error() {
    let server = TestServer::shared();
    let [me, friend] = server.accounts();
    let mut client = server.original(&me);
    for _ in 0..3 {
        assert_errno(&client.request(add(&friend)), 0);
        client.send(&add(&friend));
    }
    assert!(client.fence().is_empty());
    client.logout();
    assert_eq!(friends_of(&me), [friend.id]);
}

#[test]
fn a_friend_who_does_not_exist_is_103() {
    let server = TestServer::shared();
    let me = server.account();
    let mut client = server.original(&me);
    for id in [me.id + 1_000_000_000, 0, -1, i64::MAX, i64::MIN] {
        let request = json!({"msgid": 1006, "friendid": id});
        assert_errno(&client.request(request.clone()), 103);
        client.send(&request);
        assert_errno(&client.next(), 103);
    }
    client.logout();
    assert!(friends_of(&me).is_empty());
}

#[test]
fn malformed_requests_change_nothing() {
    let server = TestServer::shared();
    let [me, friend] = server.accounts();
    let mut client = server.original(&me);
    let malformed = [
        json!({"msgid": 1006}),
        json!({"msgid": 1006, "friendid": friend.id.to_string()}),
        json!({"msgid": 1006, "friendid": 2.5}),
        json!({"msgid": 1006, "friendid": [friend.id]}),
        json!({"msgid": 1006, "friendid": {"id": friend.id}}),
        json!({"msgid": 1006, "friendid": false}),
        json!({"msgid": 1006, "friendid": u64::MAX}),
    ];
    for request in malformed {
        assert_errno(&client.request(request), 100);
    }
    client.logout();
    assert!(friends_of(&me).is_empty());
}
