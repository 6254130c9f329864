//! What is no object ends the connection; what is only wrong does not.

use serde_json::json;

use crate::support::{Client, TestServer};

/// Fails unless the connection is told 100 and closed.
fn expect_refused(mut client: Client, what: &[u8]) {
    let told = client.expect_closed();
    let shown = String::from_utf8_lossy(&what[..what.len().min(100)]).into_owned();
    assert_eq!(told.len(), 1, "{shown}: {told:?}");
    assert_eq!(
        (&told[0]["msgid"], &told[0]["errno"]),
        (&1010.into(), &100.into()),
        "{shown}: {told:?}"
    );
    assert!(told[0]["errmsg"].is_string(), "{told:?}");
}

fn refused_before_and_after_login(texts: &[&[u8]]) {
    let server = TestServer::shared();
    let account = server.account();
    for text in texts {
        let mut client = server.connect();
        client.send_bytes(text);
        expect_refused(client, text);
        let mut client = server.original(&account);
        client.send_bytes(text);
        expect_refused(client, text);
    }
}

#[test]
fn what_is_not_an_object_ends_the_connection() {
    refused_before_and_after_login(&[
        b"[1,2]",
        b"[{\"msgid\":1012}]",
        b"\"text\"",
        b"17",
        b"-1",
        b"true",
        b"null",
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"}",
        b"]",
        b"\x16\x03\x01\x02\x00\x01",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"<?xml version='1.0'?>",
        b"\x7f\x45\x4c\x46",
    ]);
}

#[test]
fn what_is_not_json_ends_the_connection() {
    refused_before_and_after_login(&[
        b"{]",
        b"{\"a\":[}",
        b"{\"a\":{\"b\":]}",
        b"{\"a\":}",
        b"{\"a\"}",
        b"{a:1}",
        b"{'a':1}",
        b"{\"a\":1,}",
        b"{,\"a\":1}",
        b"{\"a\":1 \"b\":2}",
        b"{\"a\":01}",
        b"{\"a\":+1}",
        b"{\"a\":.5}",
        b"{\"a\":1.}",
        b"{\"a\":1e}",
        b"{\"a\":NaN}",
        b"{\"a\":Infinity}",
        b"{\"a\":0x10}",
        b"{\"a\":tru}",
        b"{\"a\":True}",
        b"{\"a\":undefined}",
        b"{\"a\":[1,]}",
        b"{\"a\":[1 2]}",
        b"{\"a\":\"\\x41\"}",
        b"{\"a\":\"\\u12\"}",
        b"{\"a\":\"\\u12g4\"}",
        b"{\"a\":\"line\nfeed\"}",
        b"{\"a\":\"nul\0\"}",
        b"{\"a\":1/*comment*/}",
        b"{\"msgid\":1012 // comment\n}",
        b"{1:2}",
        b"{\"msgid\":1005,\"msgid\"}",
    ]);
}

#[test]
fn what_is_not_utf8_ends_the_connection() {
    refused_before_and_after_login(&[
        b"{\"a\":\"\xff\"}",
        b"{\"a\":\"\xc0\x80\"}",
        b"{\"a\":\"\xed\xa0\x80\"}",
        b"{\"a\":\"\xf4\x90\x80\x80\"}",
        b"{\"a\":\"\xe4\xbd\"}",
        b"{\"a\":\"\xc4\xe3\xba\xc3\"}",
        b"{\"\x80\":1}",
        b"\xef\xbb\xbf{\"msgid\":1012}",
        b"{\"msgid\":1003,\"name\":\"\xfe\xfe\",\"password\":\"p\"}",
        b"\xff\xfe{\0\"\0",
    ]);
}

/// A ping's object with arrays and objects nested in it: `depth` in all.
fn nested(depth: usize, arrays: bool) -> String {
    let (open, close) = if arrays { ("[", "]") } else { ("{\"x\":", "}") };
    let inner = if arrays { "" } else { "1" };
    let levels = depth - 1;
    let (open, close) = (open.repeat(levels), close.repeat(levels));
    format!("{{\"msgid\":1005,\"toid\":-1,\"msg\":\"deep\",\"x\":{open}{inner}{close}}}")
}

#[test]
fn a_depth_of_16_lives() {
    let server = TestServer::shared();
    let account = server.account();
    let mut client = server.original(&account);
    for arrays in [true, false] {
        client.send_bytes(nested(16, arrays).as_bytes());
        assert_eq!(client.next()["errno"], 103, "the nested field is ignored");
    }
    let braces = json!({"msgid": 1005, "toid": account.id, "msg": "[{".repeat(100)});
    client.send(&braces);
    assert_eq!(client.push()["msg"], braces["msg"], "brackets in a text are no nesting");
}

#[test]
fn a_depth_of_17_ends_the_connection() {
    let [arrays, objects] = [true, false].map(|arrays| nested(17, arrays));
    let unfinished = "{\"a\":".repeat(17);
    refused_before_and_after_login(&[arrays.as_bytes(), objects.as_bytes(), unfinished.as_bytes()]);
}

#[test]
fn what_stood_before_is_carried_out_and_what_stands_behind_is_not() {
    let server = TestServer::shared();
    let [me, other] = server.accounts();
    let mut client = server.original(&me);
    let mut recipient = server.original(&other);
    let chat = |text: &str| json!({"msgid": 1005, "toid": other.id, "msg": text});
    client.send_bytes(format!("{}{{]{}", chat("before"), chat("behind")).as_bytes());
    assert_eq!(recipient.push()["msg"], "before");
    let told = client.expect_closed();
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0]["errno"], 100);
    assert_eq!(server.original(&me).chat(other.id, "marker"), "delivered");
    assert_eq!(recipient.next()["msg"], "marker");
}

#[test]
fn a_well_formed_but_wrong_object_leaves_the_connection_open() {
    let server = TestServer::shared();
    let mut client = server.connect();
    let wrong = [
        "{}",
        "{\"a\":null}",
        "{\"msgid\":null}",
        "{\"msgid\":\"1012\"}",
        "{\"msgid\":1.5}",
        "{\"msgid\":1e400}",
        "{\"msgid\":-0.0}",
        "{\"msgid\":99999999999999999999999999}",
        "{\"msgid\":[[[[]]]]}",
        "{\"\":\"\"}",
        "{\"msgid\":4711}",
    ];
    for text in wrong.iter().cycle().take(200) {
        client.send_bytes(text.as_bytes());
        let answer = client.next();
        assert_eq!((&answer["msgid"], &answer["errno"]), (&1010.into(), &100.into()), "{text}");
    }
    client.register(&crate::support::unique_name("alive"));
}
