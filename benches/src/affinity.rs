//! Which processor a thread, and what it starts, may run on.

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use std::io;

/// Keeps the calling thread on processor `cpu`, counted from 0; returns where it was allowed
/// before. Threads and processes that it starts from now on inherit this.
///
/// # Errors
/// If there is no such processor, or it is not allowed to this process.
pub fn pin_thread(cpu: usize) -> io::Result<CpuSet> {
    let before = sched_getaffinity(None)?;
    let mut only = CpuSet::new();
    if cpu >= CpuSet::MAX_CPU || !before.is_set(cpu) {
        return Err(io::Error::other(format!("processor {cpu} is not among those allowed")));
    }
    only.set(cpu);
    sched_setaffinity(None, &only)?;
    Ok(before)
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
        let allowed = sched_getaffinity(None).unwrap();
        let cpu = (0..CpuSet::MAX_CPU).rfind(|&cpu| allowed.is_set(cpu)).unwrap();
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
