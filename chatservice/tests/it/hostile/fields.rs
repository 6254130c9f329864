//! Every field of every request with values of every kind.

use serde_json::{Value, json};

use super::{Bystander, assert_lives};
use crate::support::{Account, Client, TestServer, unique_name};

/// Values as they stand in JSON text, some of which no `Value` can hold.
const VALUES: &[&str] = &[
    "null",
    "true",
    "false",
    "0",
    "-0",
    "-1",
    "1.0",
    "1e2",
    "1E400",
    "-1E-400",
    "0.1",
    "2147483648",
    "-2147483649",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "-9223372036854775809",
    "18446744073709551615",
    "18446744073709551616",
    "123456789012345678901234567890123456789012345678901234567890",
    "\"\"",
    "\"1\"",
    "\"\\u0000\"",
    "\"\\ud800\"",
    "\"\\udc00\\ud800\"",
    "\"\\ud83d\\u0041\"",
    "\"\\uffff\"",
    "\"' OR 1=1 --\"",
    "[]",
    "[1]",
    "[[[[[[]]]]]]",
    "{}",
    "{\"a\":{\"b\":[1,2,{\"c\":null}]}}",
    "{\"msgid\":1014}",
];

/// Requests with their fields as text, each value to be replaced in turn.
fn requests(me: &Account, group: i64) -> Vec<Vec<(&'static str, String)>> {
    let text = |text: &str| json!(text).to_string();
    let id = me.id.to_string();
    vec![
        vec![
            ("msgid", "1000".to_owned()),
            ("id", id.clone()),
            ("password", text(&me.password)),
            ("ack", "true".to_owned()),
            ("force", "false".to_owned()),
        ],
        vec![("msgid", "1000".to_owned()), ("token", text("x")), ("ack", "true".to_owned())],
        vec![("msgid", "1003".to_owned()), ("name", text(&me.name)), ("password", text("p"))],
        vec![
            ("msgid", "1005".to_owned()),
            ("id", id.clone()),
            ("toid", id.clone()),
            ("msg", text("x")),
            ("name", text("n")),
            ("time", text("t")),
            ("mid", text("m")),
        ],
        vec![("msgid", "1006".to_owned()), ("id", id.clone()), ("friendid", id.clone())],
        vec![
            ("msgid", "1007".to_owned()),
            ("id", id.clone()),
            ("groupname", text("wrong types")),
            ("groupdesc", text("d")),
        ],
        vec![("msgid", "1008".to_owned()), ("id", id.clone()), ("groupid", group.to_string())],
        vec![
            ("msgid", "1009".to_owned()),
            ("id", id),
            ("groupid", group.to_string()),
            ("msg", text("x")),
            ("time", text("t")),
        ],
        vec![("msgid", "1011".to_owned()), ("seq", "1".to_owned())],
        vec![("msgid", "1012".to_owned()), ("mid", text("m"))],
        vec![("msgid", "1013".to_owned()), ("mid", text("m"))],
    ]
}

/// The request's text with the field at `at` replaced, or added a second time.
fn altered(fields: &[(&str, String)], at: usize, value: &str, duplicate: bool) -> String {
    let mut parts = Vec::new();
    for (index, (name, original)) in fields.iter().enumerate() {
        if index != at || duplicate {
            parts.push(format!("\"{name}\":{original}"));
        }
        if index == at {
            parts.push(format!("\"{name}\":{value}"));
        }
    }
    format!("{{{}}}", parts.join(","))
}

/// Sends `text`, which is JSON; fails when the server takes it for anything else.
fn send_and_live(client: &mut Client, text: &str) {
    client.send_bytes(text.as_bytes());
    client.fence();
}

#[test]
fn values_of_every_kind_in_every_field() {
    let server = TestServer::shared();
    let mut bystander = Bystander::on(server);
    let me = server.account();
    let mut client = server.original(&me);
    let create = json!({"msgid": 1007, "groupname": unique_name("g"), "groupdesc": ""});
    let group = client.request(create)["groupid"].as_i64().expect("created");
    for fields in requests(&me, group) {
        for at in 0..fields.len() {
            for value in VALUES {
                // A lone surrogate is no text; whether it is no JSON either is left open.
                if value.contains("\\ud") {
                    let mut client = server.connect();
                    client.send_bytes(altered(&fields, at, value, false).as_bytes());
                    client.end_of_sending();
                    client.expect_closed();
                    continue;
                }
                send_and_live(&mut client, &altered(&fields, at, value, false));
            }
        }
    }
    assert_lives(&mut client);
    assert_eq!(client.chat(me.id, "still me"), "delivered");
    bystander.feels_nothing();
}

#[test]
fn duplicate_fields_are_taken_or_refused_but_never_half() {
    let server = TestServer::shared();
    let mut bystander = Bystander::on(server);
    let me = server.account();
    let mut client = server.original(&me);
    for fields in requests(&me, 1) {
        for at in 0..fields.len() {
            let (_, value) = &fields[at];
            send_and_live(&mut client, &altered(&fields, at, value, true));
        }
    }
    let forged =
        format!("{{\"msgid\":1005,\"id\":{},\"id\":1,\"toid\":{},\"msg\":\"x\"}}", me.id, me.id);
    send_and_live(&mut client, &forged);
    assert_lives(&mut client);
    bystander.feels_nothing();
}

#[test]
fn unknown_fields_of_every_kind_are_ignored() {
    let server = TestServer::shared();
    let me = server.account();
    let mut client = server.original(&me);
    let huge = "9".repeat(5000);
    let values = VALUES.iter().copied().chain([huge.as_str(), "1e99999", "-1e-99999"]);
    for value in values.filter(|value| !value.contains("\\ud")) {
        // Fields of other requests are unknown to this one; numbers beyond any range excepted.
        let too_large =
            value.len() > 1000 || value.to_lowercase().contains("e400") || value.contains("e99999");
        let other = if too_large { "0" } else { value };
        let fields = format!("\"unknown\":{value},\"friendid\":{other},\"password\":{other}");
        let id = me.id;
        let chat =
            format!("{{{fields},\"msgid\":1005,\"toid\":{id},\"msg\":\"x\",\"seq\":{other}}}");
        client.send_bytes(chat.as_bytes());
        let push = client.next();
        assert_eq!((&push["msgid"], &push["msg"]), (&1005.into(), &"x".into()), "{chat}: {push}");
    }
}

#[test]
fn ten_thousand_fields_in_one_object() {
    let server = TestServer::shared();
    let me = server.account();
    let mut client = server.original(&me);
    let many: String = (0..5000).map(|n| format!("\"k{n}\":0,")).collect();
    let same = "\"k\":0,".repeat(10_000);
    for fields in [many, same] {
        client.send_bytes(
            format!("{{{fields}\"msgid\":1005,\"toid\":{},\"msg\":\"x\"}}", me.id).as_bytes(),
        );
        assert_eq!(client.push()["msg"], "x");
    }
}

#[test]
fn a_key_of_sixty_thousand_bytes() {
    let server = TestServer::shared();
    let me = server.account();
    let mut client = server.original(&me);
    for key in ["k".repeat(60_000), "\\u0000".repeat(10_000), "\\\\\\\"".repeat(15_000)] {
        let chat = format!("{{\"{key}\":0,\"msgid\":1005,\"toid\":{},\"msg\":\"x\"}}", me.id);
        client.send_bytes(chat.as_bytes());
        assert_eq!(client.push()["msg"], "x");
    }
}

#[test]
fn the_answer_tells_no_secret_and_nothing_of_the_inside() {
    let server = TestServer::shared();
    let me = server.account();
    let mut client = server.original(&me);
    for fields in requests(&me, 1) {
        for at in 0..fields.len() {
            client.send_bytes(altered(&fields, at, "[17]", false).as_bytes());
        }
    }
    let answers: Vec<Value> = client.fence();
    for answer in answers {
        let text = answer["errmsg"].as_str().unwrap_or_default().to_lowercase();
        for word in [".rs", "sqlite", "panic", "serde", "select ", me.password.as_str()] {
            assert!(!text.contains(word), "{answer}");
        }
    }
}
