//! How much one account may make the server keep.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::{Client, TestServer, unique_name};

#[test]
fn friends() {
    let server = TestServer::with(&[("--friends-max", 3)]);
    let [me, a, b, c, d] = server.accounts();
    let mut client = server.original(&me);
    let mut add = |id: i64| client.request(json!({"msgid": 1006, "friendid": id}));
    for friend in [&a, &b, &c] {
        assert_eq!(add(friend.id)["errno"], 0);
    }
    assert_eq!(add(d.id)["errno"], 102);
    assert_eq!(add(a.id)["errno"], 0, "who is on the list already is no error");
    drop(client);
    let greeting = server.original(&me).greeting;
    assert_eq!(greeting["friends"].as_array().map(Vec::len), Some(3));
}

#[test]
fn groups() {
    let server = TestServer::with(&[("--groups-max", 2)]);
    let [me, other] = server.accounts();
    let mut founder = server.original(&other);
    let create = |client: &mut Client| {
        let name = unique_name("group");
        client.request(json!({"msgid": 1007, "groupname": name, "groupdesc": ""}))
    };
    let foreign = [(); 2].map(|()| create(&mut founder)["groupid"].clone());
    assert!(foreign.iter().all(serde_json::Value::is_i64), "{foreign:?}");
    let mut client = server.original(&me);
    assert_eq!(create(&mut client)["errno"], 0);
    let mut join = |group| client.request(json!({"msgid": 1008, "groupid": group}));
    assert_eq!(join(&foreign[0])["errno"], 0);
    assert_eq!(join(&foreign[1])["errno"], 102);
    assert_eq!(join(&foreign[0])["errno"], 0, "who is a member already is no error");
    assert_eq!(create(&mut client)["errno"], 102);
    let chat = client.request(json!({"msgid": 1009, "groupid": foreign[1], "msg": "x"}));
    assert_eq!(chat["errno"], 102, "a refused join makes no member");
}

#[test]
fn members() {
    let server = TestServer::with(&[("--members-max", 3)]);
    let accounts = server.accounts::<4>();
    let mut founder = server.original(&accounts[0]);
    let create = json!({"msgid": 1007, "groupname": "small", "groupdesc": ""});
    let group = founder.request(create)["groupid"].clone();
    for (at, account) in accounts.iter().enumerate().skip(1) {
        let mut client = server.original(account);
        let answer = client.request(json!({"msgid": 1008, "groupid": group}));
        assert_eq!(answer["errno"], if at < 3 { 0 } else { 102 });
    }
}

#[test]
fn waiting_messages() {
    let server = TestServer::with(&[("--rows-max", 5)]);
    let [me, other, third] = server.accounts();
    let mut client = server.original(&me);
    for n in 0..5 {
        assert_eq!(client.chat(other.id, &n.to_string()), "stored");
    }
    let chat = json!({"msgid": 1005, "toid": other.id, "msg": "one too many"});
    assert_eq!(client.request(chat.clone())["errno"], 107);
    client.send(&chat);
    assert_eq!(client.next()["errno"], 107, "an error is told without a mid, too");
    assert_eq!(client.chat(third.id, "others have room"), "stored");
    let mut recipient = server.acking(&other);
    let pushes = recipient.acknowledged_pushes(5);
    let texts: Vec<&str> = pushes.iter().map(|push| push["msg"].as_str().unwrap()).collect();
    assert_eq!(texts, ["0", "1", "2", "3", "4"]);
    recipient.logout();
    // A refused message may come again first for a moment; this sender has given it up.
    let again = json!({"msgid": 1005, "toid": other.id, "msg": "room again"});
    let deadline = Instant::now() + Duration::from_secs(10);
    while client.request(again.clone())["errno"] != 0 {
        assert!(Instant::now() < deadline, "there is no room again");
    }
    assert_eq!(server.acking(&other).next()["msg"], "room again");
}

#[test]
fn a_refused_message_may_be_sent_again_with_its_mid() {
    let server = TestServer::with(&[("--rows-max", 1)]);
    let [me, other] = server.accounts();
    let mut client = server.original(&me);
    assert_eq!(client.chat(other.id, "first"), "stored");
    let chat = json!({"msgid": 1005, "toid": other.id, "msg": "second", "mid": "second"});
    client.send(&chat);
    assert_eq!(client.answer("second")["errno"], 107);
    let mut recipient = server.acking(&other);
    assert_eq!(recipient.acknowledged_pushes(1)[0]["msg"], "first");
    client.send(&chat);
    assert_eq!(recipient.acknowledged_pushes(1)[0]["mid"], "second");
    assert_eq!(client.answer("second")["errno"], 0);
    recipient.logout();
    client.chat(other.id, "marker");
    assert_eq!(server.acking(&other).next()["msg"], "marker");
}
