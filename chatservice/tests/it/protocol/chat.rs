//! 1005: what a recipient gets, and that texts come out byte for byte.

use serde_json::{Value, json};

use super::{assert_errno, assert_fields, entries};
use crate::support::{INJECTIONS, TEXTS, TestServer};

fn texts() -> impl Iterator<Item = &'static str> {
    TEXTS.iter().chain(INJECTIONS).copied()
}

#[test]
fn an_original_recipient_gets_the_original_fields() {
    let server = TestServer::shared();
    let [me, other] = server.accounts();
    let mut client = server.original(&me);
    let mut recipient = server.original(&other);
    let chat = json!({"msgid": 1005, "id": me.id, "name": me.name, "toid": other.id,
        "msg": "hello", "time": "2026-11-20 09:00:00"});
    let answer = client.request(chat.clone());
    assert_fields(&answer, &["msgid", "errno", "mid", "state"]);
    assert_errno(&answer, 0);
    assert_eq!(answer["state"], "delivered");
    assert_eq!(recipient.next(), chat);
}

#[test]
fn an_acknowledging_recipient_gets_seq_sid_and_mid_on_top() {
    let server = TestServer::shared();
    let [me, other] = server.accounts();
    let mut client = server.original(&me);
    let mut recipient = server.acking(&other);
    let chat = json!({"msgid": 1005, "id": me.id, "name": me.name, "toid": other.id,
        "msg": "hello", "time": "now"});
    let mid = client.send_with_mid(chat.clone());
    let mut push = recipient.next();
    assert_eq!((&push["seq"], &push["mid"]), (&1.into(), &mid.as_str().into()), "{push}");
    assert!(push["sid"].as_str().is_some_and(|sid| !sid.is_empty()), "{push}");
    recipient.acknowledge(1);
    assert_eq!(client.settled(&mid), "delivered");
    let object = push.as_object_mut().expect("an object");
    object.retain(|name, _| !["seq", "sid", "mid"].contains(&name.as_str()));
    assert_eq!(push, chat);
}

#[test]
fn a_message_without_a_mid_gets_one_that_the_server_made() {
    let server = TestServer::shared();
    let [me, other] = server.accounts();
    let mut client = server.original(&me);
    let mut recipient = server.acking(&other);
    for text in ["one", "two"] {
        client.send(&json!({"msgid": 1005, "toid": other.id, "msg": text}));
    }
    let mids: Vec<String> = recipient
        .pushes(2)
        .iter()
        .map(|push| push["mid"].as_str().expect("a push has a mid").to_owned())
        .collect();
    assert!(mids.iter().all(|mid| (1..=64).contains(&mid.chars().count())), "{mids:?}");
    assert_ne!(mids[0], mids[1]);
    recipient.acknowledge(2);
    assert!(client.fence().is_empty(), "a success without a mid is silent");
}

#[test]
fn unknown_fields_are_not_relayed() {
    let server = TestServer::shared();
    let [me, other] = server.accounts();
    let mut client = server.original(&me);
    let mut recipient = server.original(&other);
    let chat = json!({"msgid": 1005, "toid": other.id, "msg": "x", "time": "t", "seq": 7,
        "sid": "forged", "errno": 109, "extra": {"a": [1, 2, {"b": null}]}, "": "", "groupid": 1,
        "offlinemsg": ["{}"], "token": "t", "retry_ms": 1});
    assert_errno(&client.request(chat), 0);
    assert_fields(&recipient.next(), &["msgid", "id", "name", "toid", "msg", "time"]);
    client.logout();
    let mut recipient_acks = server.acking(&me);
    recipient.send(&json!({"msgid": 1005, "toid": me.id, "msg": "x", "seq": 7, "sid": "forged"}));
    let push = recipient_acks.push();
    assert_eq!(push["seq"], 1, "{push}");
    assert_ne!(push["sid"], "forged");
    assert_fields(&push, &["msgid", "id", "name", "toid", "msg", "time", "seq", "sid", "mid"]);
}

#[test]
fn texts_come_out_byte_for_byte_live() {
    let server = TestServer::shared();
    let [me, original, acking] = server.accounts();
    let mut client = server.original(&me);
    let mut plain = server.original(&original);
    let mut acknowledging = server.acking(&acking);
    for text in texts() {
        client.say(original.id, text);
        client.say(acking.id, text);
    }
    for text in texts() {
        assert_eq!(plain.push()["msg"], text);
        assert_eq!(acknowledging.acknowledged_pushes(1)[0]["msg"], text);
    }
}

#[test]
fn texts_come_out_byte_for_byte_after_having_been_stored() {
    let server = TestServer::shared();
    let [me, original, acking] = server.accounts();
    let mut client = server.original(&me);
    for text in texts() {
        assert_eq!(client.chat(original.id, text), "stored");
        assert_eq!(client.chat(acking.id, text), "stored");
    }
    let waiting = entries(&server.original(&original).greeting["offlinemsg"]);
    let listed: Vec<&Value> = waiting.iter().map(|object| &object["msg"]).collect();
    assert_eq!(listed, texts().collect::<Vec<_>>());
    let mut acknowledging = server.acking(&acking);
    for text in texts() {
        assert_eq!(acknowledging.acknowledged_pushes(1)[0]["msg"], text);
    }
}

#[test]
fn escapes_of_any_spelling_mean_the_same_text() {
    let server = TestServer::shared();
    let account = server.account();
    let mut client = server.original(&account);
    let spelled = r#""\u0041\/\u4f60\ud83d\ude00\"\\\b\f\n\r\t\u0000""#;
    let chat = format!(r#"{{"\u006dsgid":1005,"toid":{},"msg":{spelled}}}"#, account.id);
    client.send_bytes(chat.as_bytes());
    assert_eq!(client.push()["msg"], "A/你😀\"\\\u{8}\u{c}\n\r\t\0");
}

#[test]
fn one_may_talk_to_oneself() {
    let server = TestServer::shared();
    let [original, acking] = server.accounts();
    let mut client = server.original(&original);
    assert_eq!(client.chat(original.id, "note"), "delivered");
    assert_eq!(client.push()["msg"], "note");
    let mut client = server.acking(&acking);
    let mid = client.say(acking.id, "note");
    let push = client.push();
    assert_eq!((&push["msg"], &push["mid"]), (&"note".into(), &mid.as_str().into()));
    client.acknowledge(1);
    assert_eq!(client.settled(&mid), "delivered");
}

#[test]
fn one_may_talk_to_somebody_who_is_no_friend() {
    let server = TestServer::shared();
    let [me, stranger] = server.accounts();
    assert_eq!(server.original(&me).chat(stranger.id, "hello"), "stored");
}

#[test]
fn nobody_else_gets_a_message() {
    let server = TestServer::shared();
    let [me, other, third] = server.accounts();
    let mut client = server.original(&me);
    let mut recipient = server.original(&other);
    let mut bystander = server.original(&third);
    assert_eq!(client.chat(other.id, "for you"), "delivered");
    assert_eq!(recipient.push()["msg"], "for you");
    assert!(bystander.fence().is_empty());
    assert!(client.fence().is_empty());
}

#[test]
fn users_who_do_not_exist_are_103() {
    let server = TestServer::shared();
    let me = server.account();
    let mut client = server.original(&me);
    for id in [me.id + 1_000_000_000, 0, -1, i64::MAX, i64::MIN] {
        let chat = json!({"msgid": 1005, "toid": id, "msg": "anybody?"});
        assert_errno(&client.request(chat.clone()), 103);
        client.send(&chat);
        let answer = client.next();
        assert_errno(&answer, 103);
        assert_fields(&answer, &["msgid", "errno", "errmsg"]);
    }
}

#[test]
fn malformed_chats_are_bad_requests() {
    let server = TestServer::shared();
    let me = server.account();
    let mut client = server.original(&me);
    let malformed = [
        json!({"msgid": 1005, "toid": me.id}),
        json!({"msgid": 1005, "msg": "x"}),
        json!({"msgid": 1005, "toid": me.id.to_string(), "msg": "x"}),
        json!({"msgid": 1005, "toid": 1.5, "msg": "x"}),
        json!({"msgid": 1005, "toid": [me.id], "msg": "x"}),
        json!({"msgid": 1005, "toid": true, "msg": "x"}),
        json!({"msgid": 1005, "toid": u64::MAX, "msg": "x"}),
        json!({"msgid": 1005, "toid": me.id, "msg": 5}),
        json!({"msgid": 1005, "toid": me.id, "msg": ["x"]}),
        json!({"msgid": 1005, "toid": me.id, "msg": {"x": "y"}}),
        json!({"msgid": 1005, "toid": me.id, "msg": null}),
    ];
    for chat in malformed {
        assert_errno(&client.request(chat.clone()), 100);
        client.send(&chat);
        assert_errno(&client.next(), 100);
    }
    assert_eq!(client.chat(me.id, "alive"), "delivered");
    assert_eq!(client.push()["msg"], "alive", "nothing of the malformed ones came");
}
