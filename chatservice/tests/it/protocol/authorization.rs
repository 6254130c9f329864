//! Who may do what: the login decides, never the fields.

use serde_json::{Value, json};

use super::{assert_errno, assert_fields};
use crate::support::{TestServer, unique_name};

/// One request of each kind that needs a login.
fn requests(user: i64, group: i64) -> Vec<Value> {
    vec![
        json!({"msgid": 1002}),
        json!({"msgid": 1005, "toid": user, "msg": "x", "time": "t", "name": "n"}),
        json!({"msgid": 1006, "friendid": user}),
        json!({"msgid": 1007, "groupname": unique_name("g"), "groupdesc": "d"}),
        json!({"msgid": 1008, "groupid": group}),
        json!({"msgid": 1009, "groupid": group, "msg": "x", "time": "t", "name": "n"}),
    ]
}

#[test]
fn without_a_login_every_request_is_refused() {
    let server = TestServer::shared();
    let account = server.account();
    let mut client = server.connect();
    for request in requests(account.id, 1) {
        assert_errno(&client.request(request.clone()), 101);
        client.send(&request);
        let answer = client.next();
        assert_fields(&answer, &["msgid", "errno", "errmsg"]);
        assert_errno(&answer, 101);
        let mut with_id = request;
        with_id["id"] = json!(account.id);
        assert_errno(&client.request(with_id), 101);
    }
    assert_eq!(client.request(account.login())["errno"], 0);
}

#[test]
fn after_a_refused_login_every_request_is_refused() {
    let server = TestServer::shared();
    let account = server.account();
    let _online = server.original(&account);
    let mut client = server.connect();
    for password in ["wrong", &account.password] {
        client.send(&json!({"msgid": 1000, "id": account.id, "password": password}));
        assert_ne!(client.expect(1001)["errno"], 0);
        for request in requests(account.id, 1) {
            assert_errno(&client.request(request), 101);
        }
    }
}

#[test]
fn the_id_of_somebody_else_is_forbidden() {
    let server = TestServer::shared();
    let [me, other] = server.accounts();
    let mut client = server.original(&me);
    let mut victim = server.original(&other);
    let create = json!({"msgid": 1007, "groupname": unique_name("g"), "groupdesc": ""});
    let group = client.request(create)["groupid"].as_i64().expect("created");
    for request in requests(other.id, group) {
        for id in [other.id, 0, -1, i64::MAX, i64::MIN] {
            let mut forged = request.clone();
            forged["id"] = json!(id);
            assert_errno(&client.request(forged.clone()), 102);
            client.send(&forged);
            let answer = client.next();
            assert_errno(&answer, 102);
            assert!(answer.get("mid").is_none(), "{answer}");
        }
    }
    assert!(victim.fence().is_empty(), "a forged request reached somebody");
}

#[test]
fn ones_own_id_may_be_given_or_left_out() {
    let server = TestServer::shared();
    let [me, other] = server.accounts();
    let mut client = server.original(&me);
    let create = json!({"msgid": 1007, "groupname": unique_name("g"), "groupdesc": ""});
    let group = client.request(create)["groupid"].as_i64().expect("created");
    let mut all = requests(other.id, group);
    all.rotate_left(1);
    for mut request in all {
        if request["msgid"] != 1007 && request["msgid"] != 1002 {
            assert_errno(&client.request(request.clone()), 0);
        }
        request["id"] = json!(me.id);
        assert_errno(&client.request(request), 0);
    }
}

#[test]
fn an_id_of_the_wrong_type_is_a_bad_request() {
    let server = TestServer::shared();
    let [me, other] = server.accounts();
    let mut client = server.original(&me);
    for request in requests(other.id, 1) {
        for id in [json!(me.id.to_string()), json!([me.id]), json!(1.5), json!(true)] {
            let mut wrong = request.clone();
            wrong["id"] = id;
            assert_errno(&client.request(wrong), 100);
        }
    }
    assert_eq!(client.chat(me.id, "still logged in"), "delivered");
}

#[test]
fn the_name_is_always_that_of_the_session() {
    let server = TestServer::shared();
    let [me, other] = server.accounts();
    let mut client = server.original(&me);
    let mut listener = server.original(&other);
    for name in [json!(other.name), json!(""), json!(7), json!({"a": []}), json!(null)] {
        let forged = json!({"msgid": 1005, "toid": other.id, "msg": "x", "name": name});
        assert_errno(&client.request(forged), 0);
        assert_eq!(listener.push()["name"], me.name);
    }
}

#[test]
fn server_msgids_and_unknown_ones_are_bad_requests() {
    let server = TestServer::shared();
    let account = server.account();
    let mut client = server.original(&account);
    for msgid in [1001, 1004, 1010, 1014, 1015, 999, 0, -1, 4242, i64::MAX, i64::MIN] {
        assert_errno(&client.request(json!({"msgid": msgid, "errno": 0})), 100);
    }
    for msgid in [json!("1005"), json!(1005.5), json!(null), json!([1005]), json!({"a": 1})] {
        assert_errno(&client.request(json!({"msgid": msgid, "toid": account.id})), 100);
    }
    assert_errno(&client.request(json!({"toid": account.id, "msg": "no msgid"})), 100);
    assert_errno(&client.request(json!({})), 100);
    assert_eq!(client.chat(account.id, "alive"), "delivered");
}
