//! Which processor a thread runs on.

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use std::io;

/// Keeps the calling thread on one processor, counted from 0, wherever it was kept before; threads
/// that it starts from now on inherit this.
///
/// # Errors
/// `InvalidInput` if this process has no such processor, or what the system says against it.
pub fn pin_current_thread(processor: usize) -> io::Result<()> {
    if processor >= CpuSet::MAX_CPU {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "there are fewer processors"));
    }
    let mut only = CpuSet::new();
    only.set(processor);
    Ok(sched_setaffinity(None, &only)?)
}

/// Whether threads of this process may be kept on a processor; finds out by trying.
pub(crate) fn check(processor: usize) -> io::Result<()> {
    let before = sched_getaffinity(None)?;
    pin_current_thread(processor)?;
    Ok(sched_setaffinity(None, &before)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_may_move_from_one_processor_to_another() {
        let before = sched_getaffinity(None).unwrap();
        let is_allowed = |cpu: &usize| before.is_set(*cpu);
        let mut processors = 0..CpuSet::MAX_CPU;
        let first = processors.find(is_allowed).unwrap();
        let last = processors.rfind(is_allowed).unwrap_or(first);
        pin_current_thread(first).unwrap();
        check(last).unwrap();
        assert_eq!(sched_getaffinity(None).unwrap().count(), 1, "a check changes nothing");
        pin_current_thread(last).unwrap();
        assert_eq!(rustix::thread::sched_getcpu(), last);
    }

    #[test]
    fn a_processor_that_does_not_exist_is_refused() {
        for processor in [CpuSet::MAX_CPU - 1, CpuSet::MAX_CPU] {
            let error = pin_current_thread(processor).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        }
    }
}
