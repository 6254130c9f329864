//! Objects arrive split at any byte, or many in one segment.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Client, Incoming, TestServer, seed, unique_name};

/// One request of each kind, with a text that makes framing hard.
fn requests(me: i64, friend: i64, group: i64) -> Vec<String> {
    let hard = r#"}{][\",\\\"\u0000\\{"#;
    vec![
        format!(r#"{{"msgid":1005,"mid":"a","toid":{me},"msg":"{hard}","time":"t"}}"#),
        format!(r#"{{"msgid":1006,"mid":"b","friendid":{friend},"x":[{{"y":"}}]"}},[]]}}"#),
        format!(r#"{{"mid":"c","msgid":1008,"groupid":{group},"漢":"😀"}}"#),
        format!(r#"{{"msgid":1009,"mid":"d","groupid":{group},"msg":"\ud83d\ude00é"}}"#),
        r#"{"msgid":1002,"mid":"e"}"#.to_owned(),
    ]
}

/// Waits until the server's loop has taken what was sent: the answer to a ping on another
/// connection of the same loop cannot be had, so a short pause of the sender has to do. A split
/// that the kernel merges again costs this test strength, never its result.
fn let_it_arrive(client: &mut Client) {
    if let Incoming::Object(object) = client.receive(Duration::from_millis(1)) {
        client.fail(&format!("an unfinished object was answered: {object}"));
    }
}

#[test]
fn every_request_may_be_split_at_every_byte() {
    let server = TestServer::shared();
    let [account, friend] = server.accounts();
    let mut client = server.original(&account);
    let create = json!({"msgid": 1007, "groupname": unique_name("g"), "groupdesc": ""});
    let group = client.request(create)["groupid"].as_i64().expect("created");
    let mut count = 0;
    for request in requests(account.id, friend.id, group) {
        let mid = serde_json::from_str::<Value>(&request).unwrap()["mid"].clone();
        for at in 1..request.len() {
            // A mid may be used once only.
            let unique = format!("{}{at}", mid.as_str().unwrap());
            let spelled =
                request.replace(&format!("\"mid\":{mid}"), &format!("\"mid\":\"{unique}\""));
            client.send_bytes(&spelled.as_bytes()[..at]);
            let_it_arrive(&mut client);
            client.send_bytes(&spelled.as_bytes()[at..]);
            if spelled.contains("1005") {
                assert_eq!(client.push()["msg"], "}{][\",\\\"\0\\{");
            }
            assert_eq!(client.answer(&unique)["errno"], 0, "split at {at}: {spelled}");
            if spelled.contains("1002") {
                assert!(client.fence_by_login(&account.login()).is_empty());
            }
            count += 1;
        }
    }
    assert!(count > 250, "{count} splits");
}

#[test]
fn a_login_may_come_byte_by_byte() {
    let server = TestServer::shared();
    let account = server.account();
    let mut client = server.connect();
    for byte in account.login().to_string().bytes() {
        let_it_arrive(&mut client);
        client.send_bytes(&[byte]);
    }
    assert_eq!(client.expect(1001)["errno"], 0);
}

#[test]
fn many_requests_may_come_in_one_segment() {
    let server = TestServer::shared();
    let account = server.account();
    let mut client = server.original(&account);
    let chat = |n: usize| format!(r#"{{"msgid":1005,"toid":{},"msg":"{n}"}}"#, account.id);
    let segment: String = (0..1000).map(chat).collect();
    client.send_bytes(segment.as_bytes());
    for n in 0..1000 {
        assert_eq!(client.push()["msg"], n.to_string());
    }
}

#[test]
fn a_whole_session_may_come_in_one_segment() {
    let server = TestServer::shared();
    let account = server.account();
    let mut client = server.connect();
    let chat = json!({"msgid": 1005, "toid": account.id, "msg": "note", "mid": "1"});
    let logout = json!({"msgid": 1002, "mid": "2"});
    let segment = format!("{}{chat}{logout}{}", account.login(), account.login());
    client.send_bytes(segment.as_bytes());
    assert_eq!(client.next()["msgid"], 1001);
    assert_eq!(client.answer("1")["errno"], 0);
    assert_eq!(client.answer("2")["errno"], 0);
    // The logout may have come before the message did: then the second login gets it.
    let mut told = client.fence();
    let login = told.iter().position(|object| object["msgid"] == 1001).expect("a second login");
    let listed = told.remove(login)["offlinemsg"].as_array().map_or(0, Vec::len);
    assert_eq!(listed + told.len(), 1, "the message came {listed} and {told:?} times");
}

#[test]
fn random_splits_of_a_long_stream_change_nothing() {
    let server = TestServer::shared();
    let account = server.account();
    let mut random = fastrand::Rng::with_seed(seed("random_splits"));
    let mut client = server.original(&account);
    let separators = ["", "\n", "\0", " ", "\r\n", "\0\0", "\t \n"];
    let mut stream = Vec::new();
    let texts: Vec<String> = (0..300)
        .map(|n| {
            (0..random.usize(..300))
                .map(|_| random.char('\u{0}'..))
                .chain([' '])
                .chain(n.to_string().chars())
                .collect()
        })
        .collect();
    for text in &texts {
        let chat = json!({"msgid": 1005, "toid": account.id, "msg": text});
        stream.extend(chat.to_string().bytes());
        stream.extend(separators[random.usize(..separators.len())].bytes());
    }
    let mut rest = &stream[..];
    while !rest.is_empty() {
        let (piece, behind) = rest.split_at(random.usize(1..=rest.len().min(3000)));
        client.send_bytes(piece);
        rest = behind;
    }
    for text in &texts {
        assert_eq!(client.push()["msg"], *text);
    }
}
