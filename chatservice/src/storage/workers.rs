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
mod shared;
mod under_way;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::{io, process};

use self::backlog::{Backlog, Limits};
use self::fifo::Fifo;
pub use self::metrics::Metrics;
use self::queue::Queue;
use self::shared::Shared;
use self::under_way::UnderWay;
use super::password::PasswordHasher;
use super::{Answer, Outcome, Request, Store, Write};

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

/// Takes answers on a worker's thread, or on one that submits. Must neither block for long nor
/// panic.
pub type Deliver<T> = Arc<dyn Fn(Vec<(T, Answer)>) + Send + Sync>;

/// The running threads. Every request that is taken is answered once, under its tag.
///
/// A store call that panics is answered with an error and the thread goes on. A panic outside of one
/// ends the process: a server whose workers are gone would answer nobody.
pub struct Workers<T> {
    shared: Arc<Shared<T>>,
    threads: Vec<JoinHandle<()>>,
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

struct AbortOnPanic;

impl Drop for AbortOnPanic {
    fn drop(&mut self) {
        if thread::panicking() {
            process::abort();
        }
    }
}
