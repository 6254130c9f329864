//! mids: every request that carries one gets exactly one answer; successes without one are
//! silent; errors are told in any case.

use serde_json::{Value, json};

use super::assert_errno;
use crate::support::{TestServer, fresh_mid, unique_name};

/// Requests that succeed, one of each kind that has a silent success.
fn successes(me: i64, other: i64, group: i64) -> [Value; 5] {
    [
        json!({"msgid": 1005, "toid": other, "msg": "x"}),
        json!({"msgid": 1006, "friendid": other}),
        json!({"msgid": 1007, "groupname": unique_name("g"), "groupdesc": "", "id": me}),
        json!({"msgid": 1008, "groupid": group}),
        json!({"msgid": 1009, "groupid": group, "msg": "x"}),
    ]
}

#[test]
fn with_a_mid_every_success_is_answered_once() {
    let server = TestServer::shared();
    let [me, other] = server.accounts();
    let mut client = server.original(&me);
    let create = json!({"msgid": 1007, "groupname": unique_name("g"), "groupdesc": ""});
    let group = client.request(create)["groupid"].as_i64().expect("created");
    let mids = successes(me.id, other.id, group).map(|request| client.send_with_mid(request));
    for mid in &mids {
        assert_errno(&client.answer(mid), 0);
    }
    let logout = client.request(json!({"msgid": 1002}));
    assert_errno(&logout, 0);
    assert!(client.fence_by_login(&me.login()).is_empty(), "something was answered twice");
}

#[test]
fn without_a_mid_every_success_is_silent() {
    let server = TestServer::shared();
    let [me, other] = server.accounts();
    let mut client = server.original(&me);
    let create = json!({"msgid": 1007, "groupname": unique_name("g"), "groupdesc": ""});
    let group = client.request(create)["groupid"].as_i64().expect("created");
    for request in successes(me.id, other.id, group) {
        client.send(&request);
        assert_errno(
            &client.request(request.clone()),
            if request["msgid"] == 1007 { 108 } else { 0 },
        );
    }
    assert!(client.fence().is_empty());
    client.send(&json!({"msgid": 1002}));
    assert!(client.fence_by_login(&me.login()).is_empty());
}

#[test]
fn mids_of_1_to_64_characters_are_repeated_byte_for_byte() {
    let server = TestServer::shared();
    let account = server.account();
    let mut client = server.original(&account);
    let tail = fresh_mid();
    let texts = ["x", "\"\\\n\0", "漢字", "😀", "'; DROP TABLE User; --"];
    let mids = texts.iter().map(|text| format!("{text}{tail}"));
    let longest = [format!("{}{tail}", "x".repeat(64 - tail.len()))];
    let wide = [format!("{}{tail}", "😀".repeat(64 - tail.len()))];
    for mid in mids.chain(longest).chain(wide).chain(["m".to_owned()]) {
        client.send(&json!({"msgid": 1005, "toid": account.id, "msg": "x", "mid": mid}));
        assert_errno(&client.answer(&mid), 0);
    }
}

#[test]
fn other_mids_are_bad_requests_and_are_not_repeated() {
    let server = TestServer::shared();
    let account = server.account();
    let mut client = server.original(&account);
    let wrong = [json!(""), json!("x".repeat(65)), json!("😀".repeat(65)), json!(7), json!(["m"])];
    for mid in wrong {
        client.send(&json!({"msgid": 1005, "toid": account.id, "msg": "x", "mid": mid}));
        let answer = client.next();
        assert_errno(&answer, 100);
        assert!(answer.get("mid").is_none(), "{answer}");
    }
    assert!(client.fence().is_empty(), "a request with a wrong mid was carried out");
}

#[test]
fn logins_and_registrations_repeat_the_mid_in_their_own_answers() {
    let server = TestServer::shared();
    let mut client = server.connect();
    let name = unique_name("mid");
    for errno in [0, 1] {
        let answer = client.request(json!({"msgid": 1003, "name": name, "password": "p"}));
        assert_eq!((&answer["msgid"], &answer["errno"]), (&1004.into(), &errno.into()));
    }
    let answer = client.request(json!({"msgid": 1000, "id": -5, "password": "p"}));
    assert_eq!((&answer["msgid"], &answer["errno"]), (&1001.into(), &1.into()));
}

#[test]
fn answers_to_many_requests_at_once_all_come() {
    let server = TestServer::shared();
    let [me, other] = server.accounts();
    let mut client = server.original(&me);
    let mids: Vec<String> = (0..500)
        .map(|n| match n % 3 {
            0 => client.send_with_mid(json!({"msgid": 1006, "friendid": other.id})),
            1 => client.say(other.id, "stored"),
            _ => client.send_with_mid(json!({"msgid": 1006, "friendid": -1})),
        })
        .collect();
    for (n, mid) in mids.iter().enumerate() {
        assert_errno(&client.answer(mid), if n % 3 == 2 { 103 } else { 0 });
    }
    assert!(client.fence().is_empty());
}

#[test]
fn a_repeated_mid_is_answered_again_and_pushed_once() {
    let server = TestServer::shared();
    let [me, online, offline] = server.accounts();
    let mut client = server.original(&me);
    let mut recipient = server.acking(&online);
    for to in [online.id, offline.id] {
        let mid = fresh_mid();
        let chat = json!({"msgid": 1005, "toid": to, "msg": "once", "mid": mid});
        client.send(&chat);
        client.send(&chat);
        if to == online.id {
            assert_eq!(recipient.acknowledged_pushes(1)[0]["mid"], mid);
        }
        // Sent twice before the answer, it may be answered once for both.
        assert_errno(&client.answer(&mid), 0);
        client.send(&chat);
        assert_errno(&client.answer(&mid), 0);
        client.say(to, "marker");
    }
    assert_eq!(recipient.push()["msg"], "marker");
    let mut recipient = server.acking(&offline);
    let texts: Vec<Value> = recipient.pushes(2).iter().map(|push| push["msg"].clone()).collect();
    assert_eq!(texts, ["once", "marker"]);
}

#[test]
fn a_mid_belongs_to_its_sender() {
    let server = TestServer::shared();
    let [first, second, silent, other] = server.accounts();
    let mut recipient = server.acking(&silent);
    let mut listener = server.acking(&other);
    let mut client = server.original(&first);
    let mid = fresh_mid();
    // Still unanswered when somebody else takes over the connection.
    client.send(&json!({"msgid": 1005, "toid": silent.id, "msg": "from the first", "mid": mid}));
    assert_eq!(recipient.push()["id"], first.id);
    client.logout();
    client.fence_by_login(&second.login());
    client.send(&json!({"msgid": 1005, "toid": other.id, "msg": "from the second", "mid": mid}));
    let push = listener.acknowledged_pushes(1).remove(0);
    assert_eq!((&push["id"], &push["mid"]), (&second.id.into(), &mid.as_str().into()));
    assert_errno(&client.answer(&mid), 0);
    assert_eq!(client.chat(second.id, "marker"), "delivered");
}
