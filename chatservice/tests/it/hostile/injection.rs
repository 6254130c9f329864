//! Texts that a careless server carries out.

use serde_json::{Value, json};

use super::Bystander;
use crate::support::{Account, INJECTIONS, Launch, TestServer};

#[test]
fn injected_strings_do_nothing_anywhere() {
    // A server of its own: what it holds at the end is known to the last row.
    let server = TestServer::start(Launch::new());
    let mut bystander = Bystander::on(&server);
    let victim = server.account_named("victim");
    let mut accounts: Vec<Account> = Vec::new();
    for (n, injection) in INJECTIONS.iter().enumerate() {
        let mut client = server.connect();
        let account = client.register(&injection.chars().take(50).collect::<String>());
        client.fence_by_login(&account.login());
        let name: String = format!("{n}{injection}").chars().take(50).collect();
        let create = json!({"msgid": 1007, "groupname": name, "groupdesc": injection});
        let group = client.request(create)["groupid"].clone();
        assert!(group.is_i64(), "{injection}");
        let chat = json!({"msgid": 1005, "toid": victim.id, "msg": injection, "time": "t",
            "mid": injection.chars().take(64).collect::<String>()});
        client.send(&chat);
        assert_eq!(client.answer(chat["mid"].as_str().unwrap())["state"], "stored");
        assert_eq!(client.request(json!({"msgid": 1006, "friendid": victim.id}))["errno"], 0);
        accounts.push(account);
    }
    let pushes = server.acking(&victim).pushes(INJECTIONS.len());
    for ((push, injection), account) in pushes.iter().zip(INJECTIONS).zip(&accounts) {
        assert_eq!((&push["msg"], &push["mid"]), (&json!(injection), &json!(injection)));
        assert_eq!((&push["id"], &push["name"]), (&json!(account.id), &json!(account.name)));
    }
    for (n, (account, injection)) in accounts.iter().zip(INJECTIONS).enumerate() {
        let greeting = server.original(account).greeting;
        assert_eq!(greeting["friends"].as_array().map(Vec::len), Some(1));
        let group: Value = serde_json::from_str(greeting["groups"][0].as_str().unwrap()).unwrap();
        let name: String = format!("{n}{injection}").chars().take(50).collect();
        assert_eq!((&group["groupname"], &group["groupdesc"]), (&json!(name), &json!(injection)));
        assert_eq!(group["users"].as_array().map(Vec::len), Some(1));
    }
    bystander.feels_nothing();
}

#[test]
fn control_characters_do_not_reach_the_log_raw() {
    let server = TestServer::start(Launch::new());
    let mut client = server.connect();
    let forged = "\u{1b}[2J\nINFO forged line\r\n";
    client.request(json!({"msgid": 1003, "name": forged, "password": forged}));
    client.request(json!({"msgid": 1000, "id": 1, "password": forged}));
    client.send(&json!({"msgid": forged, forged: forged}));
    client.fence_by_register();
    let log = server.log();
    assert!(!log.contains('\u{1b}') && !log.contains("\nINFO forged"), "{log}");
}

#[test]
fn passwords_and_texts_are_neither_logged_nor_stored_in_plain() {
    let mut server = TestServer::start(Launch::new().environment("CHAT_LOG", "trace"));
    let account = server.account_named("careful");
    let token = server.acking(&account).token();
    assert!(server.terminate().success());
    let secret = account.password.as_bytes();
    for folder in [server.folder().to_owned(), server.data()] {
        for entry in std::fs::read_dir(folder).expect("the folder is there") {
            let path = entry.expect("an entry").path();
            let Ok(bytes) = std::fs::read(&path) else { continue };
            for text in [secret, token.as_bytes()] {
                let found = bytes.windows(text.len()).any(|window| window == text);
                assert!(!found, "{} holds a secret", path.display());
            }
        }
    }
}
