//! Clients that do not read: they cost a bounded amount of memory and nobody else's time.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::{Account, Client, Inbox, Incoming, Launch, TestServer};

const TEXT_BYTES: usize = 16 * 1024;
const COUNT: usize = 1500;
/// What the server may grow by while 24 MB are thrown at somebody who does not read.
const GROWTH_KIB: u64 = 80 * 1024;

fn small_queues() -> Launch {
    Launch::new()
        .flag("--output-max", 2 << 20)
        .flag("--write-stall-ms", 700)
        .flag("--patience-ms", 300)
}

fn text(n: usize) -> String {
    format!("{n:06} {}", "x".repeat(TEXT_BYTES))
}

/// Sends all texts and waits for all answers; which of them were taken, and how.
fn flood(server: &TestServer, from: &Account, to: i64) -> Vec<(usize, String)> {
    let mut client = server.original(from);
    let mut taken = Vec::new();
    // So many unanswered at a time: a client that keeps what was not answered yet.
    let mut unanswered = std::collections::VecDeque::new();
    for n in 0..COUNT {
        unanswered.push_back((n, client.say(to, &text(n))));
        if unanswered.len() == 64 || n + 1 == COUNT {
            for (n, mid) in unanswered.drain(..) {
                taken.push((n, client.settled(&mid)));
            }
        }
    }
    taken
}

/// Pings until `done`; the longest time that an answer took.
fn slowest_ping(client: &mut Client, mut done: impl FnMut() -> bool) -> Duration {
    let mut slowest = Duration::ZERO;
    while !done() {
        let since = Instant::now();
        client.fence();
        slowest = slowest.max(since.elapsed());
        thread::sleep(Duration::from_millis(1));
    }
    slowest
}

/// Floods `to`, who never reads, while a bystander pings; fails when the server grows or the
/// bystander has to wait.
fn flood_beside_a_bystander(server: &TestServer, from: &Account, to: i64) -> Vec<(usize, String)> {
    let mut bystander = server.original(&server.account());
    let before = server.memory_kib();
    let (taken, slowest, most) = thread::scope(|scope| {
        let flood = scope.spawn(|| flood(server, from, to));
        let mut most = 0;
        let slowest = slowest_ping(&mut bystander, || {
            most = most.max(server.memory_kib());
            flood.is_finished()
        });
        (flood.join().expect("the flood ends well"), slowest, most)
    });
    assert!(most - before < GROWTH_KIB, "grew by {} KiB", most - before);
    assert!(slowest < Duration::from_secs(1), "a bystander waited {slowest:?}");
    taken
}

#[test]
fn an_acknowledging_client_that_does_not_read_gets_everything_when_it_comes_back() {
    let server = TestServer::start(small_queues());
    let [me, other] = server.accounts();
    let slow = server.acking(&other);
    slow.shrink_receive_buffer();
    let taken = flood_beside_a_bystander(&server, &me, other.id);
    assert_eq!(taken.len(), COUNT);
    assert!(taken.iter().all(|(_, state)| state == "stored"), "who never reads got something");
    drop(slow);
    let mut inbox = Inbox::default();
    let mut client = server.acking(&other);
    while inbox.len() < COUNT {
        inbox.take(&client.acknowledged_pushes(1)[0]);
    }
    assert_eq!(inbox.texts_from(me.id), (0..COUNT).map(text).collect::<Vec<_>>());
    assert_eq!(inbox.repeats(), 0, "nothing comes twice on one connection");
    assert!(client.fence().is_empty());
}

#[test]
fn an_original_client_that_does_not_read_is_cut_and_the_rest_is_kept() {
    let server = TestServer::start(small_queues());
    let [me, other] = server.accounts();
    let mut slow = server.original(&other).may_be_cut();
    slow.shrink_receive_buffer();
    let taken = flood_beside_a_bystander(&server, &me, other.id);
    let stored: Vec<usize> =
        taken.iter().filter(|(_, state)| state == "stored").map(|(n, _)| *n).collect();
    assert!(stored.len() > COUNT / 2, "only {} of {COUNT} were stored", stored.len());
    // It reads at last: what the kernel held, and that it was too slow.
    let told = slow.expect_closed();
    if let Some(goodbye) = told.iter().find(|object| object["msgid"] == 1014) {
        assert_eq!(goodbye["errno"], 110, "{goodbye}");
    }
    let mut client = server.acking(&other);
    let mut came = Vec::new();
    while came.last() != Some(&(COUNT - 1)) {
        let push = client.acknowledged_pushes(1).remove(0);
        came.push(push["msg"].as_str().unwrap()[..6].parse().expect("numbered"));
    }
    assert!(came.windows(2).all(|pair| pair[0] < pair[1]), "in order, each once");
    assert!(stored.iter().all(|n| came.contains(n)), "what was stored comes");
}

#[test]
fn a_client_that_asks_and_does_not_read_the_answers_is_bounded() {
    let server = TestServer::start(small_queues());
    let [me, other] = server.accounts();
    let mut bystander = server.original(&other);
    let before = server.memory_kib();
    let asking = server.original(&me);
    asking.shrink_receive_buffer();
    asking.limit_writes(Duration::from_millis(300));
    let mut asking = asking;
    let block = json!({"msgid": 1012}).to_string().repeat(1000);
    let mut sent = 0;
    while sent < 2000 && asking.try_send_bytes(block.as_bytes()).is_ok() {
        sent += 1;
    }
    let since = Instant::now();
    bystander.fence();
    assert!(since.elapsed() < Duration::from_secs(1), "a bystander waited {:?}", since.elapsed());
    let grown = server.memory_kib().saturating_sub(before);
    assert!(grown < GROWTH_KIB, "{grown} KiB for {sent} blocks of pings");
    drop(asking);
    server.original(&me).fence();
}

#[test]
fn a_slow_reader_is_not_cut_while_it_reads() {
    let server = TestServer::start(small_queues());
    let [me, other] = server.accounts();
    let mut slow = server.acking(&other);
    slow.shrink_receive_buffer();
    thread::scope(|scope| {
        let flood = scope.spawn(|| flood(&server, &me, other.id));
        for n in 0..COUNT {
            match slow.receive(Duration::from_secs(20)) {
                Incoming::Object(push) => {
                    assert_eq!(
                        push["msg"].as_str().map(|text| &text[..6]),
                        Some(&*format!("{n:06}"))
                    );
                    slow.acknowledge(push["seq"].as_u64().expect("a push has a seq"));
                }
                other => slow.fail(&format!("after {n}: {other:?}")),
            }
            if n % 50 == 0 {
                thread::sleep(Duration::from_millis(20));
            }
        }
        flood.join().expect("the flood ends well");
    });
}

#[test]
fn large_messages_that_waited_come_to_a_client_that_reads() {
    // No flags: what the server queues for one client must fit into what it allows to queue.
    let server = TestServer::start(Launch::new());
    let [me, acking, original] = server.accounts();
    let mut sender = server.original(&me);
    let large = |n: usize| format!("{n:06} {}", "x".repeat(60_000));
    for account in [&acking, &original] {
        let mids: Vec<String> = (0..300).map(|n| sender.say(account.id, &large(n))).collect();
        mids.iter().for_each(|mid| assert_eq!(sender.settled(mid), "stored"));
    }
    let mut client = server.acking(&acking);
    for n in 0..300 {
        assert!(client.acknowledged_pushes(1)[0]["msg"] == large(n), "message {n}");
    }
    let mut client = server.original(&original);
    let listed = client.greeting["offlinemsg"].as_array().map_or(0, Vec::len);
    assert!(listed <= 1, "{listed} of 60 kB each are listed");
    for n in listed..300 {
        assert!(client.push()["msg"] == large(n), "message {n}");
    }
}
