//! Names that several want at the same instant: one gets each.

use std::sync::Barrier;
use std::thread;

use serde_json::{Value, json};

use crate::support::{Client, TestServer, unique_name};

const RACERS: usize = 4;

/// All of `clients` send `request` at the same instant; the errnos that come back, sorted.
fn race(clients: Vec<Client>, request: &Value) -> (Vec<Client>, Vec<i64>) {
    let barrier = &Barrier::new(clients.len());
    let mut results: Vec<(Client, i64)> = thread::scope(|scope| {
        let racers: Vec<_> = clients
            .into_iter()
            .map(|mut client| {
                scope.spawn(move || {
                    barrier.wait();
                    let answer = client.request(request.clone());
                    (client, answer["errno"].as_i64().expect("an answer has an errno"))
                })
            })
            .collect();
        racers.into_iter().map(|racer| racer.join().expect("a racer ends well")).collect()
    });
    results.sort_by_key(|(_, errno)| *errno);
    results.into_iter().unzip()
}

#[test]
fn of_several_registrations_of_one_name_one_succeeds() {
    let server = TestServer::shared();
    let mut clients: Vec<Client> = (0..RACERS).map(|_| server.connect()).collect();
    for _ in 0..25 {
        let name = unique_name("race");
        let request = json!({"msgid": 1003, "name": name, "password": "p"});
        let (same, errnos) = race(clients, &request);
        assert_eq!(errnos, [0, 1, 1, 1]);
        clients = same;
    }
}

#[test]
fn of_several_groups_of_one_name_one_is_made() {
    let server = TestServer::shared();
    let accounts = server.accounts::<RACERS>();
    let mut clients: Vec<Client> = accounts.iter().map(|a| server.original(a)).collect();
    for _ in 0..25 {
        let name = unique_name("race");
        let request = json!({"msgid": 1007, "groupname": name, "groupdesc": ""});
        let (same, errnos) = race(clients, &request);
        assert_eq!(errnos, [0, 108, 108, 108]);
        clients = same;
    }
}

#[test]
fn everybody_who_joins_at_once_is_a_member() {
    let server = TestServer::shared();
    let accounts = server.accounts::<RACERS>();
    let mut clients: Vec<Client> = accounts.iter().map(|a| server.original(a)).collect();
    let mut founder = server.original(&server.account());
    for _ in 0..10 {
        let create = json!({"msgid": 1007, "groupname": unique_name("race"), "groupdesc": ""});
        let group = founder.request(create)["groupid"].as_i64().expect("created");
        let (same, errnos) = race(clients, &json!({"msgid": 1008, "groupid": group}));
        assert_eq!(errnos, [0; RACERS]);
        clients = same;
        founder.say_to_group(group, "welcome");
        for client in &mut clients {
            assert_eq!(client.push()["groupid"], group);
        }
    }
}
