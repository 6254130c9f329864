//! The threads on which everything that blocks or computes for long is done: one that writes,
//! some that read, and one for each core that hashes passwords.
//!
//! The writer puts all writes that wait into one commit; while it waits for the disk, the next
//! batch gathers. So batches grow with the load, and no clock delays a single write. Writes are
//! carried out in the order of submission, but for removals, which may wait for writes that have
//! nothing to do with them ([`Write::Remove`]); between reads and hashes there is no order. A
//! [`Write::UserBarrier`] of a user of whom nothing is under way is answered at once.

mod backlog;
mod fifo;
mod metrics;
mod queue;
mod under_way;

#[cfg(test)]
mod tests;

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Instant;
use std::{io, process};

use self::backlog::{Backlog, Limits};
use self::fifo::Fifo;
pub use self::metrics::Metrics;
use self::queue::Queue;
use self::under_way::UnderWay;
use super::password::PasswordHasher;
use super::{Answer, Outcome, Request, Store, StoreError, Write};

/// Reads are quick: a reader takes some at once to save deliveries, but leaves work for others.
const READS_AT_ONCE: usize = 4;
const HASHES_AT_ONCE: usize = 1;

/// A thread of this niceness gets a tenth of the time of one that has none and is as busy.
const HASHER_NICENESS: i32 = 10;

/// How many threads, and how much may wait.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Threads that read.
    pub readers: usize,
    /// Threads that hash passwords.
    pub hashers: usize,
    /// Requests that may wait for each of the three kinds of threads.
    pub queue_max: usize,
    /// Writes in one commit.
    pub batch_max: usize,
    /// Bytes of messages in one commit, unless a single write has more.
    pub batch_bytes_max: usize,
}

impl Default for Options {
    /// Two readers, a hasher for each core, 65,536 waiting, 4096 writes or 16 MiB in a commit.
    fn default() -> Self {
        Self {
            readers: 2,
            hashers: thread::available_parallelism().map_or(1, usize::from),
            queue_max: 65_536,
            batch_max: 4096,
            batch_bytes_max: 16 << 20,
        }
    }
}

/// Takes answers on a worker's thread, or on one that submits. Must neither block for long nor panic.
pub type Deliver<T> = Arc<dyn Fn(Vec<(T, Answer)>) + Send + Sync>;

/// The running threads. Every request that is taken is answered once, under its tag.
///
/// A store call that panics is answered with [`StoreError::Unavailable`] and the thread goes on.
/// A panic outside of one ends the process: a server whose workers are gone would answer nobody.
pub struct Workers<T> {
    shared: Arc<Shared<T>>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared<T> {
    store: Arc<dyn Store>,
    hasher: PasswordHasher,
    deliver: Deliver<T>,
    writes: Queue<Backlog<T>>,
    reads: Queue<Fifo<(T, Request)>>,
    hashes: Queue<Fifo<(T, Request)>>,
    under_way: UnderWay,
    metrics: Metrics,
}

impl<T: Send + 'static> Workers<T> {
    /// Starts the threads; at least one of each kind.
    pub fn start(
        store: Arc<dyn Store>,
        hasher: PasswordHasher,
        options: Options,
        deliver: Deliver<T>,
    ) -> io::Result<Self> {
        let commit = Limits { writes: options.batch_max, bytes: options.batch_bytes_max };
        let shared = Arc::new(Shared {
            store,
            hasher,
            deliver,
            writes: Queue::new(options.queue_max, Backlog::new(commit)),
            reads: Queue::new(options.queue_max, Fifo::new(READS_AT_ONCE)),
            hashes: Queue::new(options.queue_max, Fifo::new(HASHES_AT_ONCE)),
            under_way: UnderWay::new(),
            metrics: Metrics::default(),
        });
        let mut workers = Self { shared, threads: Vec::new() };
        workers.spawn("store-writer".into(), Shared::write)?;
        for n in 0..options.readers.max(1) {
            workers.spawn(format!("store-reader{n}"), |shared| {
                shared.work_off(&shared.reads);
            })?;
        }
        for n in 0..options.hashers.max(1) {
            workers.spawn(format!("hasher{n}"), |shared| {
                give_way();
                shared.work_off(&shared.hashes);
            })?;
        }
        Ok(workers)
    }

    fn spawn(&mut self, name: String, work: fn(&Shared<T>)) -> io::Result<()> {
        let shared = Arc::clone(&self.shared);
        let thread = thread::Builder::new().name(name).spawn(move || {
            let _abort = AbortOnPanic;
            work(&shared);
        })?;
        self.threads.push(thread);
        Ok(())
    }

    /// Queues a request, or gives it back when too many wait already. Any thread; never blocks.
    pub fn submit(&self, tag: T, request: Request) -> Result<(), (T, Request)> {
        let mut requests = vec![(tag, request)];
        self.submit_all(&mut requests);
        requests.pop().map_or(Ok(()), Err)
    }

    /// Queues requests, and leaves those for which too many wait already. It wakes a thread once
    /// for what it can do at once, where [`Self::submit`] wakes one each time. Any thread; never
    /// blocks.
    pub fn submit_all(&self, requests: &mut Vec<(T, Request)>) {
        let shared = &*self.shared;
        shared.metrics.taken(requests.len());
        let (mut writes, mut reads, mut hashes) = (Vec::new(), Vec::new(), Vec::new());
        let mut passed = Vec::new();
        for (tag, request) in requests.drain(..) {
            match request {
                Request::Write(Write::UserBarrier { user })
                    if shared.under_way.has_none_of(user) =>
                {
                    passed.push((tag, Answer::Written(Ok(Outcome::Done))));
                }
                Request::Write(write) => {
                    shared.under_way.begin(&write);
                    writes.push((tag, write));
                }
                Request::Hash { .. } | Request::Verify { .. } => hashes.push((tag, request)),
                _ => reads.push((tag, request)),
            }
        }
        for (tag, write) in shared.writes.put(writes) {
            shared.under_way.end(&write);
            requests.push((tag, Request::Write(write)));
        }
        requests.extend(shared.reads.put(reads));
        requests.extend(shared.hashes.put(hashes));
        shared.metrics.answered(requests.len());
        if !passed.is_empty() {
            shared.deliver(passed);
        }
    }

    /// What the threads have done so far. Any thread.
    pub fn metrics(&self) -> &Metrics {
        &self.shared.metrics
    }

    /// Answers everything that was taken, then ends the threads. Blocks until they are done; not
    /// to be called from `deliver`.
    pub fn stop(self) {
        drop(self);
    }
}

/// Lets loops and commits go before this thread where processors are short: a message is to take
/// microseconds, a password takes tens of milliseconds anyway.
fn give_way() {
    // On Linux it concerns the calling thread alone. Where it is refused all are equal.
    let _refused = rustix::process::nice(HASHER_NICENESS);
}

impl<T> Drop for Workers<T> {
    fn drop(&mut self) {
        self.shared.writes.close();
        self.shared.reads.close();
        self.shared.hashes.close();
        for thread in self.threads.drain(..) {
            // A panic there has ended the process.
            let _ = thread.join();
        }
    }
}

impl<T> Shared<T> {
    fn write(&self) {
        let mut health = Health::Working;
        while let Some(batch) = self.writes.take() {
            let (tags, writes): (Vec<T>, Vec<Write>) = batch.into_iter().unzip();
            let started = Instant::now();
            let result = self.commit(&writes);
            self.metrics.committed(writes.len(), started.elapsed());
            health = health.after(&result);
            self.under_way.set_in_doubt(result.is_err());
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

    fn work_off(&self, queue: &Queue<Fifo<(T, Request)>>) {
        while let Some(jobs) = queue.take() {
            let answer = |(tag, request)| (tag, self.answer(request));
            self.deliver(jobs.into_iter().map(answer).collect());
        }
    }

    fn deliver(&self, answers: Vec<(T, Answer)>) {
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

/// Whether commits work; logged when it changes, as a full disk fails thousands of them.
#[derive(Clone, Copy)]
enum Health {
    Working,
    Failing,
}

impl Health {
    fn after(self, result: &Result<Vec<Outcome>, StoreError>) -> Self {
        match (self, result) {
            (Self::Working, Err(error)) => log::error!("writes fail: {error}"),
            (Self::Failing, Ok(_)) => log::warn!("writes work again"),
            (Self::Working, Ok(_)) | (Self::Failing, Err(_)) => {}
        }
        if result.is_ok() { Self::Working } else { Self::Failing }
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

struct AbortOnPanic;

impl Drop for AbortOnPanic {
    fn drop(&mut self) {
        if thread::panicking() {
            process::abort();
        }
    }
}
