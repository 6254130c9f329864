//! Many connections that only take up room.

use std::thread;
use std::time::Duration;

use serde_json::json;

use super::Bystander;
use crate::support::{Client, Launch, TestServer};

#[test]
fn five_hundred_who_say_nothing() {
    let server = TestServer::start(Launch::new());
    let mut bystander = Bystander::on(&server);
    let before = server.descriptors();
    let mute: Vec<Client> = (0..500).map(|_| server.connect()).collect();
    bystander.feels_nothing();
    server.assert_alive();
    drop(mute);
    server.wait_for_descriptors(before + 5);
    bystander.feels_nothing();
}

#[test]
fn five_hundred_who_stop_in_the_middle() {
    let server = TestServer::start(Launch::new());
    let mut bystander = Bystander::on(&server);
    let before = server.descriptors();
    let stopped: Vec<Client> = (0..500)
        .map(|n| {
            let mut client = server.connect();
            client.send_bytes(&b"{\"msgid\":1000,\"id\":1,\"password\":\"xxxxxxxx"[..1 + n % 40]);
            client
        })
        .collect();
    bystander.feels_nothing();
    server.assert_alive();
    stopped.into_iter().for_each(Client::reset);
    server.wait_for_descriptors(before + 5);
    bystander.feels_nothing();
}

#[test]
fn two_thousand_who_come_and_go() {
    let server = TestServer::start(Launch::new());
    let mut bystander = Bystander::on(&server);
    let before = server.descriptors();
    thread::scope(|scope| {
        for ways in 0..4 {
            let server = &server;
            scope.spawn(move || {
                for n in 0..500 {
                    let mut client = server.connect();
                    if n % 2 == 0 {
                        client.send(&json!({"msgid": 1000, "id": n, "password": "guess"}));
                    }
                    if ways % 2 == 0 { client.reset() } else { drop(client) }
                }
            });
        }
    });
    server.wait_for_descriptors(before + 5);
    bystander.feels_nothing();
    server.assert_alive();
}

#[test]
fn strangers_who_flood_with_requests() {
    let server = TestServer::start(Launch::new());
    let mut bystander = Bystander::on(&server);
    let account = server.account();
    let before = server.memory_kib();
    thread::scope(|scope| {
        for _ in 0..4 {
            let server = &server;
            let account = &account;
            scope.spawn(move || {
                // Wrong passwords, never read: the server may cut the connection off.
                let guess = json!({"msgid": 1000, "id": account.id, "password": "guess"});
                let block = guess.to_string().repeat(100);
                let mut client = server.connect();
                client.limit_writes(Duration::from_millis(500));
                for _ in 0..50 {
                    if client.try_send_bytes(block.as_bytes()).is_err() {
                        break;
                    }
                }
            });
        }
        for _ in 0..20 {
            bystander.feels_nothing();
        }
    });
    bystander.feels_nothing();
    let grown = server.memory_kib().saturating_sub(before);
    assert!(grown < 64 * 1024, "{grown} KiB for strangers");
    server.assert_alive();
}
