//! 1007, 1008, 1009: making groups, joining them, talking to them.

use serde_json::{Value, json};

use super::{assert_errno, assert_fields, entries};
use crate::support::{Account, Client, INJECTIONS, TEXTS, TestServer, unique_name};

fn create(client: &mut Client, name: &str, description: &str) -> Value {
    client.request(json!({"msgid": 1007, "groupname": name, "groupdesc": description}))
}

fn create_any(client: &mut Client) -> i64 {
    let answer = create(client, &unique_name("group"), "");
    assert_errno(&answer, 0);
    answer["groupid"].as_i64().expect("a created group has an id")
}

fn join(client: &mut Client, group: i64) -> Value {
    client.request(json!({"msgid": 1008, "groupid": group}))
}

fn groups_of(account: &Account) -> Vec<Value> {
    let greeting = TestServer::shared().original(account).greeting;
    if greeting["groups"].is_null() { Vec::new() } else { entries(&greeting["groups"]) }
}

#[test]
fn the_answer_carries_the_groups_id() {
    let server = TestServer::shared();
    let me = server.account();
    let mut client = server.original(&me);
    let answer = create(&mut client, &unique_name("group"), "about");
    assert_fields(&answer, &["msgid", "errno", "mid", "groupid"]);
    assert_errno(&answer, 0);
    assert!(answer["groupid"].as_i64() > Some(0), "{answer}");
    assert_ne!(create_any(&mut client), answer["groupid"].as_i64().unwrap());
}

#[test]
fn a_groups_name_is_taken_once() {
    let server = TestServer::shared();
    let [me, other] = server.accounts();
    let name = unique_name("group");
    let mut client = server.original(&me);
    assert_errno(&create(&mut client, &name, ""), 0);
    let mut second = server.original(&other);
    for client in [&mut client, &mut second] {
        assert_errno(&create(client, &name, "again"), 108);
        client.send(&json!({"msgid": 1007, "groupname": name, "groupdesc": ""}));
        assert_errno(&client.next(), 108);
    }
    assert_errno(&create(&mut second, &name.to_uppercase(), ""), 0);
    assert_errno(&create(&mut second, &format!("{name} "), ""), 0);
}

#[test]
fn names_and_descriptions_come_back_byte_for_byte() {
    let server = TestServer::shared();
    let me = server.account();
    let mut client = server.original(&me);
    let tail = unique_name("");
    let name = |text: &str, length: usize| -> String {
        let head = text.chars().filter(|c| !c.is_control()).take(length - tail.len());
        head.chain(tail.chars()).collect()
    };
    let mut expected = Vec::new();
    for (at, text) in TEXTS.iter().chain(INJECTIONS).enumerate() {
        let names = format!("{at}{}", name(text, 46));
        let description: String = text.chars().take(200).collect();
        assert_errno(&create(&mut client, &names, &description), 0);
        expected.push((json!(names), json!(description)));
    }
    client.logout();
    let groups = groups_of(&me);
    let listed: Vec<(Value, Value)> =
        groups.iter().map(|g| (g["groupname"].clone(), g["groupdesc"].clone())).collect();
    assert_eq!(listed, expected);
}

#[test]
fn lengths_count_characters() {
    let server = TestServer::shared();
    let me = server.account();
    let mut client = server.original(&me);
    let tail = unique_name("");
    let longest = format!("{}{tail}", "漢".repeat(50 - tail.len()));
    assert_errno(&create(&mut client, &longest, &"😀".repeat(200)), 0);
    assert_errno(&create(&mut client, &format!("{longest}x"), ""), 100);
    assert_errno(&create(&mut client, "", ""), 100);
    let name = unique_name("group");
    assert_errno(&create(&mut client, &name, &"😀".repeat(201)), 100);
    for control in ['\0', '\t', '\n', '\u{1b}', '\u{7f}', '\u{85}'] {
        assert_errno(&create(&mut client, &format!("{name}{control}"), ""), 100);
    }
    assert_errno(&create(&mut client, &name, ""), 0);
}

#[test]
fn joining_twice_changes_nothing_and_is_no_error() {
    let server = TestServer::shared();
    let [me, other] = server.accounts();
    let mut founder = server.original(&me);
    let mut client = server.original(&other);
    let group = create_any(&mut founder);
    for _ in 0..3 {
        let answer = join(&mut client, group);
        assert_fields(&answer, &["msgid", "errno", "mid"]);
        assert_errno(&answer, 0);
        assert_errno(&join(&mut founder, group), 0);
    }
    founder.say_to_group(group, "once");
    assert_eq!(client.push()["msg"], "once");
    assert!(client.fence().is_empty(), "who joined twice was told twice");
    client.logout();
    founder.logout();
    let users = entries(&groups_of(&other)[0]["users"]);
    let mut roles: Vec<(Value, Value)> =
        users.iter().map(|user| (user["id"].clone(), user["role"].clone())).collect();
    roles.sort_by_key(|(id, _)| id.as_i64());
    let expected = [(json!(me.id), json!("creator")), (json!(other.id), json!("normal"))];
    assert_eq!(roles, expected, "joining twice takes the creator's role from nobody");
}

#[test]
fn groups_that_do_not_exist_are_104() {
    let server = TestServer::shared();
    let me = server.account();
    let mut client = server.original(&me);
    let far = create_any(&mut client) + 1_000_000_000;
    for group in [far, 0, -1, i64::MAX, i64::MIN] {
        for request in [
            json!({"msgid": 1008, "groupid": group}),
            json!({"msgid": 1009, "groupid": group, "msg": "anybody?"}),
        ] {
            assert_errno(&client.request(request.clone()), 104);
            client.send(&request);
            assert_errno(&client.next(), 104);
        }
    }
}

#[test]
fn who_is_no_member_may_not_talk_to_the_group() {
    let server = TestServer::shared();
    let [me, stranger] = server.accounts();
    let mut founder = server.original(&me);
    let mut client = server.original(&stranger);
    let group = create_any(&mut founder);
    let chat = json!({"msgid": 1009, "groupid": group, "msg": "let me in"});
    assert_errno(&client.request(chat.clone()), 102);
    client.send(&chat);
    assert_errno(&client.next(), 102);
    assert_errno(&join(&mut client, group), 0);
    assert_errno(&client.request(json!({"msgid": 1009, "groupid": group, "msg": "in"})), 0);
    assert_eq!(founder.push()["msg"], "in", "what was forbidden was not relayed");
}

#[test]
fn every_other_member_gets_a_group_chat() {
    let server = TestServer::shared();
    let [me, plain, acking, absent] = server.accounts();
    let mut client = server.original(&me);
    let mut original = server.original(&plain);
    let mut acknowledging = server.acking(&acking);
    let group = create_any(&mut client);
    assert_errno(&join(&mut original, group), 0);
    assert_errno(&join(&mut acknowledging, group), 0);
    let mut left = server.original(&absent);
    assert_errno(&join(&mut left, group), 0);
    left.logout();
    let chat = json!({"msgid": 1009, "id": me.id, "name": me.name, "groupid": group,
        "msg": "to all", "time": "now"});
    let mid = client.send_with_mid(chat.clone());
    assert_eq!(original.next(), chat);
    let push = acknowledging.acknowledged_pushes(1).remove(0);
    let all = ["msgid", "id", "name", "groupid", "msg", "time", "seq", "sid", "mid"];
    assert_fields(&push, &all);
    assert_eq!(push["mid"], mid);
    let answer = client.answer(&mid);
    assert_fields(&answer, &["msgid", "errno", "mid", "state"]);
    assert_eq!((&answer["errno"], &answer["state"]), (&0.into(), &"stored".into()));
    assert_eq!(entries(&server.original(&absent).greeting["offlinemsg"]), [chat]);
    assert!(client.fence().is_empty(), "the sender is no recipient");
}

#[test]
fn malformed_requests_are_bad_requests() {
    let server = TestServer::shared();
    let me = server.account();
    let mut client = server.original(&me);
    let group = create_any(&mut client);
    let name = unique_name("group");
    let malformed = [
        json!({"msgid": 1007, "groupdesc": "no name"}),
        json!({"msgid": 1007, "groupname": 5, "groupdesc": ""}),
        json!({"msgid": 1007, "groupname": [name], "groupdesc": ""}),
        json!({"msgid": 1007, "groupname": name, "groupdesc": 5}),
        json!({"msgid": 1007, "groupname": name, "groupdesc": {"a": "b"}}),
        json!({"msgid": 1008}),
        json!({"msgid": 1008, "groupid": group.to_string()}),
        json!({"msgid": 1008, "groupid": 0.5}),
        json!({"msgid": 1009, "groupid": group}),
        json!({"msgid": 1009, "msg": "x"}),
        json!({"msgid": 1009, "groupid": group, "msg": 5}),
        json!({"msgid": 1009, "groupid": {"id": group}, "msg": "x"}),
    ];
    for request in malformed {
        assert_errno(&client.request(request.clone()), 100);
    }
    assert_errno(&create(&mut client, &name, ""), 0);
}
