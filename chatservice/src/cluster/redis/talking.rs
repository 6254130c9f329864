//! The connection that asks and publishes.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError};
use redis::{Connection, ConnectionLike, RedisResult, Value};

use super::scripts::{self, Scripts};
use super::{Mail, Outlet, RedisTarget, State};
use crate::chat::NodeId;
use crate::clock;
use crate::cluster::Member;
use crate::cluster::call::{Call, Reply};
use crate::cluster::member::TICK;

/// For Redis to answer a pipeline, which takes a millisecond. Others wait for as long when it
/// does not.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);
/// Between attempts to connect: short, since a Redis that comes back is wanted at once, …
const RETRY_FIRST: Duration = Duration::from_millis(100);
/// … but not so short that attempts are all that this thread does.
const RETRY_LAST: Duration = Duration::from_millis(400);
/// Commands that are looked at before a pipeline goes out.
const COMMANDS_MAX: usize = 4096;

/// See the module.
pub(super) struct Talking<O> {
    target: RedisTarget,
    own: NodeId,
    member: Member,
    mail: Receiver<Mail>,
    state: Arc<State>,
    outlet: Arc<O>,
    scripts: Scripts,
    connection: Option<Connection>,
    next_attempt: Instant,
    pause: Duration,
    next_tick: Instant,
    /// Whether Redis refused something that was asked last.
    is_refused: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Life {
    GoesOn,
    Ends,
}

impl<O: Outlet> Talking<O> {
    pub(super) fn new(
        target: RedisTarget,
        own: NodeId,
        member: Member,
        mail: Receiver<Mail>,
        state: Arc<State>,
        outlet: Arc<O>,
    ) -> Self {
        let scripts = Scripts::new();
        let (next_attempt, next_tick) = (Instant::now(), Instant::now());
        let (connection, pause) = (None, RETRY_FIRST);
        Self {
            target,
            own,
            member,
            mail,
            state,
            outlet,
            scripts,
            connection,
            next_attempt,
            pause,
            next_tick,
            is_refused: false,
        }
    }

    pub(super) fn run(mut self) {
        let mut life = Life::GoesOn;
        while life == Life::GoesOn {
            life = self.take_mail();
            match life {
                Life::GoesOn => self.look_at_the_clock(),
                Life::Ends => self.member.leave(),
            }
            self.talk();
        }
    }

    fn look_at_the_clock(&mut self) {
        let now = Instant::now();
        if now >= self.next_tick {
            self.next_tick = now + TICK;
            self.member.handle_tick(clock::now());
        }
        if self.connection.is_none() && now >= self.next_attempt {
            self.connect();
        }
    }

    /// Waits for commands until something else is due.
    fn take_mail(&mut self) -> Life {
        let due = match self.connection {
            Some(_) if self.member.has_calls() => Instant::now(),
            Some(_) => self.next_tick,
            None => self.next_tick.min(self.next_attempt),
        };
        let first = match self.mail.recv_deadline(due) {
            Ok(mail) => mail,
            Err(RecvTimeoutError::Timeout) => return Life::GoesOn,
            Err(RecvTimeoutError::Disconnected) => return Life::Ends,
        };
        let now = clock::now();
        let mail = self.mail.clone();
        for mail in std::iter::once(first).chain(mail.try_iter().take(COMMANDS_MAX)) {
            match mail {
                Mail::End => return Life::Ends,
                Mail::Command(command) => self.member.handle_command(now, command),
                Mail::Messages(command, bytes) => {
                    self.state.queued.fetch_sub(bytes, Ordering::Relaxed);
                    self.member.handle_command(now, command);
                }
            }
        }
        Life::GoesOn
    }

    fn connect(&mut self) {
        match self.target.connect(ANSWER_WITHIN).and_then(|mut connection| {
            self.scripts.load(&mut connection)?;
            Ok(connection)
        }) {
            Ok(connection) => {
                log::info!("the cluster is joined by {}", self.target);
                self.connection = Some(connection);
                self.member.handle_connected(clock::now());
                self.state.is_up.store(true, Ordering::Relaxed);
            }
            Err(error) => {
                if self.pause == RETRY_FIRST {
                    log::warn!("{} does not answer: {error}", self.target);
                }
                self.wait_longer();
            }
        }
    }

    fn wait_longer(&mut self) {
        self.next_attempt = Instant::now() + self.pause;
        self.pause = (self.pause * 2).min(RETRY_LAST);
    }

    /// Sends one pipeline, and hands on what comes of it.
    fn talk(&mut self) {
        self.hand_on();
        let calls = self.member.take_calls();
        if calls.is_empty() {
            return;
        }
        match self.ask(&calls) {
            Some(Ok(replies)) => {
                self.member.handle_replies(clock::now(), replies);
                self.pause = RETRY_FIRST;
            }
            Some(Err(error)) => {
                log::warn!("{} is away: {error}", self.target);
                self.disconnected();
            }
            None => self.disconnected(),
        }
        self.hand_on();
    }

    fn disconnected(&mut self) {
        self.state.is_up.store(false, Ordering::Relaxed);
        self.connection = None;
        self.wait_longer();
        self.member.handle_disconnected(clock::now());
    }

    fn ask(&mut self, calls: &[Call]) -> Option<RedisResult<Vec<Reply>>> {
        let connection = self.connection.as_mut()?;
        let mut packed = Vec::new();
        for call in calls {
            self.scripts.command(&self.target, self.own, call).write_packed_command(&mut packed);
        }
        let values = connection.req_packed_commands(&packed, 0, calls.len());
        Some(values.and_then(|values| self.read(calls, values)))
    }

    /// Commands that Redis refuses, as it does without memory or rights, concern nothing but
    /// themselves; that it begins or ceases to do so is told.
    fn read(&mut self, calls: &[Call], values: Vec<Value>) -> RedisResult<Vec<Reply>> {
        let mut refusal = None;
        let mut replies = Vec::with_capacity(calls.len());
        for (call, value) in calls.iter().zip(values) {
            match scripts::reply(call, value) {
                Ok(reply) => replies.push(reply),
                Err(error) if scripts::is_forgotten(&error) => return Err(error),
                Err(error) => {
                    replies.push(Reply::Failed);
                    refusal.get_or_insert(error);
                }
            }
        }
        if let Some(error) = &refusal
            && !self.is_refused
        {
            log::error!("{} refuses: {error}", self.target);
        }
        self.is_refused = refusal.is_some();
        Ok(replies)
    }

    fn hand_on(&mut self) {
        let notices = self.member.take_notices();
        if !notices.is_empty() {
            self.outlet.tell(notices.into_iter());
        }
        if let Some(look) = self.member.take_look() {
            self.outlet.look(look);
        }
    }
}
