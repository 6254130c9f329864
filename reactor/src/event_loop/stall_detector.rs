//! Tells of callbacks that keep a loop from its other connections.

use crate::error::{Error, Result};
use crate::event_loop::activity::Call;
use crate::event_loop::handle::LoopHandle;
use crate::event_loop::observer::CallReport;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Looks at a loop this often within the threshold.
const LOOKS: u32 = 4;
/// More often than this costs more than it tells.
const INTERVAL_MIN: Duration = Duration::from_millis(1);

/// A callback that takes too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stall {
    /// It has taken this long so far, and goes on. `took` counts from when it was first noticed.
    Going(CallReport),
    /// It is over, and took about this long.
    Over(CallReport),
}

/// A thread that looks at loops from outside, and names what holds one up: the callback, the type of
/// its service and the connection. It costs the loops two or three plain stores a callback, which
/// they make in any case. Ends when dropped.
///
/// ```
/// use reactor::{EventLoopThread, Stall, StallDetector};
/// use std::sync::mpsc;
/// use std::time::Duration;
///
/// let thread = EventLoopThread::start("worker", |_event_loop| {})?;
/// let (sender, stalls) = mpsc::channel();
/// let loops = vec![thread.handle().clone()];
/// let _detector = StallDetector::start(loops, Duration::from_millis(20), move |index, stall| {
///     sender.send((index, stall)).expect("somebody listens");
/// })?;
/// thread.handle().run_in_loop(|_event_loop| std::thread::sleep(Duration::from_millis(200)));
/// let Ok((0, Stall::Going(call))) = stalls.recv() else { panic!("a stall of the only loop") };
/// assert_eq!(call.callback.name(), "task");
/// # drop(stalls.recv());
/// # Ok::<(), reactor::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "a detector ends when it is dropped"]
pub struct StallDetector {
    stop: mpsc::Sender<()>,
    thread: Option<JoinHandle<()>>,
}

/// What is known of one loop.
#[derive(Clone, Copy, Debug)]
struct Watched {
    number: u64,
    call: Call,
    since: Instant,
    told: bool,
}

impl StallDetector {
    /// Looks at `loops` until dropped, and calls `report` on its own thread with the index of a loop
    /// in whose thread a callback has taken `threshold` and when it has ended. What is shorter than
    /// the threshold is not told; a threshold below 4 ms is as good as 4 ms.
    ///
    /// # Errors
    /// If the thread cannot be made.
    pub fn start(
        loops: Vec<LoopHandle>,
        threshold: Duration,
        report: impl FnMut(usize, Stall) + Send + 'static,
    ) -> Result<Self> {
        let (stop, stopped) = mpsc::channel();
        let name = "stall-detector";
        let thread = thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || watch(&loops, threshold, &stopped, report))
            .map_err(|error| Error::new("start thread", name, error))?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

fn watch(
    loops: &[LoopHandle],
    threshold: Duration,
    stopped: &mpsc::Receiver<()>,
    mut report: impl FnMut(usize, Stall),
) {
    let interval = (threshold / LOOKS).max(INTERVAL_MIN);
    let mut watched = vec![None; loops.len()];
    while stopped.recv_timeout(interval) == Err(mpsc::RecvTimeoutError::Timeout) {
        let now = Instant::now();
        for (index, (handle, before)) in loops.iter().zip(&mut watched).enumerate() {
            if let Some(stall) = look(handle, before, now, threshold) {
                report(index, stall);
            }
        }
    }
}

/// Looks at one loop, and remembers what it found in `watched`.
fn look(
    handle: &LoopHandle,
    watched: &mut Option<Watched>,
    now: Instant,
    threshold: Duration,
) -> Option<Stall> {
    let report = |call, took| handle.shared.report(call, took);
    let present = handle.shared.activity.look();
    if let Some(before) = watched
        && present.is_some_and(|(number, _)| number == before.number)
    {
        let took = now - before.since;
        let tells = !before.told && took >= threshold;
        before.told |= tells;
        return tells.then(|| Stall::Going(report(before.call, took)));
    }
    let before = watched.take();
    *watched = present.map(|(number, call)| Watched { number, call, since: now, told: false });
    let before = before.filter(|before| before.told)?;
    Some(Stall::Over(report(before.call, now - before.since)))
}

impl Drop for StallDetector {
    fn drop(&mut self) {
        // Gone if its report panicked.
        let _gone = self.stop.send(());
        if let Some(thread) = self.thread.take()
            && thread.thread().id() != thread::current().id()
            && thread.join().is_err()
        {
            log::error!("the report of a stall panicked");
        }
    }
}
