//! Waiting for a process to end, with a deadline.

use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

/// What became of a process that was waited for.
#[derive(Debug)]
pub enum Ended {
    /// It ended by itself.
    With(ExitStatus),
    /// It still runs.
    StillRuns,
}

/// Waits for `child` to end, at most for `limit`.
pub fn wait_for_exit(child: &mut Child, limit: Duration) -> Ended {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(status) = child.try_wait().expect("the child is ours to wait for") {
            return Ended::With(status);
        }
        if Instant::now() >= deadline {
            return Ended::StillRuns;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}
