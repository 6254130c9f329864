//! What processes have computed.

use rustix::time::{ClockId, clock_gettime};
use std::io;
use std::time::Duration;

/// Clock ticks a second in `/proc/PID/stat`: USER_HZ, 100 wherever the kernel's interface is not
/// older than Linux 2.6.
const TICKS_PER_SECOND: u32 = 100;

/// What all threads of process `pid` have computed since it started; in steps of 10 ms.
pub(crate) fn of_process(pid: u32) -> io::Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let ticks = ticks_in(&stat).ok_or_else(|| io::Error::other("odd /proc/PID/stat"))?;
    Ok(Duration::from_secs(1) * ticks / TICKS_PER_SECOND)
}

/// What the present threads of process `pid` have computed; to the microsecond, for short turns.
pub(crate) fn of_threads(pid: u32) -> io::Result<Duration> {
    let mut nanos = 0;
    for thread in std::fs::read_dir(format!("/proc/{pid}/task"))? {
        let stat = std::fs::read_to_string(thread?.path().join("schedstat"))?;
        nanos += nanos_in(&stat).ok_or_else(|| io::Error::other("odd /proc/PID/schedstat"))?;
    }
    Ok(Duration::from_nanos(nanos))
}

/// What this process has computed since it started.
pub(crate) fn own() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32)
}

/// utime and stime, fields 14 and 15; the second field is a name that may hold anything.
fn ticks_in(stat: &str) -> Option<u32> {
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut fields = fields.split(' ').skip(11);
    let user: u32 = fields.next()?.parse().ok()?;
    let system: u32 = fields.next()?.parse().ok()?;
    user.checked_add(system)
}

/// The first of three numbers.
fn nanos_in(schedstat: &str) -> Option<u64> {
    schedstat.split(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_found_behind_any_name() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194304 100 0 0 0 12 30 0 0 20 0 1 0 5 1 1";
        assert_eq!(ticks_in(stat), Some(42));
        assert_eq!(ticks_in("7 (a) S 1"), None);
    }

    #[test]
    fn what_threads_computed_is_the_first_number() {
        assert_eq!(nanos_in("409117336 227479344 86\n"), Some(409_117_336));
        assert_eq!(nanos_in("x 1 2"), None);
    }

    #[test]
    fn both_clocks_tell_of_this_process() {
        let before = own();
        let read = of_process(std::process::id()).unwrap();
        // The file rounds down, and the kernel may give a tick to the wrong one.
        assert!(read <= own() + Duration::from_millis(20), "{read:?}");
        assert!(before <= own());
    }
}
