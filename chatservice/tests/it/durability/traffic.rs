//! Clients that keep what was not answered and send it again, as the contract asks of them.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Account, Client, DEADLINE, Inbox, Incoming, TestServer, fresh_mid};

/// How many chats a sender leaves unanswered at a time.
const UNANSWERED_MAX: usize = 40;
/// How long a client tries to get in before it counts as locked out.
const LOCKED_OUT: Duration = Duration::from_secs(15);

/// Where the server is whenever it lives, and whether there is more to send.
pub(super) struct Traffic {
    address: SocketAddr,
    log: PathBuf,
    stop: AtomicBool,
}

/// How many messages a recipient is to get in all; known when the senders are done.
pub(super) struct Expected(AtomicUsize);

impl Expected {
    pub(super) fn unknown() -> Self {
        Self(AtomicUsize::new(usize::MAX))
    }

    pub(super) fn set(&self, count: usize) {
        self.0.store(count, Ordering::Release);
    }

    fn get(&self) -> usize {
        self.0.load(Ordering::Acquire)
    }
}

/// Where a sender sends to.
#[derive(Clone, Copy)]
pub(super) enum Target {
    User(i64),
    Group(i64),
}

impl Traffic {
    pub(super) fn to(server: &TestServer) -> Self {
        Self { address: server.address(), log: server.log_path(), stop: AtomicBool::new(false) }
    }

    /// Senders finish what they have begun.
    pub(super) fn stop(&self) {
        self.stop.store(true, Ordering::Release);
    }

    /// Tries until the server is there and lets `account` in.
    pub(super) fn log_in(&self, account: &Account) -> Client {
        let deadline = Instant::now() + LOCKED_OUT;
        loop {
            if let Ok(client) = Client::try_connect(self.address, &self.log) {
                let mut client = client.may_be_cut();
                let login = account.login_ack().to_string();
                let sent = client.try_send_bytes(login.as_bytes());
                let answer = client.receive(DEADLINE);
                if let (Ok(()), Incoming::Object(answer)) = (sent, answer) {
                    if answer["errno"] == 0 {
                        client.greeting = answer;
                        return client;
                    }
                    // Still being closed, or going away.
                    let errno = answer["errno"].as_i64();
                    assert!(matches!(errno, Some(2 | 106 | 107 | 111)), "{answer}");
                }
            }
            assert!(Instant::now() < deadline, "{} is locked out", account.name);
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Sends `0`, `1`, `2` … to each target until told to stop and all was answered; how many.
    pub(super) fn send(&self, account: &Account, targets: &[Target]) -> usize {
        let mut outbox: VecDeque<(String, Value)> = VecDeque::new();
        let mut sent = 0;
        loop {
            let mut client = self.log_in(account);
            for (_, chat) in &outbox {
                // A failure shows in what is received next.
                let _ = client.try_send_bytes(chat.to_string().as_bytes());
            }
            loop {
                while outbox.len() < UNANSWERED_MAX && !self.stop.load(Ordering::Acquire) {
                    for target in targets {
                        let (mid, chat) = chat(*target, sent);
                        let _ = client.try_send_bytes(chat.to_string().as_bytes());
                        outbox.push_back((mid, chat));
                    }
                    sent += 1;
                }
                if outbox.is_empty() {
                    return sent;
                }
                match client.receive(DEADLINE) {
                    Incoming::Object(answer) if answer["msgid"] == 1010 => {
                        assert_eq!(answer["errno"], 0, "{answer}");
                        outbox.retain(|(mid, _)| answer["mid"] != mid.as_str());
                    }
                    Incoming::Object(_) => {}
                    Incoming::Closed => break,
                    Incoming::Nothing => client.fail(&format!("no answer to {outbox:?}")),
                }
            }
        }
    }

    /// Takes what comes, acknowledges most of it, and comes back whenever it was cut off.
    pub(super) fn receive(&self, account: &Account, seed: u64, expected: &Expected) -> Inbox {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut inbox = Inbox::default();
        let mut last_news = Instant::now();
        while inbox.len() < expected.get() {
            let mut client = self.log_in(account);
            // Now and then it leaves by itself.
            let mut left = random.usize(1..500);
            while left > 0 && inbox.len() < expected.get() {
                match client.receive(Duration::from_millis(100)) {
                    Incoming::Object(push) if push["seq"].is_u64() => {
                        left -= 1;
                        inbox.take(&push);
                        last_news = Instant::now();
                        if random.u8(..5) > 0 {
                            let seq = push["seq"].as_u64().expect("it is one");
                            let acknowledge = json!({"msgid": 1011, "seq": seq}).to_string();
                            let _ = client.try_send_bytes(acknowledge.as_bytes());
                        }
                    }
                    Incoming::Object(_) => {}
                    Incoming::Closed => break,
                    Incoming::Nothing if last_news.elapsed() > LOCKED_OUT => {
                        let expected = expected.get();
                        client.fail(&format!("{} of {expected} came", inbox.len()));
                    }
                    Incoming::Nothing => {}
                }
            }
        }
        inbox
    }
}

fn chat(target: Target, number: usize) -> (String, Value) {
    let mid = fresh_mid();
    let chat = match target {
        Target::User(id) => {
            json!({"msgid": 1005, "toid": id, "msg": format!("user {number}"), "mid": mid})
        }
        Target::Group(id) => {
            json!({"msgid": 1009, "groupid": id, "msg": format!("group {number}"), "mid": mid})
        }
    };
    (mid, chat)
}

/// Fails unless `inbox` holds `count` messages of `sender` to each kind of target, in order.
pub(super) fn assert_complete(inbox: &Inbox, sender: &Account, kinds: &[&str], count: usize) {
    let texts = inbox.texts_from(sender.id);
    for kind in kinds {
        let of_kind: Vec<&str> =
            texts.iter().copied().filter(|text| text.starts_with(kind)).collect();
        let expected: Vec<String> = (0..count).map(|n| format!("{kind} {n}")).collect();
        let wrong = of_kind.iter().zip(&expected).position(|(came, sent)| came != sent);
        assert_eq!(wrong, None, "{kind} of {}: {of_kind:?}", sender.name);
        assert_eq!(of_kind.len(), count, "{kind} of {}", sender.name);
    }
    assert_eq!(texts.len(), count * kinds.len());
}
