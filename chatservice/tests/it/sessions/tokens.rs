//! Resume tokens: what they open, and what ends them.

use serde_json::json;

use super::resume;
use crate::support::{Launch, TestServer};

#[test]
fn a_token_logs_in_without_a_password() {
    let server = TestServer::shared();
    let account = server.account();
    let mut client = server.acking(&account);
    let token = client.token();
    assert!(token.len() >= 32, "{token:?} can be guessed");
    drop(client);
    client = server.logged_in(&resume(&token));
    assert_eq!(client.greeting["id"], account.id);
    assert_eq!(client.greeting["name"], account.name);
    assert_eq!(client.chat_with_oneself(), "it works");
}

#[test]
fn each_login_gives_a_token_that_works() {
    let server = TestServer::shared();
    let account = server.account();
    let mut client = server.acking(&account);
    for _ in 0..10 {
        let token = client.token();
        drop(client);
        client = server.logged_in(&resume(&token));
    }
    assert_eq!(client.id(), account.id);
}

#[test]
fn tokens_that_nobody_gave_are_refused() {
    let server = TestServer::shared();
    let account = server.account();
    let client = server.acking(&account);
    let token = client.token();
    let mut other_digit = token.clone();
    let last = other_digit.pop().expect("a token is not empty");
    other_digit.push(if last == '0' { '1' } else { '0' });
    let wrong = [
        String::new(),
        "x".to_owned(),
        other_digit,
        token[1..].to_owned(),
        token[..token.len() - 1].to_owned(),
        format!("{token}0"),
        format!(" {token}"),
        token.to_uppercase() + " ",
        account.id.to_string(),
        format!("{}-{}", account.id, "0".repeat(32)),
        format!("{}-", account.id),
        "-1-00000000000000000000000000000000".to_owned(),
        "' OR 1=1 --".to_owned(),
        "😀".repeat(50),
        "9".repeat(1000),
    ];
    let mut stranger = server.connect();
    for text in wrong {
        stranger.send(&resume(&text));
        let answer = stranger.next();
        let refused = (&answer["msgid"], &answer["errno"]) == (&1001.into(), &1.into());
        let malformed = (&answer["msgid"], &answer["errno"]) == (&1010.into(), &100.into());
        assert!(refused || malformed && text.is_empty(), "{text:?}: {answer}");
    }
    let mut client = client;
    assert!(client.fence().is_empty(), "a guess disturbed the session");
}

#[test]
fn the_token_of_one_account_does_not_open_another() {
    let server = TestServer::shared();
    let [me, other] = server.accounts();
    let token = server.acking(&me).token();
    let login = json!({"msgid": 1000, "id": other.id, "token": token, "ack": true});
    let mut client = server.connect();
    client.send(&login);
    let answer = client.next();
    assert!(answer["errno"] != 0 || answer["id"] == me.id, "{answer}");
}

#[test]
fn a_logout_ends_the_token() {
    let server = TestServer::shared();
    let account = server.account();
    let mut client = server.acking(&account);
    let token = client.token();
    client.logout();
    client.send(&resume(&token));
    let answer = client.expect(1001);
    assert_eq!(answer["errno"], 1, "{answer}");
    drop(client);
    let fresh = server.acking(&account).token();
    assert_ne!(fresh, token);
    assert_eq!(server.logged_in(&resume(&fresh)).id(), account.id);
}

#[test]
fn a_token_outlives_a_clean_restart_and_a_kill() {
    let mut server = TestServer::start(Launch::new());
    let account = server.account();
    let mut token = server.acking(&account).token();
    assert!(server.terminate().success());
    server.restart();
    token = server.logged_in(&resume(&token)).token();
    server.kill9();
    server.restart();
    let mut client = server.logged_in(&resume(&token));
    client.logout();
    server.kill9();
    server.restart();
    let mut client = server.connect();
    client.send(&resume(&token));
    assert_eq!(client.expect(1001)["errno"], 1, "a logout outlives a kill, too");
}

#[test]
fn a_resumed_session_goes_on_where_the_old_one_was() {
    let server = TestServer::shared();
    let [me, other] = server.accounts();
    let mut sender = server.original(&me);
    let mut client = server.acking(&other);
    for n in 0..10 {
        sender.say(other.id, &n.to_string());
    }
    client.pushes(10);
    client.acknowledge(4);
    client.fence();
    let token = client.token();
    client.reset();
    let mut client = server.logged_in(&resume(&token));
    for n in 4..10 {
        let push = client.push();
        assert_eq!((&push["msg"], &push["seq"]), (&n.to_string().into(), &(n - 3).into()));
    }
}
