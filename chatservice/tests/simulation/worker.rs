//! The store behind its workers: writes in batches and in order, but for removals that wait and
//! barriers that need not, reads in any order, each after a while. It can fail, also after it has
//! done what it was asked.

use std::collections::HashMap;

use chatproto::UserId;
use chatservice::chat::Ticket;
use chatservice::cluster::{Found, Look, arrivals};
use chatservice::storage::memory::MemoryStore;
use chatservice::storage::{
    Answer, Outcome, Request, RowId, Store, StoreError, StoreLimits, Write,
};

use crate::context::Context;
use crate::plant::Plant;
use crate::schedule::{Event, Micros, Start, Task};

const LIMITS: StoreLimits =
    StoreLimits { friends_max: 100, groups_max: 100, members_max: 100, rows_max: 100_000 };

/// What all nodes share.
pub(crate) struct Database {
    pub(crate) store: MemoryStore,
    pub(crate) failing: bool,
}

impl Database {
    pub(crate) fn new() -> Self {
        Self { store: MemoryStore::new(LIMITS), failing: false }
    }

    fn read<T>(
        &self,
        read: impl FnOnce(&MemoryStore) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        if self.failing { Err(unavailable()) } else { read(&self.store) }
    }

    /// Looks for new rows.
    pub(crate) fn look(&self, Look(after): Look) -> Result<Found, ()> {
        let found = self.read(|store| match after {
            None => store.newest_row().map(Found::Newest),
            Some(after) => store.arrivals(after, arrivals::PAGE).map(Found::Rows),
        });
        found.map_err(|_| ())
    }
}

/// The workers of one node; see the module.
pub(crate) struct Workers {
    start: Start,
    writes: Vec<(u16, Ticket, Write)>,
    /// Writes that were answered too early, see [`Plant::EarlyAnswer`].
    late: Vec<Write>,
    /// Answers to writes come in order.
    last_answer: Micros,
    /// When the last answer to a write of each user's queue comes.
    answered: HashMap<UserId, Micros>,
    /// A commit failed, and none has worked since.
    in_doubt: bool,
}

impl Workers {
    pub(crate) fn new(start: Start) -> Self {
        Self {
            start,
            writes: Vec::new(),
            late: Vec::new(),
            last_answer: 0,
            answered: HashMap::new(),
            in_doubt: false,
        }
    }

    pub(crate) fn submit(
        &mut self,
        context: &mut Context,
        shard: u16,
        ticket: Ticket,
        request: Request,
    ) {
        let start = self.start;
        let delay = context.store_delay();
        match request {
            Request::Write(Write::UserBarrier { user }) if self.passes(context, user) => {
                let answer = Answer::Written(Ok(Outcome::Done));
                let task = Task::Answers(vec![(shard, ticket, answer)]);
                context.schedule.after(1, Event::Node { start, task });
            }
            Request::Write(write) => {
                if self.writes.is_empty() {
                    context.schedule.after(delay, Event::Node { start, task: Task::Commit });
                }
                self.writes.push((shard, ticket, write));
            }
            request => {
                let task = Task::Read { shard, ticket, request };
                context.schedule.after(delay, Event::Node { start, task });
            }
        }
    }

    /// Whether no write of this user's queue waits, or waits for its answer; at times it is not
    /// seen, as users share counters.
    fn passes(&self, context: &mut Context, user: UserId) -> bool {
        let waits = |(_, _, write): &(u16, Ticket, Write)| write.queue() == Some(user);
        let is_answered = self.answered.get(&user).is_none_or(|at| *at < context.schedule.now);
        let has_none = is_answered && !self.in_doubt && !self.writes.iter().any(waits);
        has_none && context.rng.bool()
    }

    pub(crate) fn commit(&mut self, context: &mut Context, database: &Database) {
        let batch = self.take_batch(context);
        let failing = database.failing;
        let carried_out = !failing || context.rng.bool();
        let writes: Vec<_> = batch.iter().map(|(_, _, write)| write.clone()).collect();
        context.trace(|| {
            let what: Vec<_> = writes.iter().map(describe).collect();
            let node = self.start.node;
            format!("node {node} commits {what:?} failing={failing} carried out={carried_out}")
        });
        let result = match carried_out {
            true => self.apply(context, &database.store, &writes),
            false => Vec::new(),
        };
        let mut outcomes = result.into_iter();
        let answers = batch.into_iter().map(|(shard, ticket, _)| {
            let outcome = outcomes.next().filter(|_| !failing);
            (shard, ticket, Answer::Written(outcome.ok_or_else(unavailable)))
        });
        let task = Task::Answers(answers.collect());
        let at = context.schedule.now + context.store_delay();
        self.last_answer = self.last_answer.max(at);
        self.in_doubt = failing;
        let users = writes.iter().filter_map(Write::queue);
        self.answered.extend(users.map(|user| (user, self.last_answer)));
        context.schedule.at(self.last_answer, Event::Node { start: self.start, task });
    }

    /// What is committed next: all that waits, without some of the removals that may wait longer.
    fn take_batch(&mut self, context: &mut Context) -> Vec<(u16, Ticket, Write)> {
        let mut batch = std::mem::take(&mut self.writes);
        for at in (0..batch.len()).rev() {
            let Write::Remove { recipient, .. } = &batch[at].2 else { continue };
            let mut behind = batch[at + 1..].iter();
            if behind.all(|(_, _, later)| may_overtake(later, *recipient)) && context.rng.bool() {
                self.writes.insert(0, batch.remove(at));
            }
        }
        if !self.writes.is_empty() {
            let (start, delay) = (self.start, context.store_delay());
            context.schedule.after(delay, Event::Node { start, task: Task::Commit });
        }
        batch
    }

    pub(crate) fn read(
        &mut self,
        context: &mut Context,
        database: &Database,
        (shard, ticket): (u16, Ticket),
        request: Request,
    ) {
        let answer = match request {
            Request::Credentials(user) => {
                Answer::Credentials(database.read(|store| store.credentials(user)))
            }
            Request::Profile { user, members_max } => {
                Answer::Profile(database.read(|store| store.profile(user, members_max)))
            }
            Request::Resume { user, token, members_max } => {
                Answer::Resumed(database.read(|store| store.resume(user, &token, members_max)))
            }
            Request::Members(group) => Answer::Members(database.read(|store| store.members(group))),
            Request::Rows { recipient, after, limit } => {
                Answer::Rows(database.read(|store| store.rows(recipient, after, limit)))
            }
            Request::Arrivals { after, limit } => {
                Answer::Arrivals(database.read(|store| store.arrivals(after, limit)))
            }
            Request::NewestRow => Answer::NewestRow(database.read(Store::newest_row)),
            Request::Hash { password } => Answer::Hashed(Ok(hash_of(&password))),
            Request::Verify { password, hash } => {
                let right = hash.is_some_and(|hash| hash == hash_of(&password) || hash == password);
                Answer::Verified(right)
            }
            Request::Write(_) => return,
        };
        let task = Task::Answers(vec![(shard, ticket, answer)]);
        let delay = context.store_delay();
        context.schedule.after(delay, Event::Node { start: self.start, task });
    }

    fn apply(
        &mut self,
        context: &mut Context,
        store: &MemoryStore,
        writes: &[Write],
    ) -> Vec<Outcome> {
        let late = std::mem::take(&mut self.late);
        store.commit(&late).expect("memory does not fail");
        writes.iter().map(|write| self.apply_one(context, store, write)).collect()
    }

    fn apply_one(&mut self, context: &mut Context, store: &MemoryStore, write: &Write) -> Outcome {
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
                let result = store.commit(std::slice::from_ref(write));
                result.expect("memory does not fail").swap_remove(0)
            }
        }
    }
}

/// Whether a write may go before an earlier removal from the queue of `recipient`.
fn may_overtake(write: &Write, recipient: UserId) -> bool {
    !matches!(write, Write::Barrier) && write.queue() != Some(recipient)
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
