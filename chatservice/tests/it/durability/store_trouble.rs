//! A store that cannot write for a while: what needs it is refused in time, the rest goes on.

use std::time::{Duration, Instant};

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::support::{Client, DEADLINE, Incoming, Launch, TestServer};

/// Another program that holds the database, as a careless backup does.
struct Occupied(Connection);

impl Occupied {
    fn by_another_program(server: &TestServer) -> Self {
        let database = Connection::open(server.data().join("chat.db")).expect("it opens");
        database.busy_timeout(DEADLINE).expect("a setting of ours");
        database.execute_batch("BEGIN IMMEDIATE").expect("nobody holds it for long");
        Self(database)
    }

    fn released(self) {
        self.0.execute_batch("ROLLBACK").expect("it was begun");
    }
}

/// Sends `chat` again, with the same mid, until the server takes it.
fn send_until_taken(client: &mut Client, chat: &Value) -> Value {
    let mid = chat["mid"].as_str().expect("it has one").to_owned();
    let deadline = Instant::now() + DEADLINE;
    loop {
        client.send(chat);
        let answer = client.answer(&mid);
        match answer["errno"].as_i64() {
            Some(0) => return answer,
            Some(106 | 107) => assert!(Instant::now() < deadline, "still {answer}"),
            _ => client.fail(&format!("{answer}")),
        }
    }
}

#[test]
fn what_needs_the_store_is_refused_and_may_be_sent_again() {
    let server = TestServer::start(Launch::new());
    let [me, offline] = server.accounts();
    let mut sender = server.original(&me);
    let occupied = Occupied::by_another_program(&server);
    let since = Instant::now();
    let chat = json!({"msgid": 1005, "toid": offline.id, "msg": "patience", "mid": "patience"});
    sender.send(&chat);
    let answer = sender
        .find_within(Duration::from_secs(30), "an answer", |object| object["mid"] == "patience");
    assert_eq!(answer["errno"], 107, "{answer}");
    assert!(since.elapsed() < Duration::from_secs(20), "took {:?}", since.elapsed());
    occupied.released();
    assert_eq!(send_until_taken(&mut sender, &chat)["state"], "stored");
    assert_eq!(sender.chat(offline.id, "marker"), "stored");
    let pushes = server.acking(&offline).pushes(2);
    assert_eq!((&pushes[0]["mid"], &pushes[1]["msg"]), (&"patience".into(), &"marker".into()));
}

#[test]
fn those_who_are_online_and_answer_do_not_notice() {
    let server = TestServer::start(Launch::new());
    let [me, other, third] = server.accounts();
    let mut sender = server.acking(&me);
    let mut recipient = server.acking(&other);
    let mut original = server.original(&third);
    // The store has done what the logins asked of it.
    for client in [&mut sender, &mut recipient, &mut original] {
        client.fence();
        assert_eq!(client.request(json!({"msgid": 1006, "friendid": -1}))["errno"], 103);
    }
    let occupied = Occupied::by_another_program(&server);
    for n in 0..200 {
        let since = Instant::now();
        let mids = [sender.say(other.id, &n.to_string()), sender.say(third.id, &n.to_string())];
        assert_eq!(recipient.acknowledged_pushes(1)[0]["msg"], n.to_string());
        assert_eq!(original.push()["msg"], n.to_string());
        for mid in &mids {
            assert_eq!(sender.settled(mid), "delivered");
        }
        assert!(since.elapsed() < Duration::from_secs(1), "took {:?}", since.elapsed());
    }
    occupied.released();
}

#[test]
fn it_works_again_without_a_restart() {
    let server = TestServer::start(Launch::new());
    let [me, offline] = server.accounts();
    let mut sender = server.original(&me);
    for round in 0..3 {
        let occupied = Occupied::by_another_program(&server);
        let mid = sender.say(offline.id, &format!("round {round}"));
        assert!(
            matches!(sender.receive(Duration::from_millis(300)), Incoming::Nothing),
            "answered although nothing could be stored"
        );
        occupied.released();
        assert_eq!(sender.settled(&mid), "stored");
        server.assert_alive();
    }
    assert_eq!(server.acking(&offline).pushes(3)[2]["msg"], "round 2");
}
