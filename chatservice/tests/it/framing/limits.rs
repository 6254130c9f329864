//! How large an object may be: 4 KiB before the login, 64 KiB after.

use serde_json::{Value, json};

use crate::support::{Client, TestServer, unique_name};

const ANONYMOUS: usize = 4096;
const LOGGED_IN: usize = 65_536;

/// `object` with a field that makes it `length` bytes long.
fn padded(mut object: Value, field: &str, length: usize) -> String {
    object[field] = json!("");
    let bare = object.to_string().len();
    object[field] = json!("x".repeat(length - bare));
    let text = object.to_string();
    assert_eq!(text.len(), length);
    text
}

fn expect_too_large(mut client: Client) {
    let told = client.expect_closed();
    let last = told.last().unwrap_or_else(|| client.fail("closed without a word"));
    assert_eq!((&last["msgid"], &last["errno"]), (&1010.into(), &105.into()), "{told:?}");
    assert!(last["errmsg"].is_string(), "{last}");
}

#[test]
fn before_the_login_exactly_4_kib_pass() {
    let server = TestServer::shared();
    let account = server.account();
    let mut client = server.connect();
    let register = json!({"msgid": 1003, "name": unique_name("large"), "password": "p"});
    client.send_bytes(padded(register, "padding", ANONYMOUS).as_bytes());
    assert_eq!(client.expect(1004)["errno"], 0);
    client.send_bytes(padded(account.login(), "padding", ANONYMOUS).as_bytes());
    assert_eq!(client.expect(1001)["errno"], 0);
}

#[test]
fn before_the_login_one_byte_more_is_too_large() {
    let server = TestServer::shared();
    let account = server.account();
    let mut client = server.connect();
    client.send_bytes(padded(account.login(), "padding", ANONYMOUS + 1).as_bytes());
    expect_too_large(client);
    server.original(&account);
}

#[test]
fn after_the_login_exactly_64_kib_pass() {
    let server = TestServer::shared();
    let [me, other] = server.accounts();
    let mut client = server.original(&me);
    let mut recipient = server.original(&other);
    for to in [&me, &other] {
        let chat = json!({"msgid": 1005, "toid": to.id, "time": "t"});
        let chat = padded(chat, "msg", LOGGED_IN);
        client.send_bytes(chat.as_bytes());
        let sent: Value = serde_json::from_str(&chat).unwrap();
        let came = if to.id == me.id { client.push() } else { recipient.push() };
        assert_eq!(came["msg"], sent["msg"]);
    }
}

#[test]
fn after_the_login_one_byte_more_is_too_large() {
    let server = TestServer::shared();
    let [me, other] = server.accounts();
    let mut client = server.original(&me);
    let mut recipient = server.original(&other);
    let chat = json!({"msgid": 1005, "toid": other.id, "time": "t"});
    client.send_bytes(padded(chat, "msg", LOGGED_IN + 1).as_bytes());
    expect_too_large(client);
    assert!(recipient.fence().is_empty());
    server.original(&me);
}

#[test]
fn an_object_without_an_end_is_too_large_as_soon_as_it_is() {
    let server = TestServer::shared();
    let account = server.account();
    for start in ["{", "{\"", "{\"msgid\":", "{\"msg\":\"\\", "{\"a\":[", "{\"\\"] {
        let mut client = server.connect();
        client.send_bytes(format!("{start}{}", " ".repeat(ANONYMOUS)).as_bytes());
        expect_too_large(client);
        let mut client = server.original(&account);
        client.send_bytes(format!("{start}{}", " ".repeat(LOGGED_IN)).as_bytes());
        expect_too_large(client);
    }
}

#[test]
fn the_limits_are_configurable() {
    let server = TestServer::with(&[("--object-max", 2000), ("--anonymous-object-max", 300)]);
    let account = server.account();
    let mut client = server.connect();
    client.send_bytes(padded(account.login(), "padding", 301).as_bytes());
    expect_too_large(client);
    let mut client = server.connect();
    client.send_bytes(padded(account.login(), "padding", 300).as_bytes());
    assert_eq!(client.expect(1001)["errno"], 0);
    let chat = json!({"msgid": 1005, "toid": account.id});
    client.send_bytes(padded(chat.clone(), "msg", 2000).as_bytes());
    client.push();
    client.send_bytes(padded(chat, "msg", 2001).as_bytes());
    expect_too_large(client);
}

#[test]
fn what_stood_before_a_too_large_object_is_answered() {
    let server = TestServer::shared();
    let account = server.account();
    let mut client = server.original(&account);
    let chat = json!({"msgid": 1005, "toid": account.id, "msg": "first", "mid": "1"});
    client.send_bytes(format!("{chat}{{\"{}", "x".repeat(LOGGED_IN)).as_bytes());
    let told = client.expect_closed();
    assert!(told.iter().any(|object| object["msg"] == "first"), "{told:?}");
    assert_eq!(told.last().expect("the error came")["errno"], 105);
}
