//! The store behind its workers: writes in order and in batches, reads in any order, each after
//! a while. It can fail, also after it has done what it was asked.

use chatservice::chat::Ticket;
use chatservice::storage::memory::MemoryStore;
use chatservice::storage::{
    Answer, Outcome, Request, RowId, Store, StoreError, StoreLimits, Write,
};

use crate::context::Context;
use crate::plant::Plant;
use crate::schedule::{Event, Micros};

const LIMITS: StoreLimits =
    StoreLimits { friends_max: 100, groups_max: 100, members_max: 100, rows_max: 100_000 };

/// See the module.
pub(crate) struct Workers {
    pub(crate) store: MemoryStore,
    pub(crate) incarnation: u32,
    pub(crate) failing: bool,
    writes: Vec<(u16, Ticket, Write)>,
    /// Writes that were answered too early, see [`Plant::EarlyAnswer`].
    late: Vec<Write>,
    /// Answers to writes come in order.
    last_answer: Micros,
}

impl Workers {
    pub(crate) fn new() -> Self {
        Self {
            store: MemoryStore::new(LIMITS),
            incarnation: 0,
            failing: false,
            writes: Vec::new(),
            late: Vec::new(),
            last_answer: 0,
        }
    }

    /// The node died: what is committed stays.
    pub(crate) fn crash(&mut self) {
        self.incarnation += 1;
        self.writes.clear();
        self.late.clear();
    }

    pub(crate) fn submit(
        &mut self,
        context: &mut Context,
        shard: u16,
        ticket: Ticket,
        request: Request,
    ) {
        let incarnation = self.incarnation;
        let delay = context.store_delay();
        match request {
            Request::Write(write) => {
                if self.writes.is_empty() {
                    context.schedule.after(delay, Event::Commit { incarnation });
                }
                self.writes.push((shard, ticket, write));
            }
            request => {
                let event = Event::Read { incarnation, shard, ticket, request };
                context.schedule.after(delay, event);
            }
        }
    }

    pub(crate) fn commit(&mut self, context: &mut Context) {
        let batch = std::mem::take(&mut self.writes);
        let failing = self.failing;
        let carried_out = !failing || context.rng.bool();
        let writes: Vec<_> = batch.iter().map(|(_, _, write)| write.clone()).collect();
        context.trace(|| {
            let what: Vec<_> = writes.iter().map(describe).collect();
            format!("commit {what:?} failing={failing} carried out={carried_out}")
        });
        let result = if carried_out { self.apply(context, &writes) } else { Vec::new() };
        let mut outcomes = result.into_iter();
        let answers = batch.into_iter().map(|(shard, ticket, _)| {
            let outcome = outcomes.next().filter(|_| !failing);
            (shard, ticket, Answer::Written(outcome.ok_or_else(unavailable)))
        });
        let answers = answers.collect();
        let at = context.schedule.now + context.store_delay();
        self.last_answer = self.last_answer.max(at);
        let event = Event::Answers { incarnation: self.incarnation, answers };
        context.schedule.at(self.last_answer, event);
    }

    pub(crate) fn read(
        &mut self,
        context: &mut Context,
        shard: u16,
        ticket: Ticket,
        request: Request,
    ) {
        let failure = || self.failing.then(unavailable).map_or(Ok(()), Err);
        let store = &self.store;
        let answer = match request {
            Request::Credentials(user) => {
                Answer::Credentials(failure().and_then(|()| store.credentials(user)))
            }
            Request::Profile { user, members_max } => {
                Answer::Profile(failure().and_then(|()| store.profile(user, members_max)))
            }
            Request::Members(group) => {
                Answer::Members(failure().and_then(|()| store.members(group)))
            }
            Request::Rows { recipient, after, limit } => {
                Answer::Rows(failure().and_then(|()| store.rows(recipient, after, limit)))
            }
            Request::Arrivals { after, limit } => {
                Answer::Arrivals(failure().and_then(|()| store.arrivals(after, limit)))
            }
            Request::NewestRow => Answer::NewestRow(failure().and_then(|()| store.newest_row())),
            Request::Hash { password } => Answer::Hashed(Ok(hash_of(&password))),
            Request::Verify { password, hash } => {
                let right = hash.is_some_and(|hash| hash == hash_of(&password) || hash == password);
                Answer::Verified(right)
            }
            Request::Write(_) => return,
        };
        let answers = vec![(shard, ticket, answer)];
        let delay = context.store_delay();
        let event = Event::Answers { incarnation: self.incarnation, answers };
        context.schedule.after(delay, event);
    }

    fn apply(&mut self, context: &mut Context, writes: &[Write]) -> Vec<Outcome> {
        let late = std::mem::take(&mut self.late);
        self.store.commit(&late).expect("memory does not fail");
        writes.iter().map(|write| self.apply_one(context, write)).collect()
    }

    fn apply_one(&mut self, context: &mut Context, write: &Write) -> Outcome {
        let (plant, rng) = (context.plant, &mut context.rng);
        match write {
            Write::Deposit { messages, .. } if plant.strikes(Plant::ForgottenRow, rng) => {
                Outcome::Deposited(vec![RowId(1); messages.len()])
            }
            Write::Deposit { messages, .. } if plant.strikes(Plant::EarlyAnswer, rng) => {
                self.late.push(write.clone());
                Outcome::Deposited(vec![RowId(1); messages.len()])
            }
            Write::Remove { .. } if plant.strikes(Plant::KeptRow, rng) => Outcome::Done,
            write => {
                let result = self.store.commit(std::slice::from_ref(write));
                result.expect("memory does not fail").swap_remove(0)
            }
        }
    }
}

fn unavailable() -> StoreError {
    StoreError::Unavailable("simulated".to_owned())
}

fn describe(write: &Write) -> String {
    match write {
        Write::Deposit { recipient, messages } => {
            let mids: Vec<_> = messages.iter().map(|message| &*message.mid).collect();
            format!("deposit {recipient}: {}", mids.join(" "))
        }
        Write::Remove { recipient, rows } => format!("remove {recipient}: {rows:?}"),
        Write::SetToken { user, token } => format!("token of {user}: {}", token.is_some()),
        Write::JoinGroup { user, group } => format!("{user} joins {group}"),
        _ => "other".to_owned(),
    }
}

/// Stands for a hash: looks like one and tells passwords apart.
fn hash_of(password: &str) -> String {
    format!("$argon2${password}")
}
