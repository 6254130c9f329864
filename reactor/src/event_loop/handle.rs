//! The remote of a loop: what other threads may ask of it.

use crate::driver::clock::Clock;
use crate::driver::poller::PollerAlarm;
use crate::event_loop::EventLoop;
use crate::event_loop::activity::{Activity, Call};
use crate::event_loop::mailbox::Mailbox;
use crate::event_loop::observer::CallReport;
use crate::event_loop::service_directory::ServiceDirectory;
use crate::event_loop::stats::{LoopCounters, LoopStats};
use crate::event_loop::timer_queue::{TimerId, deadline_after};
use crate::event_loop::wake_signal::WakeSignal;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

/// A letter to a loop itself.
pub(crate) enum Task {
    Run(Box<dyn FnOnce(&mut EventLoop) + Send>),
    RunAt { number: u64, deadline: Instant, task: Box<dyn FnOnce(&mut EventLoop) + Send> },
    RunEvery { number: u64, period: Duration, task: Box<dyn FnMut(&mut EventLoop) + Send> },
    Cancel(TimerId),
}

/// Loops made by this process so far.
static LOOPS: AtomicU64 = AtomicU64::new(0);
/// Timer numbers that a loop has to itself, so that it does not know those of other loops.
const TIMER_NUMBER_BITS: u32 = 40;

/// What a loop shares with its handles.
pub(crate) struct LoopShared {
    pub(crate) tasks: Mailbox<Task>,
    pub(crate) signal: Arc<WakeSignal>,
    pub(crate) counters: LoopCounters,
    pub(crate) activity: Activity,
    pub(crate) services: ServiceDirectory,
    quit: AtomicBool,
    number: u64,
    timer_number: AtomicU64,
    pub(crate) clock: Clock,
    thread: ThreadId,
}

impl LoopShared {
    /// Called on the thread that will run the loop.
    pub(crate) fn new(alarm: PollerAlarm, clock: Clock) -> Self {
        let signal = Arc::new(WakeSignal::new(alarm));
        let number = LOOPS.fetch_add(1, Ordering::Relaxed);
        Self {
            tasks: Mailbox::new(signal.clone()),
            signal,
            counters: LoopCounters::default(),
            activity: Activity::default(),
            services: ServiceDirectory::default(),
            quit: AtomicBool::new(false),
            number,
            timer_number: AtomicU64::new(number << TIMER_NUMBER_BITS),
            clock,
            thread: thread::current().id(),
        }
    }

    /// Which loop of the process this is, from 0.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// The number of a timer made on the loop, in the queue from the start: an even one.
    pub(crate) fn next_timer_number(&self) -> u64 {
        self.timer_number.fetch_add(2, Ordering::Relaxed)
    }

    /// The number of a timer made by a handle, which a letter adds to the queue: an odd one.
    fn next_remote_timer_number(&self) -> u64 {
        self.next_timer_number() | 1
    }

    /// Any thread: what is told of a call.
    pub(crate) fn report(&self, call: Call, took: Duration) -> CallReport {
        let service = call.source.and_then(|source| self.services.type_name(source));
        CallReport { callback: call.callback, service, connection: call.connection, took }
    }

    pub(crate) fn is_quit(&self) -> bool {
        self.quit.load(Ordering::Acquire)
    }

    /// Loop thread.
    pub(crate) fn take_quit(&self) -> bool {
        let asked = self.is_quit() && self.quit.swap(false, Ordering::AcqRel);
        if asked {
            self.signal.count_taken(1);
        }
        asked
    }
}

/// Whether a letter adds this timer to the queue, and may be still on its way.
pub(crate) fn is_remote(timer: TimerId) -> bool {
    timer.number & 1 == 1
}

/// Any thread. The remote of one [`EventLoop`]; cheap to clone, and harmless when the loop has
/// ended: what is asked then is dropped.
///
/// ```
/// let mut event_loop = reactor::EventLoop::new()?;
/// let handle = event_loop.handle();
/// std::thread::spawn(move || handle.run_in_loop(|event_loop| event_loop.handle().quit()));
/// event_loop.run()?;
/// # Ok::<(), reactor::Error>(())
/// ```
#[derive(Clone)]
pub struct LoopHandle {
    pub(crate) shared: Arc<LoopShared>,
}

impl LoopHandle {
    /// Runs `task` on the loop's thread, after those that this thread queued by handles before.
    ///
    /// Unlike [`EventLoop::run_in_loop`] it never runs inside the call, not even on the loop's
    /// own thread, where the loop is busy calling back.
    pub fn run_in_loop(&self, task: impl FnOnce(&mut EventLoop) + Send + 'static) {
        self.queue_in_loop(task);
    }

    /// Queues `task` for the loop's thread. One wake-up serves all tasks queued before the loop
    /// gets to them; a loop that is awake needs none.
    pub fn queue_in_loop(&self, task: impl FnOnce(&mut EventLoop) + Send + 'static) {
        self.push(Task::Run(Box::new(task)));
    }

    /// Runs `task` at `deadline`; if that has passed, in the turn after the one in which the loop
    /// learns of it.
    pub fn run_at(
        &self,
        deadline: Instant,
        task: impl FnOnce(&mut EventLoop) + Send + 'static,
    ) -> TimerId {
        let number = self.shared.next_remote_timer_number();
        self.push(Task::RunAt { number, deadline, task: Box::new(task) });
        TimerId::without_place(number)
    }

    /// Runs `task` after `delay`, counted from now.
    pub fn run_after(
        &self,
        delay: Duration,
        task: impl FnOnce(&mut EventLoop) + Send + 'static,
    ) -> TimerId {
        self.run_at(deadline_after(self.shared.clock.now(), delay), task)
    }

    /// Runs `task` every `period`, first one period from when the loop learns of it.
    pub fn run_every(
        &self,
        period: Duration,
        task: impl FnMut(&mut EventLoop) + Send + 'static,
    ) -> TimerId {
        let number = self.shared.next_remote_timer_number();
        self.push(Task::RunEvery { number, period, task: Box::new(task) });
        TimerId::without_place(number)
    }

    /// Cancels a timer of the loop. It may still fire once if it is due before the loop learns of
    /// this.
    pub fn cancel(&self, timer: TimerId) {
        self.push(Task::Cancel(timer));
    }

    /// Ends [`EventLoop::run`] after its current turn; if it does not run yet, its next run
    /// ends before it waits. [`EventLoop::run_once`] tells of it.
    pub fn quit(&self) {
        self.shared.quit.store(true, Ordering::Release);
        self.shared.signal.notify();
    }

    /// Whether the caller is on the loop's thread.
    pub fn is_in_loop_thread(&self) -> bool {
        self.shared.thread == thread::current().id()
    }

    /// Tasks waiting for the loop.
    pub fn queue_size(&self) -> usize {
        self.shared.tasks.len()
    }

    /// What the loop has done so far, for metrics. A few loads, and locks that the loop seldom takes.
    pub fn stats(&self) -> LoopStats {
        LoopStats {
            wakeups: self.shared.signal.wakeups(),
            wakeups_saved: self.shared.signal.wakeups_saved(),
            tasks_waiting: self.shared.tasks.len() as u64,
            letters_waiting: self.shared.services.letters_waiting() as u64,
            ..self.shared.counters.snapshot()
        }
    }

    fn push(&self, task: Task) {
        // A loop that has ended runs nothing; the task is dropped here.
        let _ended = self.shared.tasks.push(task);
    }
}

impl fmt::Debug for LoopHandle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("LoopHandle").field("thread", &self.shared.thread).finish()
    }
}
