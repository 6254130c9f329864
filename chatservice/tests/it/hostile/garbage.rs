//! Bytes that are no requests.

use serde_json::json;

use super::{Bystander, assert_lives};
use crate::support::{Client, DEADLINE, Incoming, TestServer, fresh_mid, seed};

/// Sends what the server may cut off at any byte, then waits until it has, or has answered.
fn throw(mut client: Client, bytes: &[u8]) {
    // The server may close at the first wrong byte, before all of them were taken.
    let _ = client.try_send_bytes(bytes);
    client.end_of_sending();
    client.expect_closed();
}

#[test]
fn random_bytes() {
    let server = TestServer::shared();
    let mut bystander = Bystander::on(server);
    let mut random = fastrand::Rng::with_seed(seed("random_bytes"));
    for _ in 0..200 {
        let length = random.usize(1..20_000);
        let mut bytes: Vec<u8> = (0..length).map(|_| random.u8(..)).collect();
        if random.bool() {
            bytes.insert(0, b'{');
        }
        throw(server.connect(), &bytes);
    }
    bystander.feels_nothing();
}

#[test]
fn random_json_punctuation() {
    let server = TestServer::shared();
    let mut bystander = Bystander::on(server);
    let mut random = fastrand::Rng::with_seed(seed("random_json_punctuation"));
    let alphabet = b"{}[]\"\\:,u0019eE+-. \n\0tfnmsgid\xc3\xa9\xff";
    for _ in 0..300 {
        let length = random.usize(1..3_000);
        let byte = |_| alphabet[random.usize(..alphabet.len())];
        let bytes: Vec<u8> = (0..length).map(byte).collect();
        throw(server.connect(), &bytes);
    }
    bystander.feels_nothing();
}

#[test]
fn requests_with_flipped_bytes() {
    let server = TestServer::shared();
    let mut bystander = Bystander::on(server);
    let [me, other] = server.accounts();
    let mut random = fastrand::Rng::with_seed(seed("requests_with_flipped_bytes"));
    let requests = [
        me.login().to_string(),
        json!({"msgid": 1003, "name": "flipped", "password": "p"}).to_string(),
        json!({"msgid": 1005, "toid": other.id, "msg": "x", "mid": "m"}).to_string(),
        json!({"msgid": 1011, "seq": 1}).to_string(),
        json!({"msgid": 1007, "groupname": "flipped", "groupdesc": "\\\""}).to_string(),
    ];
    for round in 0..300 {
        let mut bytes = requests[round % requests.len()].clone().into_bytes();
        for _ in 0..random.usize(1..4) {
            let at = random.usize(..bytes.len());
            match random.u8(..3) {
                0 => bytes[at] ^= 1 << random.u8(..8),
                1 => drop(bytes.remove(at)),
                _ => bytes.insert(at, random.u8(..)),
            }
        }
        throw(server.connect(), &bytes);
    }
    bystander.feels_nothing();
}

#[test]
fn nesting_without_end() {
    let server = TestServer::shared();
    let mut bystander = Bystander::on(server);
    for opening in ["[", "{\"a\":", "{\"a\":[", "[{\"a\":"] {
        throw(server.connect(), opening.repeat(100_000).as_bytes());
        let account = server.account();
        throw(server.original(&account), opening.repeat(100_000).as_bytes());
        let request = format!("{{\"msgid\":1012,\"a\":{}", opening.repeat(100_000));
        throw(server.original(&account), request.as_bytes());
    }
    bystander.feels_nothing();
}

#[test]
fn strings_without_end() {
    let server = TestServer::shared();
    let mut bystander = Bystander::on(server);
    let account = server.account();
    for piece in ["x", "\\\\", "\\\"", "\\u0000", "😀"] {
        let request = format!("{{\"msgid\":1005,\"msg\":\"{}", piece.repeat(200_000));
        throw(server.connect(), request.as_bytes());
        throw(server.original(&account), request.as_bytes());
    }
    bystander.feels_nothing();
}

#[test]
fn ten_thousand_tiny_objects_at_once() {
    let server = TestServer::shared();
    let mut bystander = Bystander::on(server);
    let account = server.account();
    let mut client = server.original(&account);
    client.send_bytes("{}".repeat(10_000).as_bytes());
    for _ in 0..10_000 {
        assert_eq!(client.next()["errno"], 100);
        // One answer to each, and no more.
    }
    assert!(client.fence().is_empty());
    assert_lives(&mut client);
    bystander.feels_nothing();
}

#[test]
fn ten_thousand_tiny_objects_before_a_login() {
    let server = TestServer::shared();
    let mut bystander = Bystander::on(server);
    let mut client = server.connect();
    client.send_bytes("{}".repeat(10_000).as_bytes());
    for _ in 0..10_000 {
        assert_eq!(client.next()["errno"], 100);
    }
    bystander.feels_nothing();
}

#[test]
fn one_byte_at_a_time_through_a_large_object() {
    let server = TestServer::shared();
    let mut bystander = Bystander::on(server);
    let account = server.account();
    let mut client = server.original(&account);
    let chat = json!({"msgid": 1005, "toid": account.id, "msg": "x".repeat(20_000)});
    for byte in chat.to_string().bytes() {
        client.send_bytes(&[byte]);
    }
    assert_eq!(client.push()["msg"], chat["msg"]);
    bystander.feels_nothing();
}

#[test]
fn half_close_still_gets_the_answers() {
    let server = TestServer::shared();
    let [me, other] = server.accounts();
    let mut recipient = server.original(&other);
    for _ in 0..20 {
        let mut client = server.connect();
        let mids = [fresh_mid(), fresh_mid()];
        let chat = json!({"msgid": 1005, "toid": other.id, "msg": "last words", "mid": mids[0]});
        let add = json!({"msgid": 1006, "friendid": other.id, "mid": mids[1]});
        client.send(&me.login());
        client.expect(1001);
        client.send_bytes(format!("{add}{chat}{{\"msgid\":1012}}").as_bytes());
        client.shutdown_write();
        assert_eq!(recipient.push()["msg"], "last words");
        let told = client.expect_closed();
        assert!(told.iter().any(|object| object["msgid"] == 1013), "{told:?}");
        for mid in &mids {
            let answered = told.iter().any(|object| object["mid"] == mid.as_str());
            assert!(answered, "no answer {mid}: {told:?}");
        }
    }
}

#[test]
fn half_close_waits_for_answers_that_take_their_time() {
    let server = TestServer::with(&[("--patience-ms", 200)]);
    let [me, silent] = server.accounts();
    let mut recipient = server.acking(&silent);
    let mut client = server.original(&me);
    let mids = [client.say(silent.id, "one"), client.say(silent.id, "two")];
    client.shutdown_write();
    recipient.pushes(2);
    for mid in &mids {
        assert_eq!(client.settled(mid), "stored");
    }
    assert!(client.expect_closed().is_empty());
}

#[test]
fn half_close_right_behind_a_login_gets_its_answer() {
    let server = TestServer::shared();
    // Another account each time: who guesses at one is slowed down.
    for account in server.accounts::<20>() {
        let mut client = server.connect();
        client.send(&json!({"msgid": 1000, "id": account.id, "password": "wrong"}));
        client.shutdown_write();
        match client.receive(DEADLINE) {
            Incoming::Object(answer) => assert_eq!(answer["errno"], 1),
            other => client.fail(&format!("{other:?}")),
        }
        assert!(client.expect_closed().is_empty());
    }
}
