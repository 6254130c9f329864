//! From a login to the end of the connection.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Messenger, RETRY, request};
use crate::client::original::push;
use crate::client::outbox::Fate;
use crate::client::{Connection, Order, Phase};
use crate::history::{What, micros};

const PING_EVERY: Duration = Duration::from_millis(100);
/// A connection without an answer to a ping for so long is given up.
const PING_WITHIN: Duration = Duration::from_secs(2);
/// How often it looks at the clock when nothing comes.
const TICK: Duration = Duration::from_millis(20);
/// So many pushes may wait for being acknowledged while more are coming in.
const UNACKNOWLEDGED_MAX: u64 = 8;
/// What a request to join is called.
const JOIN: &str = "join";

/// A connection that is logged in.
pub(super) struct Session {
    connection: Connection,
    until: Instant,
    next_message: Instant,
    next_ping: Instant,
    ping_sent: Option<Instant>,
    next_join: Instant,
    acknowledged: u64,
    received: u64,
}

/// Why it ended.
pub(super) struct Ending {
    /// For the history.
    pub(super) what: What,
    /// How long to stay away, at most.
    pub(super) pause: Duration,
}

impl Session {
    pub(super) fn new(connection: Connection, until: Instant) -> Self {
        let now = Instant::now();
        Self {
            connection,
            until,
            next_message: now,
            next_ping: now,
            ping_sent: None,
            next_join: now,
            acknowledged: 0,
            received: 0,
        }
    }

    fn acknowledge(&mut self) -> io::Result<()> {
        if self.received > self.acknowledged {
            self.acknowledged = self.received;
            self.connection.send(&json!({"msgid": 1011, "seq": self.received}))?;
        }
        Ok(())
    }
}

impl Ending {
    /// By the server, or by what lies between.
    fn closed(why: impl Into<String>, pause: Duration) -> Self {
        Self { what: What::Closed { why: why.into() }, pause }
    }

    fn left(pause: Duration) -> Self {
        Self { what: What::Left, pause }
    }
}

impl From<io::Error> for Ending {
    fn from(error: io::Error) -> Self {
        Self::closed(error.to_string(), RETRY)
    }
}

impl Messenger {
    /// Sends and receives until the connection is over.
    pub(super) fn stay(&mut self, session: &mut Session) -> Ending {
        loop {
            if let Err(ending) = self.turn(session) {
                return ending;
            }
        }
    }

    fn turn(&mut self, session: &mut Session) -> Result<(), Ending> {
        let now = Instant::now();
        match self.seat.phase() {
            Phase::End => {
                // What was not acknowledged would be kept.
                session.acknowledge()?;
                return Err(Ending::left(Duration::ZERO));
            }
            Phase::Drain => {}
            Phase::Load => self.do_as_told(session, now)?,
        }
        self.join(session, now)?;
        while let Some(item) = self.outbox.next(now) {
            let mid = Some(item.mid.clone());
            let object = request(item.target, &item.text, Some(&item.mid));
            self.seat.record(What::Sent { mid, target: item.target, text: item.text });
            session.connection.send(&object)?;
        }
        self.tell_unanswered();
        self.ping(session, now)?;
        match session
            .connection
            .receive(now + TICK.min(session.next_ping.saturating_duration_since(now)))?
        {
            Some(object) => self.take(session, &object)?,
            None => session.acknowledge()?,
        }
        if session.received >= session.acknowledged + UNACKNOWLEDGED_MAX {
            session.acknowledge()?;
        }
        Ok(())
    }

    /// Orders, and what habit says.
    fn do_as_told(&mut self, session: &mut Session, now: Instant) -> Result<(), Ending> {
        match self.seat.order() {
            Some(Order::StandStill(time)) => {
                thread::sleep(time);
                // It was not the server that did not answer.
                session.ping_sent = None;
                self.seat.record(What::StoodStill);
            }
            Some(Order::Leave) => return Err(Ending::left(Duration::ZERO)),
            None => {}
        }
        if now >= session.until {
            return Err(Ending::left(self.habits.away));
        }
        if now >= session.next_message {
            self.write_messages();
            let mean = self.habits.between_messages;
            session.next_message = now + mean.mul_f64(0.5 + self.random.f64());
        }
        Ok(())
    }

    /// Asks to join until that is answered, when it is time to.
    fn join(&mut self, session: &mut Session, now: Instant) -> io::Result<()> {
        let Some((at, group)) = self.joins else { return Ok(()) };
        if now >= at && now >= session.next_join {
            self.seat.record(What::Joining { group });
            session.next_join = now + PING_WITHIN;
            session.connection.send(&json!({"msgid": 1008, "groupid": group, "mid": JOIN}))?;
        }
        Ok(())
    }

    fn ping(&mut self, session: &mut Session, now: Instant) -> Result<(), Ending> {
        match session.ping_sent {
            Some(since) if now - since > PING_WITHIN => {
                self.seat.record(What::Ping { micros: micros(now - since) });
                return Err(Ending::closed("no answer to a ping", Duration::ZERO));
            }
            None if now >= session.next_ping => {
                session.connection.send(&json!({"msgid": 1012}))?;
                session.ping_sent = Some(Instant::now());
                session.next_ping = now + PING_EVERY;
            }
            _ => {}
        }
        Ok(())
    }

    fn take(&mut self, session: &mut Session, object: &Value) -> Result<(), Ending> {
        match object["msgid"].as_i64() {
            Some(1005 | 1009) => {
                if let Some(push) = push(object) {
                    session.received = push.mark.as_ref().map_or(session.received, |mark| mark.seq);
                    self.seat.record(What::Pushed(push));
                } else {
                    self.refused(object);
                }
            }
            Some(1010) => self.take_answer(object),
            Some(1012) => session.connection.send(&json!({"msgid": 1013}))?,
            Some(1013) => {
                if let Some(since) = session.ping_sent.take() {
                    self.seat.record(What::Ping { micros: micros(since.elapsed()) });
                }
            }
            Some(1014) => {
                let pause = object["retry_ms"].as_u64().map_or(RETRY, Duration::from_millis);
                return Err(Ending::closed(object.to_string(), pause));
            }
            _ => self.refused(object),
        }
        Ok(())
    }

    fn take_answer(&mut self, answer: &Value) {
        let (Some(mid), Some(errno)) = (answer["mid"].as_str(), answer["errno"].as_i64()) else {
            return self.refused(answer);
        };
        match (mid, self.joins) {
            (JOIN, Some((_, group))) if errno == 0 => {
                self.seat.record(What::Joined { group });
                self.joins = None;
            }
            // It asks again by itself, or has got a second answer to a second question.
            (JOIN, _) => {}
            _ => {
                self.seat.record(What::Answered { mid: mid.to_owned(), errno });
                let pause = answer["retry_ms"].as_u64().map(Duration::from_millis);
                let pause = pause.unwrap_or_else(|| self.some(RETRY));
                if self.outbox.answered(mid, errno, pause, Instant::now()) == Fate::Refused {
                    self.refused(answer);
                }
            }
        }
    }

    fn refused(&self, answer: &Value) {
        self.seat.record(What::Refused { answer: answer.to_string() });
    }
}
