//! Accounts, friends and groups after kill -9 at random instants.

use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Account, Client, Incoming, Launch, TestServer, seed};

/// What the server has said yes to.
#[derive(Default)]
struct Facts {
    accounts: Vec<Account>,
    friends: Vec<i64>,
    groups: Vec<i64>,
}

/// One request; `None` when the server died before it answered.
fn ask(client: &mut Client, request: &Value) -> Option<Value> {
    client.try_send_bytes(request.to_string().as_bytes()).ok()?;
    match client.receive(Duration::from_secs(10)) {
        Incoming::Object(answer) => Some(answer),
        Incoming::Closed => None,
        Incoming::Nothing => client.fail(&format!("no answer to {request}")),
    }
}

/// Registers, befriends, and makes groups until the server dies.
fn make_facts(client: &mut Client, round: u32, facts: &mut Facts) {
    for n in 0.. {
        let name = format!("r{round}n{n}");
        let Some(answer) = ask(client, &json!({"msgid": 1003, "name": name, "password": "p"}))
        else {
            return;
        };
        let id = answer["id"].as_i64().expect("registered");
        facts.accounts.push(Account { id, name: name.clone(), password: "p".to_owned() });
        let befriend = json!({"msgid": 1006, "friendid": id, "mid": format!("f{name}")});
        let Some(answer) = ask(client, &befriend) else { return };
        assert_eq!(answer["errno"], 0, "{answer}");
        facts.friends.push(id);
        let create =
            json!({"msgid": 1007, "groupname": name, "groupdesc": "", "mid": format!("g{name}")});
        let Some(answer) = ask(client, &create) else { return };
        facts.groups.push(answer["groupid"].as_i64().expect("created"));
    }
}

fn ids(list: &Value) -> Vec<i64> {
    let list = list.as_array().cloned().unwrap_or_default();
    let id = |entry: &Value| {
        let entry: Value = serde_json::from_str(entry.as_str().unwrap()).unwrap();
        entry["id"].as_i64().unwrap()
    };
    list.iter().map(id).collect()
}

#[test]
fn what_was_answered_is_there_after_each_kill() {
    let mut random = fastrand::Rng::with_seed(seed("what_was_answered_is_there"));
    let mut server = TestServer::start(Launch::new());
    let me = server.account_named("me");
    let mut facts = Facts::default();
    for round in 0..6 {
        let mut client = server.original(&me).may_be_cut();
        thread::scope(|scope| {
            let facts = &mut facts;
            let maker = scope.spawn(move || make_facts(&mut client, round, facts));
            thread::sleep(Duration::from_millis(random.u64(10..250)));
            server.kill9();
            maker.join().expect("the maker ends well");
        });
        server.restart();
        let greeting = server.original(&me).greeting;
        let (friends, groups) = (ids(&greeting["friends"]), ids(&greeting["groups"]));
        assert!(facts.friends.iter().all(|id| friends.contains(id)), "a friend is gone");
        assert!(facts.groups.iter().all(|id| groups.contains(id)), "a group is gone");
        // What was not answered may be there or not, at most one of each round.
        assert!(friends.len() <= facts.friends.len() + 1 + round as usize);
        assert!(groups.len() <= facts.groups.len() + 1 + round as usize);
        let mut known = facts.accounts.clone();
        random.shuffle(&mut known);
        for account in known.iter().take(10) {
            assert_eq!(server.original(account).greeting["name"], account.name);
        }
    }
    assert!(facts.groups.len() > 10, "too few facts to tell: {}", facts.groups.len());
    let distinct: std::collections::HashSet<i64> =
        facts.accounts.iter().map(|account| account.id).collect();
    assert_eq!(distinct.len(), facts.accounts.len(), "an id was given twice");
}

#[test]
fn nobody_who_was_online_is_locked_out() {
    let mut server = TestServer::start(Launch::new());
    let accounts = server.accounts::<20>();
    let online: Vec<Client> = accounts.iter().map(|account| server.acking(account)).collect();
    server.kill9();
    server.restart();
    for account in &accounts {
        let answer = server.connect().request(account.login());
        assert_eq!(answer["errno"], 0, "{answer}");
    }
    drop(online);
}
