//! Which processor a thread runs on.

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use std::io;

/// Keeps the calling thread on one processor, counted from 0; threads that it starts from now on
/// inherit this.
///
/// # Errors
/// `InvalidInput` if this process has no such processor, or what the system says against it.
pub fn pin_current_thread(processor: usize) -> io::Result<()> {
    check(processor)?;
    let mut only = CpuSet::new();
    only.set(processor);
    Ok(sched_setaffinity(None, &only)?)
}

/// Whether the calling thread may run on a processor.
pub(crate) fn check(processor: usize) -> io::Result<()> {
    if processor < CpuSet::MAX_CPU && sched_getaffinity(None)?.is_set(processor) {
        return Ok(());
    }
    let text = "this process may not run there, or it does not exist";
    Err(io::Error::new(io::ErrorKind::InvalidInput, text))
}
