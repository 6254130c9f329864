//! Passwords that are guessed: guessing does not lock the owner out, nor tell who exists.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Client, Launch, TestServer};

fn guess(id: i64) -> Value {
    json!({"msgid": 1000, "id": id, "password": "a guess"})
}

#[test]
fn the_right_password_works_within_seconds_of_many_wrong_ones() {
    let server = TestServer::start(Launch::new());
    let account = server.account();
    let mut guessers: Vec<Client> = (0..30).map(|_| server.connect()).collect();
    for guesser in &mut guessers {
        guesser.send_bytes(guess(account.id).to_string().repeat(20).as_bytes());
    }
    let since = Instant::now();
    loop {
        let answer = server.connect().request(account.login());
        if answer["errno"] == 0 {
            break;
        }
        assert_eq!(answer["errno"], 106, "{answer}");
        let wait = answer["retry_ms"].as_u64().expect("busy tells when to come back");
        assert!(since.elapsed() < Duration::from_secs(8), "locked out");
        thread::sleep(Duration::from_millis(wait.min(2000)));
    }
    for guesser in &mut guessers {
        let answer = guesser.next();
        assert!([1.into(), 106.into()].contains(&answer["errno"]), "{answer}");
    }
}

#[test]
fn guessing_at_one_account_does_not_slow_another() {
    let server = TestServer::start(Launch::new());
    let [victim, other] = server.accounts();
    let mut guesser = server.connect();
    guesser.send_bytes(guess(victim.id).to_string().repeat(20).as_bytes());
    guesser.next();
    let since = Instant::now();
    server.original(&other).logout();
    assert!(since.elapsed() < Duration::from_secs(1), "{:?}", since.elapsed());
}

#[test]
fn an_unknown_account_takes_as_long_as_a_known_one() {
    // Hashes that are dear enough to be measured.
    let server = TestServer::start(Launch::new().flag("--password-kib", 8192));
    let accounts = server.accounts::<15>();
    let time = |id: i64| {
        let mut client = server.connect();
        let since = Instant::now();
        assert_eq!(client.request(guess(id))["errno"], 1);
        since.elapsed()
    };
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for (n, account) in (1_000_000..).zip(&accounts) {
        known.push(time(account.id));
        unknown.push(time(n));
    }
    // The shortest of each, since what else the machine does only ever adds; a processor that is
    // shared runs at half its speed at times, while a hash left out would show as a tenth.
    let shortest = |times: &[Duration]| times.iter().min().copied().unwrap_or_default();
    let (known, unknown) = (shortest(&known), shortest(&unknown));
    let ratio = known.as_secs_f64() / unknown.as_secs_f64();
    assert!((0.4..2.5).contains(&ratio), "known: {known:?}, unknown: {unknown:?}");
}
