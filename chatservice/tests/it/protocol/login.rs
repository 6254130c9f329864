//! 1000 and 1001: who gets in, and what the answer lists. 1002: leaving.

use serde_json::json;

use super::{assert_errno, assert_fields, entries};
use crate::support::{TestServer, unique_name};

const ONLINE: &str = "this account is using, input another!";

#[test]
fn a_fresh_account_gets_its_id_and_name_and_no_empty_lists() {
    let server = TestServer::shared();
    let account = server.account();
    let mut client = server.connect();
    client.send(&account.login());
    let answer = client.next();
    assert_fields(&answer, &["msgid", "errno", "id", "name"]);
    assert_eq!(answer["msgid"], 1001);
    assert_eq!(answer["errno"], 0);
    assert_eq!(answer["id"], account.id);
    assert_eq!(answer["name"], account.name);
}

#[test]
fn the_answer_repeats_the_mid() {
    let server = TestServer::shared();
    let account = server.account();
    let mut client = server.connect();
    let answer = client.request(account.login());
    assert_fields(&answer, &["msgid", "errno", "id", "name", "mid"]);
    let refused = server.connect().request(json!({"msgid": 1000, "id": 0, "password": "x"}));
    assert_eq!((&refused["msgid"], &refused["errno"]), (&1001.into(), &1.into()), "{refused}");
}

#[test]
fn a_wrong_id_and_a_wrong_password_get_the_same_answer() {
    let server = TestServer::shared();
    let account = server.account();
    let refused = |id: i64, password: &str| {
        let mut client = server.connect();
        client.send(&json!({"msgid": 1000, "id": id, "password": password}));
        client.next()
    };
    let wrong_password = refused(account.id, "wrong");
    assert_eq!(wrong_password["msgid"], 1001);
    assert_eq!(wrong_password["errno"], 1);
    assert!(wrong_password["errmsg"].is_string(), "{wrong_password}");
    for id in [account.id + 1_000_000, 0, -1, i64::MAX, i64::MIN] {
        assert_eq!(refused(id, &account.password), wrong_password);
    }
}

#[test]
fn a_refused_login_leaves_the_connection_open_for_another() {
    let server = TestServer::shared();
    let account = server.account();
    let mut client = server.connect();
    client.send(&json!({"msgid": 1000, "id": account.id, "password": "wrong"}));
    assert_eq!(client.expect(1001)["errno"], 1);
    client.send(&account.login());
    assert_eq!(client.expect(1001)["errno"], 0);
}

#[test]
fn an_account_that_is_online_is_refused_to_others_in_the_original_words() {
    let server = TestServer::shared();
    let account = server.account();
    let mut first = server.original(&account);
    let mut second = server.connect();
    second.send(&account.login());
    let answer = second.next();
    assert_fields(&answer, &["msgid", "errno", "errmsg"]);
    assert_eq!((&answer["errno"], &answer["errmsg"]), (&2.into(), &ONLINE.into()));
    assert!(first.fence().is_empty(), "the first client was told of the attempt");
}

#[test]
fn a_wrong_password_does_not_tell_that_the_account_is_online() {
    let server = TestServer::shared();
    let account = server.account();
    let _online = server.original(&account);
    let mut second = server.connect();
    second.send(&json!({"msgid": 1000, "id": account.id, "password": "wrong"}));
    assert_eq!(second.next()["errno"], 1);
}

#[test]
fn friends_are_listed_with_their_state() {
    let server = TestServer::shared();
    let [me, there, away] = server.accounts();
    let _there = server.original(&there);
    let mut client = server.original(&me);
    for friend in [&there, &away] {
        let answer = client.request(json!({"msgid": 1006, "friendid": friend.id}));
        assert_errno(&answer, 0);
    }
    client.logout();
    client.send(&me.login());
    let answer = client.expect(1001);
    assert_fields(&answer, &["msgid", "errno", "id", "name", "friends"]);
    let mut friends = entries(&answer["friends"]);
    friends.sort_by_key(|friend| friend["id"].as_i64());
    let expected = [
        json!({"id": there.id, "name": there.name, "state": "online"}),
        json!({"id": away.id, "name": away.name, "state": "offline"}),
    ];
    assert_eq!(friends, expected);
}

#[test]
fn groups_are_listed_with_their_members() {
    let server = TestServer::shared();
    let [creator, member] = server.accounts();
    let mut founder = server.original(&creator);
    let name = unique_name("group");
    let create = json!({"msgid": 1007, "groupname": name, "groupdesc": "what it is for"});
    let group = founder.request(create)["groupid"].clone();
    let mut client = server.original(&member);
    assert_errno(&client.request(json!({"msgid": 1008, "groupid": group})), 0);
    founder.logout();
    client.logout();
    client.send(&member.login());
    let answer = client.expect(1001);
    let groups = entries(&answer["groups"]);
    assert_eq!(groups.len(), 1, "{answer}");
    assert_fields(&groups[0], &["id", "groupname", "groupdesc", "users"]);
    assert_eq!(groups[0]["id"], group);
    assert_eq!(groups[0]["groupname"], name);
    assert_eq!(groups[0]["groupdesc"], "what it is for");
    let mut users = entries(&groups[0]["users"]);
    users.sort_by_key(|user| user["id"].as_i64());
    let founder = json!({"id": creator.id, "name": creator.name, "state": "offline",
        "role": "creator"});
    assert_eq!(users.len(), 2, "{users:?}");
    assert_eq!(users[0], founder);
    assert_fields(&users[1], &["id", "name", "state", "role"]);
    assert_eq!(users[1]["role"], "normal");
}

#[test]
fn waiting_messages_are_listed_as_they_would_have_been_relayed() {
    let server = TestServer::shared();
    let [sender, recipient] = server.accounts();
    let mut client = server.original(&sender);
    let chat = json!({"msgid": 1005, "toid": recipient.id, "msg": "hello", "time": "noon"});
    assert_eq!(client.request(chat)["state"], "stored");
    let answer = server.original(&recipient).greeting;
    assert_fields(&answer, &["msgid", "errno", "id", "name", "offlinemsg"]);
    let expected = json!({"msgid": 1005, "id": sender.id, "name": sender.name,
        "toid": recipient.id, "msg": "hello", "time": "noon"});
    assert_eq!(entries(&answer["offlinemsg"]), [expected]);
}

#[test]
fn after_a_logout_the_connection_may_log_in_again_as_anybody() {
    let server = TestServer::shared();
    let [first, second] = server.accounts();
    let mut client = server.original(&first);
    client.send(&json!({"msgid": 1002, "id": first.id}));
    for account in [&second, &first] {
        client.send(&account.login());
        let answer = client.next();
        assert_eq!((&answer["msgid"], &answer["errno"]), (&1001.into(), &0.into()), "{answer}");
        assert_eq!(answer["id"], account.id);
        client.send(&json!({"msgid": 1002, "id": account.id}));
    }
    let mut elsewhere = server.connect();
    let answer = elsewhere.request(first.login());
    assert_eq!(answer["errno"], 0, "a logged out account is free at once: {answer}");
}

#[test]
fn after_a_logout_nothing_is_pushed_to_the_connection() {
    let server = TestServer::shared();
    let [sender, recipient] = server.accounts();
    let mut client = server.original(&recipient);
    client.logout();
    assert_eq!(server.original(&sender).chat(recipient.id, "too late"), "stored");
    let refused = client.request(json!({"msgid": 1006, "friendid": sender.id}));
    assert_errno(&refused, 101);
    assert!(client.fence_by_login(&recipient.login()).is_empty());
}

#[test]
fn a_second_login_on_a_connection_is_refused() {
    let server = TestServer::shared();
    let [first, second] = server.accounts();
    let mut client = server.original(&first);
    client.send(&second.login());
    let answer = client.next();
    assert_eq!((&answer["msgid"], &answer["errno"]), (&1001.into(), &102.into()), "{answer}");
    client.send(&first.login());
    let answer = client.next();
    let errno = answer["errno"].as_i64();
    assert!(answer["msgid"] == 1001 && matches!(errno, Some(2 | 102)), "{answer}");
    let echo = client.chat(first.id, "still the first");
    assert_eq!((echo.as_str(), &client.push()["id"]), ("delivered", &first.id.into()));
    assert_eq!(server.connect().request(second.login())["errno"], 0, "the second is free");
}

#[test]
fn malformed_logins_are_told_so_and_the_connection_lives() {
    let server = TestServer::shared();
    let account = server.account();
    let mut client = server.connect();
    let password = &account.password;
    let malformed = [
        json!({"msgid": 1000}),
        json!({"msgid": 1000, "id": account.id}),
        json!({"msgid": 1000, "password": password}),
        json!({"msgid": 1000, "id": account.id.to_string(), "password": password}),
        json!({"msgid": 1000, "id": 1.5, "password": password}),
        json!({"msgid": 1000, "id": account.id, "password": 7}),
        json!({"msgid": 1000, "id": [account.id], "password": {"a": 1}}),
        json!({"msgid": 1000, "id": account.id, "password": password, "ack": "yes"}),
        json!({"msgid": 1000, "id": account.id, "password": password, "force": 1}),
        json!({"msgid": 1000, "token": 17}),
    ];
    for login in malformed {
        assert_errno(&client.request(login.clone()), 100);
        client.send(&login);
        let answer = client.next();
        assert_errno(&answer, 100);
        assert!(answer.get("mid").is_none(), "{answer}");
    }
    assert_eq!(client.request(account.login())["errno"], 0);
}
