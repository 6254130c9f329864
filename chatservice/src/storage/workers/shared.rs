//! What the threads share, and what each of them does.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use super::Deliver;
use super::backlog::Backlog;
use super::fifo::Fifo;
use super::metrics::Metrics;
use super::queue::Queue;
use super::under_way::UnderWay;
use crate::storage::password::PasswordHasher;
use crate::storage::{Answer, Outcome, Request, Store, StoreError, Write};

/// See the module.
pub(super) struct Shared<T> {
    pub(super) store: Arc<dyn Store>,
    pub(super) hasher: PasswordHasher,
    pub(super) deliver: Deliver<T>,
    pub(super) writes: Queue<Backlog<T>>,
    pub(super) reads: Queue<Fifo<(T, Request)>>,
    pub(super) hashes: Queue<Fifo<(T, Request)>>,
    pub(super) under_way: UnderWay,
    pub(super) metrics: Metrics,
}

impl<T> Shared<T> {
    /// What the writer does until the queue is closed.
    pub(super) fn write(&self) {
        while let Some(batch) = self.writes.take() {
            let (tags, writes): (Vec<T>, Vec<Write>) = batch.into_iter().unzip();
            let started = Instant::now();
            let result = self.commit(&writes);
            self.metrics.committed(writes.len(), started.elapsed());
            let failed_before = self.under_way.set_in_doubt(result.is_err());
            tell_change(failed_before, &result);
            let answers: Vec<_> = match result {
                Ok(outcomes) => {
                    let written = outcomes.into_iter().map(|outcome| Answer::Written(Ok(outcome)));
                    tags.into_iter().zip(written).collect()
                }
                Err(error) => {
                    let failed = |tag| (tag, Answer::Written(Err(error.clone())));
                    tags.into_iter().map(failed).collect()
                }
            };
            self.deliver(answers);
            writes.iter().for_each(|write| self.under_way.end(write));
        }
    }

    /// What all others do.
    pub(super) fn work_off(&self, queue: &Queue<Fifo<(T, Request)>>) {
        while let Some(jobs) = queue.take() {
            let answer = |(tag, request)| (tag, self.answer(request));
            self.deliver(jobs.into_iter().map(answer).collect());
        }
    }

    pub(super) fn deliver(&self, answers: Vec<(T, Answer)>) {
        self.metrics.answered(answers.len());
        (self.deliver)(answers);
    }

    /// Does any request by itself.
    fn answer(&self, request: Request) -> Answer {
        let store = &*self.store;
        match request {
            Request::Credentials(user) => Answer::Credentials(guarded(|| store.credentials(user))),
            Request::Profile { user, members_max } => {
                Answer::Profile(guarded(|| store.profile(user, members_max)))
            }
            Request::Resume { user, token, members_max } => {
                Answer::Resumed(guarded(|| store.resume(user, &token, members_max)))
            }
            Request::Members(group) => Answer::Members(guarded(|| store.members(group))),
            Request::Rows { recipient, after, limit } => {
                Answer::Rows(guarded(|| store.rows(recipient, after, limit)))
            }
            Request::Arrivals { after, limit } => {
                Answer::Arrivals(guarded(|| store.arrivals(after, limit)))
            }
            Request::NewestRow => Answer::NewestRow(guarded(|| store.newest_row())),
            Request::Write(write) => {
                let outcome = self.commit(&[write]).map(|mut outcomes| outcomes.swap_remove(0));
                Answer::Written(outcome)
            }
            Request::Hash { password } => Answer::Hashed(guarded(|| self.hasher.hash(&password))),
            Request::Verify { password, hash } => {
                let verified = guarded(|| Ok(self.hasher.verify(&password, hash.as_deref())));
                Answer::Verified(verified.unwrap_or(false))
            }
        }
    }

    /// An outcome for each write, or an error for all.
    fn commit(&self, writes: &[Write]) -> Result<Vec<Outcome>, StoreError> {
        guarded(|| {
            let outcomes = self.store.commit(writes)?;
            assert_eq!(outcomes.len(), writes.len(), "a store gives an outcome for each write");
            Ok(outcomes)
        })
    }
}

/// Logs whether commits work when it changes, as a full disk fails thousands of them.
fn tell_change(failed_before: bool, result: &Result<Vec<Outcome>, StoreError>) {
    match result {
        Err(error) if !failed_before => log::error!("writes fail: {error}"),
        Ok(_) if failed_before => log::warn!("writes work again"),
        _ => {}
    }
}

/// A panic in `call` becomes an error, so that one request cannot take a thread away from all.
fn guarded<R>(call: impl FnOnce() -> Result<R, StoreError>) -> Result<R, StoreError> {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|panic| {
        let reason = format!("a call panicked: {}", words_of(&*panic));
        log::error!("{reason}");
        Err(StoreError::Unavailable(reason))
    })
}

fn words_of(panic: &(dyn Any + Send)) -> &str {
    let literal = panic.downcast_ref::<&str>().copied();
    literal.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no words")
}
