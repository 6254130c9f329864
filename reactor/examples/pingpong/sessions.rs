//! The sessions of a loop, opened one after the other, so that no backlog overflows, and begun together.

use super::{Plan, Tally};
use reactor::{Buffer, CloseReason, ConnectFailure, Connection, Connections, Service};
use std::mem;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

/// With a server that does not answer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Default)]
pub(crate) enum Session {
    /// For the others to open.
    #[default]
    Waiting,
    /// For the rest of a block.
    Playing {
        sent: Instant,
        received: usize,
    },
    Done,
}

pub(crate) struct Sessions {
    plan: Plan,
    block: Vec<u8>,
    open: usize,
    /// When all were open.
    start: Instant,
    tally: Tally,
    results: Sender<Result<Tally, String>>,
}

impl Sessions {
    /// `results` gets the tally when all have ended, or failures.
    pub(crate) fn new(plan: Plan, results: Sender<Result<Tally, String>>) -> Self {
        let block = (0..=250).cycle().take(plan.block_bytes).collect();
        let (tally, start) = (Tally::default(), Instant::now());
        Self { plan, block, open: 0, start, tally, results }
    }

    fn send(&self, session: &mut Connection<'_, Session>, now: Instant) {
        *session.state_mut() = Session::Playing { sent: now, received: 0 };
        session.send(&self.block);
    }

    fn go_on(&mut self, session: &mut Connection<'_, Session>, sent: Instant) {
        let now = Instant::now();
        self.tally.count(now - sent);
        self.tally.elapsed = now - self.start;
        if self.tally.elapsed < self.plan.duration {
            self.send(session, now);
        } else {
            *session.state_mut() = Session::Done;
            session.shutdown();
        }
    }

    fn report(&self, result: Result<Tally, String>) {
        // Who has heard of one failure does not wait for another.
        let _gone = self.results.send(result);
    }
}

impl Service for Sessions {
    type State = Session;
    type Post = ();

    /// Opens a session, which opens the next.
    fn on_post(&mut self, sessions: &mut Connections<'_, Session>, (): ()) {
        sessions.connect(self.plan.address, PATIENCE, Session::Waiting);
    }

    fn on_connected(&mut self, session: &mut Connection<'_, Session>) {
        self.open += 1;
        if self.open < self.plan.sessions {
            return self.on_post(&mut session.connections(), ());
        }
        self.start = Instant::now();
        session.connections().for_each(|session| self.send(session, self.start));
    }

    fn on_message(&mut self, session: &mut Connection<'_, Session>, input: &mut Buffer) {
        match *session.state() {
            Session::Playing { sent, received }
                if self.block[received..].starts_with(input.peek()) =>
            {
                let received = received + input.len();
                *session.state_mut() = Session::Playing { sent, received };
                if received == self.block.len() {
                    self.go_on(session, sent);
                }
            }
            _ => {
                self.report(Err("the server sent what it had not got".to_owned()));
                session.force_close();
            }
        }
        input.retrieve_all();
    }

    fn on_closed(&mut self, session: &mut Connection<'_, Session>, reason: CloseReason) {
        self.open -= 1;
        if !matches!((session.state(), reason), (Session::Done, CloseReason::EndOfStream)) {
            self.report(Err(format!("a session ended too early: {reason:?}")));
        } else if self.open == 0 {
            let tally = mem::take(&mut self.tally);
            self.report(Ok(tally));
        }
    }

    fn on_connect_failed(&mut self, _: &mut Connections<'_, Session>, failure: &ConnectFailure) {
        self.report(Err(failure.to_string()));
    }
}
