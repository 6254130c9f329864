//! 1003 and 1004: new accounts, and which names they may have.

use serde_json::{Value, json};

use super::{assert_errno, assert_fields};
use crate::support::{Account, Client, INJECTIONS, TestServer, unique_name};

fn register(client: &mut Client, name: &str, password: &str) -> Value {
    client.request(json!({"msgid": 1003, "name": name, "password": password}))
}

#[test]
fn a_new_account_gets_an_id_of_its_own() {
    let server = TestServer::shared();
    let mut client = server.connect();
    let name = unique_name("new");
    client.send(&json!({"msgid": 1003, "name": name, "password": "p"}));
    let first = client.next();
    assert_fields(&first, &["msgid", "errno", "id"]);
    assert_eq!((&first["msgid"], &first["errno"]), (&1004.into(), &0.into()));
    let second = register(&mut client, &unique_name("new"), "p");
    assert_fields(&second, &["msgid", "errno", "id", "mid"]);
    assert!(first["id"].as_i64() > Some(0) && second["id"].as_i64() > first["id"].as_i64());
}

#[test]
fn a_taken_name_is_refused_and_its_owner_feels_nothing() {
    let server = TestServer::shared();
    let account = server.account();
    let mut client = server.connect();
    client.send(&json!({"msgid": 1003, "name": account.name, "password": "another"}));
    let answer = client.next();
    assert_eq!((&answer["msgid"], &answer["errno"]), (&1004.into(), &1.into()), "{answer}");
    assert!(answer.get("id").is_none(), "{answer}");
    server.original(&account);
}

#[test]
fn names_that_differ_in_one_byte_are_different() {
    let server = TestServer::shared();
    let mut client = server.connect();
    let name = unique_name("Straße-e\u{301}");
    let variants = [
        name.clone(),
        name.to_uppercase(),
        name.to_lowercase(),
        format!("{name} "),
        format!(" {name}"),
        name.replace("e\u{301}", "é"),
    ];
    for variant in &variants {
        assert_eq!(register(&mut client, variant, "p")["errno"], 0, "{variant:?}");
        assert_eq!(register(&mut client, variant, "p")["errno"], 1, "{variant:?} again");
    }
}

#[test]
fn names_of_any_script_come_back_byte_for_byte() {
    let server = TestServer::shared();
    let filler = |text: &str, count: usize| -> String {
        let tail = unique_name("");
        let head = text.chars().cycle().take(count - tail.chars().count());
        head.chain(tail.chars()).collect()
    };
    let names = [
        filler("张三", 50),
        filler("😀", 50),
        filler("Ж", 50),
        filler("a b\u{a0}", 50),
        filler("ا", 20),
        filler("\u{10ffff}", 30),
        filler("\"\\/'`", 40),
    ];
    for name in names {
        let account = server.account_named(&name);
        assert_eq!(server.original(&account).greeting["name"], name);
    }
}

#[test]
fn names_that_are_not_allowed_get_errno_1() {
    let server = TestServer::shared();
    let mut client = server.connect();
    let mut names = vec![String::new(), "x".repeat(51), "😀".repeat(51), "漢".repeat(1000)];
    let controls = ['\0', '\u{1}', '\t', '\n', '\r', '\u{1b}', '\u{1f}', '\u{7f}', '\u{85}'];
    names.extend(controls.map(|control| format!("con{control}trol")));
    for name in names {
        let answer = register(&mut client, &name, "p");
        assert_eq!((&answer["msgid"], &answer["errno"]), (&1004.into(), &1.into()), "{name:?}");
        assert!(answer["errmsg"].is_string(), "{answer}");
    }
}

#[test]
fn one_character_is_name_enough() {
    let server = TestServer::shared();
    let mut client = server.connect();
    let answer = register(&mut client, "我", "p");
    assert_eq!(answer["errno"], 0, "{answer}");
}

#[test]
fn passwords_of_1_to_1024_bytes_work() {
    let server = TestServer::shared();
    let mut client = server.connect();
    let passwords = ["p".to_owned(), "x".repeat(1024), "密".repeat(341), "\0\n\"\\".repeat(100)];
    for password in passwords {
        let name = unique_name("password");
        let answer = register(&mut client, &name, &password);
        let id = answer["id"].as_i64().unwrap_or_else(|| panic!("{answer}"));
        server.original(&Account { id, name, password: password.clone() });
        let mut longer = server.connect();
        longer.send(&json!({"msgid": 1000, "id": id, "password": format!("{password}\u{0}")}));
        assert_ne!(longer.next()["errno"], 0, "a longer password opened the account");
    }
}

#[test]
fn passwords_are_compared_to_their_last_byte() {
    let server = TestServer::shared();
    let mut client = server.connect();
    let password = "x".repeat(1024);
    let name = unique_name("password");
    let id = register(&mut client, &name, &password)["id"].clone();
    for wrong in [&password[..1023], &format!("{}y", &password[..1023]), "", "x"] {
        client.send(&json!({"msgid": 1000, "id": id, "password": wrong}));
        assert_ne!(client.next()["errno"], 0, "{} bytes", wrong.len());
    }
}

#[test]
fn passwords_out_of_range_and_fields_of_wrong_types_are_bad_requests() {
    let server = TestServer::shared();
    let mut client = server.connect();
    let name = unique_name("register");
    let malformed = [
        json!({"msgid": 1003, "name": name, "password": ""}),
        json!({"msgid": 1003, "name": name, "password": "x".repeat(1025)}),
        json!({"msgid": 1003, "name": name}),
        json!({"msgid": 1003, "password": "p"}),
        json!({"msgid": 1003, "name": 5, "password": "p"}),
        json!({"msgid": 1003, "name": [name], "password": "p"}),
        json!({"msgid": 1003, "name": name, "password": true}),
        json!({"msgid": 1003, "name": name, "password": {"p": "p"}}),
    ];
    for request in malformed {
        assert_errno(&client.request(request), 100);
    }
    assert_eq!(register(&mut client, &name, "p")["errno"], 0, "the name is still free");
}

#[test]
fn registering_needs_no_login_and_changes_none() {
    let server = TestServer::shared();
    let account = server.account();
    let mut client = server.original(&account);
    let other = client.register(&unique_name("other"));
    assert_eq!(client.chat(account.id, "who am I"), "delivered");
    assert_eq!(client.push()["id"], account.id);
    server.original(&other);
}

#[test]
fn injected_sql_is_only_a_name_and_a_password() {
    let server = TestServer::shared();
    for injection in INJECTIONS {
        let mut client = server.connect();
        let tail = unique_name("");
        let name: String = injection.chars().take(50 - tail.len()).chain(tail.chars()).collect();
        let id = register(&mut client, &name, injection)["id"].as_i64().expect("registered");
        let password = (*injection).to_owned();
        let account = Account { id, name: name.clone(), password };
        assert_eq!(server.original(&account).greeting["name"], name);
        client.send(&json!({"msgid": 1000, "id": id, "password": "' OR '1'='1"}));
        // 2 when the session above is not yet over: only the right password is told that.
        let opened = client.next()["errno"] != 1;
        assert_eq!(opened, *injection == "' OR '1'='1", "{injection}");
    }
}
