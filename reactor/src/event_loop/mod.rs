//! One loop a thread: waits for events, then runs what they, timers and other threads ask.

pub(crate) mod activity;
pub(crate) mod observer;
pub(crate) mod turn_account;
pub(crate) mod stall_detector;
pub(crate) mod token;
pub(crate) mod source;
pub(crate) mod stats;
pub(crate) mod slowest_callback;
pub(crate) mod sync;
pub(crate) mod wake_signal;
pub(crate) mod mailbox;
pub(crate) mod service_directory;
pub(crate) mod timer_queue;
pub(crate) mod loop_core;
pub(crate) mod handle;
pub(crate) mod thread;
pub(crate) mod thread_pool;

use crate::driver::poller::{EventBatch, Poller};
use crate::error::{Error, Result};
use crate::event_loop::activity::{Call, Callback};
use crate::event_loop::handle::{LoopHandle, Task};
use crate::event_loop::loop_core::{LoopCore, TimerTask};
use crate::event_loop::observer::{LoopObserver, Outcome, guarded};
use crate::event_loop::source::{Source, SourceId, SourceStatus};
use crate::event_loop::stats::LoopStats;
use crate::event_loop::timer_queue::{TimerId, deadline_after};
use crate::event_loop::token::OWNERS_MAX;
use crate::event_loop::turn_account::TurnAccount;
use slab::Slab;
use std::os::fd::RawFd;
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{fmt, io};

type LocalTask = Box<dyn FnOnce(&mut EventLoop)>;

/// An event loop, bound to the thread that made it.
///
/// ```compile_fail,E0277
/// let event_loop = reactor::EventLoop::new().unwrap();
/// std::thread::spawn(move || drop(event_loop)); // an EventLoop is not Send
/// ```
///
/// A turn of the loop, in order:
///
/// 1. wait for events, until the next timer at the latest;
/// 2. letters from other threads: tasks, posts, new connections;
/// 3. events of connections, then those whose reading a budget had cut off in the turn before;
/// 4. timers that were due after the wait;
/// 5. tasks and letters queued by callbacks so far (later ones wait for the next turn);
/// 6. `on_turn_end`, flush of all output, `on_write_complete` and the like.
///
/// Letters come before events so that causes precede effects: a service sees a post that a thread
/// made before it sent a byte before it sees that byte. That holds for posts to the service that
/// reads the byte alone; tasks, and posts to other services of the loop, may come after it.
/// A panic in a callback of a connection closes that connection, with
/// [`CloseReason::Panicked`](crate::CloseReason::Panicked), and nothing else; one in another
/// callback, a task or a timer costs that call alone. It is counted and told to the observer. A
/// program that is rather to end sets a panic hook that ends it.
pub struct EventLoop {
    pub(crate) core: LoopCore,
    sources: Slab<Installed>,
    batch: EventBatch,
    tasks: Vec<LocalTask>,
    letters: Vec<Task>,
    account: TurnAccount,
}

struct Installed {
    id: SourceId,
    source: Box<dyn Source>,
}

impl EventLoop {
    /// A loop for the current thread.
    ///
    /// # Errors
    /// If the system has no descriptors left for the poller and its alarm.
    pub fn new() -> Result<Self> {
        let create = || Self::with_poller(Poller::new()?);
        create().map_err(|error| Error::new("create", "an event loop", error))
    }

    pub(crate) fn with_poller(poller: Poller) -> io::Result<Self> {
        let core = LoopCore::new(poller)?;
        Ok(Self {
            account: TurnAccount::open(core.now),
            core,
            sources: Slab::new(),
            batch: EventBatch::new(),
            tasks: Vec::new(),
            letters: Vec::new(),
        })
    }

    /// Runs turns until [`LoopHandle::quit`], muduo's `loop()`. A quit asked before is honoured;
    /// afterwards the loop can run again. A task must not call it: the inner run would take the
    /// quit, and the outer one go on.
    ///
    /// # Errors
    /// If the system refuses to wait, which means that the poller is unusable.
    pub fn run(&mut self) -> Result<()> {
        while !self.core.shared.take_quit() {
            self.turn(None)?;
        }
        Ok(())
    }

    /// Runs one turn and waits for events at most `timeout` in it; `None` waits for ever.
    /// For embedding the loop into another one, and for tests. Returns whether
    /// [`LoopHandle::quit`] was asked for since that was last told.
    ///
    /// # Errors
    /// As [`EventLoop::run`].
    pub fn run_once(&mut self, timeout: Option<Duration>) -> Result<bool> {
        self.turn(timeout)?;
        Ok(self.core.shared.take_quit())
    }

    /// The descriptor that becomes readable when the loop has something to do, for those who have a
    /// poller of their own: after [`EventLoop::prepare_to_wait`] they wait for it, and then call
    /// [`EventLoop::run_once`] with no time to wait. Valid as long as the loop. `None` in a simulation.
    pub fn descriptor(&self) -> Option<RawFd> {
        self.core.poller.descriptor()
    }

    /// Has posts of other threads make the descriptor readable from now on, and returns how long it
    /// may be waited for at most: not at all if there is work, otherwise until the next timer, or
    /// without a limit.
    ///
    /// ```
    /// use mio::{Events, Interest, Poll, Token, unix::SourceFd};
    /// use std::time::Duration;
    ///
    /// let mut event_loop = reactor::EventLoop::new()?;
    /// let descriptor = event_loop.descriptor().expect("no simulation");
    /// let (mut poll, mut events) = (Poll::new()?, Events::with_capacity(8));
    /// poll.registry().register(&mut SourceFd(&descriptor), Token(0), Interest::READABLE)?;
    /// let handle = event_loop.handle();
    /// let poster = std::thread::spawn(move || {
    ///     handle.run_in_loop(|event_loop| event_loop.handle().quit());
    /// });
    /// loop {
    ///     poll.poll(&mut events, event_loop.prepare_to_wait())?;
    ///     if event_loop.run_once(Some(Duration::ZERO))? {
    ///         break;
    ///     }
    /// }
    /// # poster.join().expect("it posted");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn prepare_to_wait(&mut self) -> Option<Duration> {
        let has_work = self.core.is_work_pending()
            || !self.tasks.is_empty()
            || self.core.shared.is_quit()
            || !self.core.shared.signal.try_sleep();
        if has_work { Some(Duration::ZERO) } else { self.time_to_timer() }
    }

    /// Calls `task` now: this is the loop's thread.
    pub fn run_in_loop(&mut self, task: impl FnOnce(&mut Self)) {
        task(self);
    }

    /// Queues `task` for the end of this turn, or of the next one if queued by such a task. Tasks
    /// queued here keep their order; those queued by a [`LoopHandle`] are letters and may come
    /// before, even if this thread queued them later.
    pub fn queue_in_loop(&mut self, task: impl FnOnce(&mut Self) + 'static) {
        self.tasks.push(Box::new(task));
    }

    /// Runs `task` at `deadline`, or in the next turn if that has passed.
    pub fn run_at(&mut self, deadline: Instant, task: impl FnOnce(&mut Self) + 'static) -> TimerId {
        self.core.add_timer(deadline, None, TimerTask::Once(Box::new(task)))
    }

    /// Runs `task` after `delay`.
    pub fn run_after(
        &mut self,
        delay: Duration,
        task: impl FnOnce(&mut Self) + 'static,
    ) -> TimerId {
        self.run_at(deadline_after(self.core.clock.now(), delay), task)
    }

    /// Runs `task` every `period` (at least a millisecond), first one period from now. The
    /// rhythm does not drift; beats missed by a busy loop are skipped.
    pub fn run_every(
        &mut self,
        period: Duration,
        task: impl FnMut(&mut Self) + 'static,
    ) -> TimerId {
        let deadline = deadline_after(self.core.clock.now(), period);
        self.core.add_timer(deadline, Some(period), TimerTask::Every(Box::new(task)))
    }

    /// Cancels a timer of this loop, which then does not fire, not even if it is due in this very
    /// turn.
    pub fn cancel(&mut self, timer: TimerId) {
        let task = self.core.cancel(timer);
        self.forget_timer(timer, task.as_ref());
    }

    /// The remote of this loop for other threads and for services.
    pub fn handle(&self) -> LoopHandle {
        LoopHandle { shared: self.core.shared.clone() }
    }

    /// When the current turn began: one reading of the clock for all of it.
    pub fn now(&self) -> Instant {
        self.core.now
    }

    /// Has `observer` told of every turn, callback and panic from now on. Without one a turn pays a
    /// branch for it, and callbacks are not timed.
    pub fn set_observer(&mut self, observer: Arc<dyn LoopObserver>) {
        self.core.observer = Some(observer);
    }

    /// What the loop has done so far.
    pub fn stats(&self) -> LoopStats {
        self.handle().stats()
    }

    /// Adds the source that `build` makes; it learns its own name.
    pub(crate) fn install(
        &mut self,
        build: impl FnOnce(&mut LoopCore, SourceId) -> io::Result<Box<dyn Source>>,
    ) -> io::Result<SourceId> {
        let entry = self.sources.vacant_entry();
        let index = u16::try_from(entry.key()).ok().filter(|&key| usize::from(key) < OWNERS_MAX);
        let index = index.ok_or_else(|| io::Error::other("too many servers on one loop"))?;
        let generation = self.core.next_generation();
        let id = SourceId { index, generation };
        let source = build(&mut self.core, id)?;
        entry.insert(Installed { id, source });
        self.core.shared.counters.sources.set(self.sources.len() as u64);
        Ok(id)
    }

    fn turn(&mut self, limit: Option<Duration>) -> Result<()> {
        self.wait(limit).map_err(|error| Error::new("wait for", "events", error))?;
        self.core.read_clock();
        self.core.shared.counters.turns.add(1);
        // A timer armed by a letter of this turn waits for the next, and for the letters before
        // that, among which may be one that cancels it.
        self.core.timers.expire(self.core.now);
        let work_left = self.core.take_work_pending();
        self.run_letters();
        self.dispatch_events();
        if work_left {
            for (_, installed) in &mut self.sources {
                installed.source.on_ready(&mut self.core);
            }
        }
        self.fire_timers();
        self.run_letters();
        self.run_local_tasks();
        self.end_turn();
        self.account.settle(&self.core);
        Ok(())
    }

    fn wait(&mut self, limit: Option<Duration>) -> io::Result<()> {
        let allowed = self.prepare_to_wait();
        let timeout = match (allowed, limit) {
            (Some(allowed), Some(limit)) => Some(allowed.min(limit)),
            (allowed, limit) => allowed.or(limit),
        };
        self.core.poller.wait(&mut self.batch, timeout)
    }

    fn time_to_timer(&mut self) -> Option<Duration> {
        let deadline = self.core.timers.next_deadline()?;
        // The clock is read again: the turn that just ended took its time.
        Some(deadline.saturating_duration_since(self.core.clock.now()))
    }

    /// Tasks and letters to services that arrived up to now.
    fn run_letters(&mut self) {
        if !self.core.shared.signal.take_notification() {
            return;
        }
        let mut letters = std::mem::take(&mut self.letters);
        self.core.shared.tasks.swap(&mut letters);
        self.core.shared.counters.tasks.add(letters.len() as u64);
        for task in letters.drain(..) {
            self.run_task(task);
        }
        self.letters = letters;
        for (_, installed) in &mut self.sources {
            installed.source.on_mail(&mut self.core);
        }
    }

    fn run_task(&mut self, task: Task) {
        match task {
            Task::Run(task) => self.run_guarded(Callback::Task, task),
            Task::RunAt { number, deadline, task } => {
                self.core.add_remote_timer(number, deadline, None, TimerTask::Once(task));
            }
            Task::RunEvery { number, period, task } => {
                let deadline = deadline_after(self.core.now, period);
                let task = TimerTask::Every(task);
                self.core.add_remote_timer(number, deadline, Some(period), task);
            }
            Task::Cancel(timer) => {
                let task = self.core.take_timer(timer);
                self.forget_timer(timer, task.as_ref());
            }
        }
    }

    /// Tells the source of a cancelled timer.
    fn forget_timer(&mut self, id: TimerId, task: Option<&TimerTask>) {
        if let Some(&TimerTask::Source { source, timer }) = task
            && let Some(installed) = self.sources.get_mut(usize::from(source.index))
            && installed.id == source
        {
            installed.source.on_timer_cancelled(id, timer);
        }
    }

    fn dispatch_events(&mut self) {
        let mut count = 0;
        for (index, key, readiness) in self.batch.iter() {
            count += 1;
            // A source that ended has left the kernel's list too, but maybe not this batch.
            if let Some(installed) = self.sources.get_mut(usize::from(index)) {
                installed.source.on_event(&mut self.core, key, readiness);
            }
        }
        self.core.shared.counters.events.add(count);
        if self.batch.grow_if_full() {
            self.core.shared.counters.full_batches.add(1);
        }
    }

    fn fire_timers(&mut self) {
        while let Some((id, task)) = self.core.timers.take_due() {
            self.core.shared.counters.timers.add(1);
            match task {
                TimerTask::Once(task) => {
                    self.core.forget_remote(id);
                    self.run_guarded(Callback::Timer, task);
                }
                TimerTask::Every(task) => self.repeat(id, task),
                TimerTask::Source { source, timer } => {
                    if let Some(installed) = self.sources.get_mut(usize::from(source.index))
                        && installed.id == source
                    {
                        installed.source.on_timer(&mut self.core, id, timer);
                    }
                }
            }
        }
    }

    fn run_local_tasks(&mut self) {
        if self.tasks.is_empty() {
            return;
        }
        let tasks = std::mem::take(&mut self.tasks);
        self.core.shared.counters.tasks.add(tasks.len() as u64);
        for task in tasks {
            self.run_guarded(Callback::Task, task);
        }
    }

    fn run_guarded(&mut self, callback: Callback, task: impl FnOnce(&mut Self)) {
        // A panic takes the task alone.
        let _outcome = guarded(self, Call::of_loop(callback), task);
    }

    fn repeat(&mut self, id: TimerId, mut task: Box<dyn FnMut(&mut Self)>) {
        match guarded(self, Call::of_loop(Callback::Timer), &mut task) {
            Outcome::Returned => {
                self.core.timers.put_back(id, TimerTask::Every(task), self.core.now);
            }
            Outcome::Panicked => drop(self.core.take_timer(id)),
        }
    }

    fn end_turn(&mut self) {
        let core = &mut self.core;
        self.sources.retain(|_, installed| {
            let status = installed.source.end_turn(core);
            if status == SourceStatus::Finished {
                core.cancel_timers_of(installed.id);
            }
            status == SourceStatus::Active
        });
        core.shared.counters.sources.set(self.sources.len() as u64);
    }
}

impl Drop for EventLoop {
    /// Closes the connections that are left with [`CloseReason::Stopped`](crate::CloseReason)
    /// and drops the tasks that are left.
    fn drop(&mut self) {
        drop(self.core.shared.tasks.close());
        if std::thread::panicking() {
            // The program unwinds through its loop, and what would be called back may be part of that.
            return;
        }
        for (_, installed) in &mut self.sources {
            installed.source.terminate(&mut self.core);
        }
    }
}

impl AsMut<LoopCore> for EventLoop {
    fn as_mut(&mut self) -> &mut LoopCore {
        &mut self.core
    }
}

impl fmt::Debug for EventLoop {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("EventLoop")
            .field("sources", &self.sources.len())
            .field("timers", &self.core.timers.len())
            .finish_non_exhaustive()
    }
}
