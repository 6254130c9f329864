//! Which processor a thread, and what it starts, may run on.

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use std::fmt::Display;
use std::io;

/// Keeps the calling thread on processor `cpu`, counted from 0; returns where it was allowed
/// before. Threads and processes that it starts from now on inherit this.
///
/// # Errors
/// If there is no such processor, or this process may not use it.
pub fn pin_thread(cpu: usize) -> io::Result<CpuSet> {
    let before = sched_getaffinity(None)?;
    let refused =
        |error: &dyn Display| io::Error::other(format!("cannot stay on processor {cpu}: {error}"));
    reactor::pin_current_thread(cpu).map_err(|error| refused(&error))?;
    Ok(before)
}

/// The first and the last processor that the calling thread may run on: one for a server, one
/// for its clients. They are the same where there is only one.
///
/// # Errors
/// If the system does not tell.
pub fn two_processors() -> io::Result<(usize, usize)> {
    let allowed = sched_getaffinity(None)?;
    let is_allowed = |cpu: &usize| allowed.is_set(*cpu);
    let mut cpus = 0..CpuSet::MAX_CPU;
    let first = cpus.find(is_allowed).unwrap_or_default();
    Ok((first, cpus.rfind(is_allowed).unwrap_or(first)))
}

/// Keeps the calling thread to two processors, if it may run on more. Threads and processes that
/// it starts from now on inherit this.
///
/// # Errors
/// If the system refuses.
pub fn keep_to_two_processors() -> io::Result<()> {
    let (first, last) = two_processors()?;
    let mut two = CpuSet::new();
    two.set(first);
    two.set(last);
    Ok(sched_setaffinity(None, &two)?)
}

/// Allows the calling thread the processors that [`pin_thread`] returned.
///
/// # Errors
/// If they are not allowed any more.
pub fn unpin_thread(before: &CpuSet) -> io::Result<()> {
    Ok(sched_setaffinity(None, before)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pinned_thread_is_where_it_was_put() {
        let (first, cpu) = two_processors().unwrap();
        assert!(first <= cpu);
        let before = pin_thread(cpu).unwrap();
        assert_eq!(sched_getaffinity(None).unwrap().count(), 1);
        assert_eq!(rustix::thread::sched_getcpu(), cpu);
        unpin_thread(&before).unwrap();
        assert_eq!(sched_getaffinity(None).unwrap().count(), before.count());
    }

    #[test]
    fn a_processor_that_does_not_exist_is_refused() {
        assert!(pin_thread(CpuSet::MAX_CPU).is_err());
    }
}
