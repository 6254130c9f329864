//! A client of the original server: it asks for nothing that the original did not have.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use fastrand::Rng;
use serde_json::{Value, json};

use super::login::{Login, log_in};
use super::messenger::request;
use super::texts::text;
use super::{Account, Connection, Entry, Phase, Seat};
use crate::history::{Mark, Push, Target, What};

const RETRY: Duration = Duration::from_millis(200);
const TICK: Duration = Duration::from_millis(20);

/// An original client.
pub struct OriginalClient {
    seat: Seat,
    account: Account,
    entries: Vec<Entry>,
    targets: Vec<Target>,
    between_messages: Duration,
    random: Rng,
    count: u64,
}

impl OriginalClient {
    /// A client of `account` that comes in by any of `entries` and writes to any of `targets`.
    pub fn new(
        seat: Seat,
        account: Account,
        entries: Vec<Entry>,
        targets: Vec<Target>,
        between_messages: Duration,
        seed: u64,
    ) -> Self {
        let random = Rng::with_seed(seed);
        Self { seat, account, entries, targets, between_messages, random, count: 0 }
    }

    /// Runs until the suite is at its end.
    pub fn run(mut self) {
        let Account { id, password } = &self.account;
        let login = json!({"msgid": 1000, "id": id, "password": password});
        while self.seat.phase() != Phase::End {
            let entry = self.entries[self.random.usize(..self.entries.len())].clone();
            if let Login::In(connection, answer) = log_in(&entry, &login) {
                self.seat.record(What::Opened { entry: entry.name });
                self.take_waiting(&answer);
                let ending = match self.stay(connection) {
                    Ok(()) => What::Left,
                    Err(error) => What::Closed { why: error.to_string() },
                };
                self.seat.record(ending);
            } else {
                thread::sleep(RETRY.mul_f64(1.0 + self.random.f64()));
            }
        }
    }

    fn take_waiting(&self, answer: &Value) {
        for text in answer["offlinemsg"].as_array().into_iter().flatten() {
            let object = text.as_str().and_then(|text| serde_json::from_str(text).ok());
            match object.as_ref().and_then(push) {
                Some(push) => self.seat.record(What::Pushed(push)),
                None => self.seat.record(What::Refused { answer: text.to_string() }),
            }
        }
    }

    fn stay(&mut self, mut connection: Connection) -> io::Result<()> {
        let mut next_message = Instant::now();
        while self.seat.phase() != Phase::End {
            let now = Instant::now();
            if self.seat.phase() == Phase::Load && now >= next_message {
                next_message = now + self.between_messages.mul_f64(0.5 + self.random.f64());
                self.send(&mut connection)?;
            }
            let Some(object) = connection.receive(now + TICK)? else { continue };
            match push(&object) {
                Some(push) => self.seat.record(What::Pushed(push)),
                // Without a mid only errors are told, which a node that is in trouble may do.
                None if object["msgid"] == 1010 && is_passing(&object["errno"]) => {}
                None if object["msgid"] == 1014 => {}
                None => self.seat.record(What::Refused { answer: object.to_string() }),
            }
        }
        Ok(())
    }

    fn send(&mut self, connection: &mut Connection) -> io::Result<()> {
        self.count += 1;
        let target = self.targets[self.random.usize(..self.targets.len())];
        let text = text(&format!("o{}-{}", self.seat.number, self.count), &mut self.random);
        let object = request(target, &text, None);
        self.seat.record(What::Sent { mid: None, target, text });
        connection.send(&object)
    }
}

fn is_passing(errno: &Value) -> bool {
    errno == 106 || errno == 107
}

/// A relayed message, taken apart; None when it is none or lacks a field.
pub(super) fn push(object: &Value) -> Option<Push> {
    let target = match object["msgid"].as_i64()? {
        1005 => Target::User(object["toid"].as_i64()?),
        1009 => Target::Group(object["groupid"].as_i64()?),
        _ => return None,
    };
    let mark = object["seq"].as_u64().map(|seq| -> Option<Mark> {
        let text = |name: &str| object[name].as_str().map(str::to_owned);
        Some(Mark { seq, sid: text("sid")?, mid: text("mid")? })
    });
    Some(Push {
        from: object["id"].as_i64()?,
        target,
        text: object["msg"].as_str()?.to_owned(),
        mark: match mark {
            Some(mark) => Some(mark?),
            None => None,
        },
    })
}
