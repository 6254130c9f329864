//! A client that people could rely on: it numbers and keeps what it sends until that is answered,
//! acknowledges what it gets, comes back after every break, and does all that the contract asks.

mod session;

use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use fastrand::Rng;
use serde_json::{Value, json};

use super::login::{Login, log_in};
use super::outbox::Outbox;
use super::texts::text;
use super::{Account, Entry, Phase, Seat};
use crate::history::{Target, What};
use session::Session;

/// How long after a refusal or a failed login it tries again, at least; at most twice as long.
/// Shorter than the second for which the server keeps a refused message's place.
const RETRY: Duration = Duration::from_millis(200);
/// How long a stay without an end is.
const FOR_EVER: Duration = Duration::from_secs(24 * 60 * 60);

/// How a client behaves.
#[derive(Clone, Debug)]
pub struct Habits {
    /// Mean time between two messages.
    pub between_messages: Duration,
    /// Messages without an answer at a time.
    pub unanswered_max: usize,
    /// Those to one target.
    pub unanswered_per_target: usize,
    /// Mean time after which it leaves and comes back another way; None: it stays.
    pub stay: Option<Duration>,
    /// How long it then is away, at most.
    pub away: Duration,
    /// A group that it joins so long after the beginning.
    pub joins: Option<(Duration, i64)>,
}

/// An acknowledging client.
pub struct Messenger {
    seat: Seat,
    account: Account,
    entries: Vec<Entry>,
    targets: Vec<Target>,
    habits: Habits,
    random: Rng,
    outbox: Outbox,
    token: Option<String>,
    /// Messages so far.
    count: u64,
    /// When to join the group that it is to join.
    joins: Option<(Instant, i64)>,
}

impl Messenger {
    /// A client of `account` that comes in by any of `entries` and writes to any of `targets`.
    pub fn new(
        seat: Seat,
        account: Account,
        entries: Vec<Entry>,
        targets: Vec<Target>,
        habits: Habits,
        seed: u64,
    ) -> Self {
        let joins = habits.joins.map(|(after, group)| (Instant::now() + after, group));
        Self {
            seat,
            account,
            entries,
            targets,
            habits,
            random: Rng::with_seed(seed),
            outbox: Outbox::default(),
            token: None,
            count: 0,
            joins,
        }
    }

    /// Runs until the suite is at its end.
    pub fn run(mut self) {
        while let Some(mut session) = self.enter() {
            let ending = self.stay(&mut session);
            drop(session);
            self.outbox.disconnected();
            self.seat.record(ending.what);
            self.pause(ending.pause);
        }
    }

    /// Tries all ways in until one lets it in; None at the end.
    fn enter(&mut self) -> Option<Session> {
        let mut force = false;
        while self.seat.phase() != Phase::End {
            let entry = self.entries[self.random.usize(..self.entries.len())].clone();
            let login = match &self.token {
                Some(token) => json!({"msgid": 1000, "token": token, "ack": true}),
                None => {
                    let Account { id, password } = &self.account;
                    json!({"msgid": 1000, "id": id, "password": password, "ack": true, "force": force})
                }
            };
            match log_in(&entry, &login) {
                Login::In(connection, answer) => {
                    // A store that takes no writes at the moment gives none.
                    if let Some(token) = answer["token"].as_str() {
                        self.token = Some(token.to_owned());
                    }
                    self.seat.record(What::Opened { entry: entry.name });
                    let stay = self.length_of_stay();
                    return Some(Session::new(connection, Instant::now() + stay));
                }
                Login::Wrong | Login::Online => {
                    self.token = None;
                    force = true;
                    self.retry_later(None);
                }
                Login::NotNow { retry } => self.retry_later(retry),
                Login::Refused(answer) => {
                    self.seat.record(What::Refused { answer: answer.to_string() });
                    self.retry_later(None);
                }
            }
        }
        None
    }

    /// Waits before it tries again, with some chance in it.
    fn retry_later(&mut self, told: Option<Duration>) {
        let pause = self.some(RETRY);
        thread::sleep(told.unwrap_or(pause));
    }

    /// As long as told at most; not at all once it is to stay.
    fn pause(&mut self, at_most: Duration) {
        if self.seat.phase() == Phase::Load && !at_most.is_zero() {
            thread::sleep(at_most.mul_f64(self.random.f64()));
        }
    }

    /// Between `least` and twice as long.
    fn some(&mut self, least: Duration) -> Duration {
        least.mul_f64(1.0 + self.random.f64())
    }

    fn length_of_stay(&mut self) -> Duration {
        let mean = self.habits.stay.unwrap_or(FOR_EVER);
        // Half to one and a half times the mean.
        mean.mul_f64(0.5 + self.random.f64())
    }

    /// Puts new messages into the outbox, if it has room.
    fn write_messages(&mut self) {
        // Now and then several at once, which is how lanes get long.
        let burst = if self.random.u8(..10) == 0 { 5 } else { 1 };
        let target = self.targets[self.random.usize(..self.targets.len())];
        for _ in 0..burst {
            let full = self.outbox.len() >= self.habits.unanswered_max
                || self.outbox.len_for(target) >= self.habits.unanswered_per_target;
            if full {
                return;
            }
            self.count += 1;
            let mid = format!("c{}-{}", self.seat.number, self.count);
            let text = text(&mid, &mut self.random);
            self.outbox.push(mid, target, text);
        }
    }

    fn tell_unanswered(&self) {
        let joining = usize::from(self.joins.is_some());
        self.seat.tally.unanswered.store(self.outbox.len() + joining, Ordering::Relaxed);
    }
}

/// The request that carries a message.
fn chat(target: Target, text: &str) -> Value {
    match target {
        Target::User(id) => json!({"msgid": 1005, "toid": id, "msg": text}),
        Target::Group(id) => json!({"msgid": 1009, "groupid": id, "msg": text}),
    }
}

pub(super) fn request(target: Target, text: &str, mid: Option<&str>) -> Value {
    let mut object = chat(target, text);
    if let Some(mid) = mid {
        object["mid"] = mid.into();
    }
    object
}
