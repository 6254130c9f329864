//! Taking an account over from an older connection: by token, by force, and in races.

use std::sync::Barrier;
use std::thread;

use serde_json::{Value, json};

use super::resume;
use crate::support::{Account, Client, TestServer};

/// Fails unless `client` is told 109 and closed.
fn assert_taken_over(mut client: Client) {
    let told = client.expect_closed();
    let goodbye = told.last().unwrap_or_else(|| client.fail("closed without a goodbye"));
    assert_eq!((&goodbye["msgid"], &goodbye["errno"]), (&1014.into(), &109.into()), "{told:?}");
    assert!(goodbye["errmsg"].is_string(), "{goodbye}");
}

fn force(account: &Account) -> Value {
    json!({"msgid": 1000, "id": account.id, "password": account.password, "force": true})
}

#[test]
fn a_token_takes_the_account_over() {
    let server = TestServer::shared();
    let account = server.account();
    let mut client = server.acking(&account);
    for _ in 0..5 {
        let mut newer = server.connect();
        newer.greeting = newer.request(resume(&client.token()));
        assert_eq!(newer.greeting["errno"], 0, "{}", newer.greeting);
        assert_taken_over(client);
        assert_eq!(newer.chat_with_oneself(), "it works");
        client = newer;
    }
}

#[test]
fn force_takes_the_account_over_from_either_kind_of_client() {
    let server = TestServer::shared();
    let account = server.account();
    for ack in [false, true] {
        let older = if ack { server.acking(&account) } else { server.original(&account) };
        let mut newer = server.connect();
        assert_eq!(newer.request(force(&account))["errno"], 0);
        assert_taken_over(older);
        assert!(newer.fence().is_empty());
        newer.logout();
    }
}

#[test]
fn force_without_the_right_password_takes_nothing() {
    let server = TestServer::shared();
    let account = server.account();
    let mut older = server.original(&account);
    let mut login = force(&account);
    login["password"] = json!("wrong");
    assert_eq!(server.connect().request(login)["errno"], 1);
    let mut login = force(&account);
    login["force"] = json!(false);
    assert_eq!(server.connect().request(login)["errno"], 2);
    assert!(older.fence().is_empty());
}

#[test]
fn force_works_when_nobody_is_online() {
    let server = TestServer::shared();
    let account = server.account();
    assert_eq!(server.connect().request(force(&account))["errno"], 0);
}

#[test]
fn what_the_old_connection_did_not_acknowledge_comes_to_the_new_one() {
    let server = TestServer::shared();
    let [me, other] = server.accounts();
    let mut sender = server.original(&me);
    let mut client = server.acking(&other);
    for round in 0..20 {
        let texts = [0, 1, 2].map(|n| format!("round {round} message {n}"));
        let mids = [0, 1].map(|n| sender.say(other.id, &texts[n]));
        let pushes = client.pushes(2);
        client.acknowledge(pushes[0]["seq"].as_u64().unwrap());
        assert_eq!(sender.settled(&mids[0]), "delivered");
        let mut newer = server.connect();
        newer.send(&resume(&client.token()));
        let last = sender.say(other.id, &texts[2]);
        newer.greeting = newer.expect(1001);
        for text in &texts[1..] {
            assert_eq!(newer.acknowledged_pushes(1)[0]["msg"], text.as_str());
        }
        sender.settled(&mids[1]);
        sender.settled(&last);
        client = newer;
    }
    assert!(client.fence().is_empty());
}

/// Two connections send `login` at the same instant; what each is told first.
fn race(server: &TestServer, login: &Value) -> [(Client, Value); 2] {
    let barrier = Barrier::new(2);
    let barrier = &barrier;
    thread::scope(|scope| {
        let racers = [(), ()].map(|()| {
            scope.spawn(move || {
                let mut client = server.connect();
                barrier.wait();
                client.send(login);
                let told = client.next();
                (client, told)
            })
        });
        racers.map(|racer| racer.join().expect("the racer's thread ends well"))
    })
}

#[test]
fn of_two_logins_at_once_exactly_one_wins() {
    let server = TestServer::shared();
    for round in 0..60 {
        let account = server.account();
        let results = race(server, &account.login());
        let mut errnos = results.each_ref().map(|(_, answer)| answer["errno"].as_i64());
        errnos.sort_unstable();
        assert_eq!(errnos, [Some(0), Some(2)], "round {round}");
        for (mut client, answer) in results {
            if answer["errno"] == 0 {
                assert_eq!(client.chat(account.id, "mine"), "delivered");
                assert_eq!(client.push()["msg"], "mine");
            }
        }
    }
}

#[test]
fn of_two_take_overs_at_once_exactly_one_stays() {
    let server = TestServer::shared();
    for _ in 0..40 {
        let account = server.account();
        let older = server.original(&account);
        let results = race(server, &force(&account));
        assert_taken_over(older);
        let mut sender = server.original(&server.account());
        assert_eq!(sender.chat(account.id, "who is it"), "delivered");
        let mut stayed = 0;
        for (mut client, mut told) in results {
            // The one that lost may lose before it is told that it had won.
            if told["msgid"] == 1001 {
                assert_eq!(told["errno"], 0, "{told}");
                told = client.next();
            }
            match told["msgid"].as_i64() {
                Some(1005) => stayed += 1,
                Some(1014) => assert_eq!(told["errno"], 109),
                _ => panic!("{told}"),
            }
        }
        assert_eq!(stayed, 1);
    }
}
