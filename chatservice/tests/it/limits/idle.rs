//! Clients that are there and say nothing: what each of them costs.

use serde_json::json;

use crate::support::{Client, Launch, TestServer};

/// Who makes the server have what it needs in any case: threads at work, buffers, caches.
const FIRST: usize = 500;
const CLIENTS: usize = 3000;
/// What each may cost the server in memory, that of the kernel apart.
const BYTES_MAX: u64 = 1000;
/// So many at a time, which shares commits.
const AT_ONCE: usize = 50;

/// One loop, as more would need their buffers.
fn launch() -> Launch {
    Launch::new().flag("--threads", 1)
}

/// Registers so many; their ids.
fn register(server: &TestServer, count: usize) -> Vec<i64> {
    let mut clients: Vec<Client> = (0..AT_ONCE).map(|_| server.connect()).collect();
    let mut ids = Vec::new();
    while ids.len() < count {
        for (n, client) in clients.iter_mut().enumerate() {
            let name = format!("idle-{}", ids.len() + n);
            client.send(&json!({"msgid": 1003, "name": name, "password": "p"}));
        }
        for client in &mut clients {
            let answer = client.expect(1004);
            ids.push(answer["id"].as_i64().unwrap_or_else(|| panic!("{answer}")));
        }
    }
    ids
}

fn log_in(server: &TestServer, ids: &[i64], ack: bool) -> Vec<Client> {
    let mut all = Vec::new();
    for some in ids.chunks(AT_ONCE) {
        let mut clients: Vec<Client> = some.iter().map(|_| server.connect()).collect();
        for (client, id) in clients.iter_mut().zip(some) {
            client.send(&json!({"msgid": 1000, "id": id, "password": "p", "ack": ack}));
        }
        for client in &mut clients {
            let answer = client.expect(1001);
            assert_eq!(answer["errno"], 0, "{answer}");
        }
        all.append(&mut clients);
    }
    all
}

#[test]
fn an_idle_client_that_acknowledges_costs_at_most_a_thousand_bytes() {
    let server = TestServer::start(launch());
    // First of all, so that what the store keeps of accounts is there.
    let ids = register(&server, FIRST + CLIENTS);
    let (first, others) = ids.split_at(FIRST);
    let _first = log_in(&server, first, true);
    let before = server.anonymous_kib();
    let mut clients = log_in(&server, others, true);
    let grown = server.anonymous_kib().saturating_sub(before) * 1024;
    let each = grown / CLIENTS as u64;
    println!("{each} bytes each");
    assert!(each <= BYTES_MAX, "{each} bytes each");
    for client in &mut clients {
        client.fence();
    }
}

#[test]
fn idle_clients_give_the_loop_nothing_to_do() {
    // Both times are such that a look at all clients now and then would show.
    let launch = launch().flag("--write-stall-ms", 100).flag("--ping-after-ms", 2000);
    let server = TestServer::start(launch);
    let ids = register(&server, FIRST);
    let (watcher, others) = ids.split_at(1);
    let _idle = log_in(&server, others, false);
    let mut watcher = log_in(&server, watcher, true).remove(0);
    watcher.fence();
    let before = server.sleeps("chat-loop");
    // It comes after two seconds in which nobody said anything.
    watcher.expect(1012);
    let woken = server.sleeps("chat-loop") - before;
    println!("woken {woken} times");
    assert!(woken <= 5, "woken {woken} times between the last word and the ping");
}
