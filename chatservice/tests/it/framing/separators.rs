//! What may stand between two objects.

use serde_json::json;

use crate::support::TestServer;

#[test]
fn nothing_white_space_newlines_and_nuls_separate() {
    let server = TestServer::shared();
    let account = server.account();
    let mut client = server.original(&account);
    let long = " \n".repeat(50_000);
    let separators =
        ["", " ", "\n", "\r\n", "\t", "\0", "\0\0\0", " \0 \n\0\r\t", "\n\n\n\n", long.as_str()];
    for (n, separator) in separators.iter().cycle().take(40).enumerate() {
        let chat = json!({"msgid": 1005, "toid": account.id, "msg": n.to_string()});
        client.send_bytes(format!("{separator}{chat}{separator}").as_bytes());
        assert_eq!(client.push()["msg"], n.to_string());
    }
    assert!(client.fence().is_empty());
}

#[test]
fn white_space_inside_objects_is_json() {
    let server = TestServer::shared();
    let account = server.account();
    let mut client = server.original(&account);
    let chat = format!(
        " {{ \"msgid\"\t:\r\n1005 ,\n \"toid\" : {} ,\"msg\"\n:\n\" spaced \" }} ",
        account.id
    );
    client.send_bytes(chat.as_bytes());
    assert_eq!(client.push()["msg"], " spaced ");
}

#[test]
fn the_original_clients_nul_is_taken() {
    let server = TestServer::shared();
    let [me, other] = server.accounts();
    let mut client = server.connect();
    client.send_bytes(format!("{}\0", me.login()).as_bytes());
    assert_eq!(client.expect(1001)["errno"], 0);
    let add = json!({"msgid": 1006, "id": me.id, "friendid": other.id});
    let chat = json!({"msgid": 1005, "id": me.id, "name": me.name, "toid": me.id, "msg": "x",
        "time": "t"});
    // Two requests in one segment: the original lost the second.
    client.send_bytes(format!("{add}\0{chat}\0").as_bytes());
    assert_eq!(client.push()["msg"], "x");
    let logout = json!({"msgid": 1002, "id": me.id});
    client.send_bytes(format!("{logout}\0{}\0", me.login()).as_bytes());
    assert!(client.expect(1001)["friends"].is_array());
}

#[test]
fn a_nul_alone_does_nothing() {
    let server = TestServer::shared();
    let account = server.account();
    let mut client = server.connect();
    for _ in 0..100 {
        client.send_bytes(&[0]);
    }
    client.send(&account.login());
    assert_eq!(client.next()["msgid"], 1001);
}

#[test]
fn nothing_else_separates() {
    let server = TestServer::shared();
    for separator in [",", ";", "x", "\u{1}", "\u{b}", "\u{feff}", "\u{a0}", "0", "\"", "]"] {
        let mut client = server.connect();
        client.send_bytes(format!("{separator}{{\"msgid\":1012}}").as_bytes());
        let told = client.expect_closed();
        assert_eq!(told.len(), 1, "{separator:?}: {told:?}");
        assert_eq!((&told[0]["msgid"], &told[0]["errno"]), (&1010.into(), &100.into()));
    }
}
