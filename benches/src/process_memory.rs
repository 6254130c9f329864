//! What memory processes have.

use std::io;

/// Bytes that process `pid` has written to and no file holds: its heap and stacks.
pub(crate) fn anonymous_bytes(pid: u32) -> io::Result<u64> {
    // Not from /proc/PID/status, whose figures lag behind by some pages a processor.
    let rollup = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    anonymous_in(&rollup).ok_or_else(|| io::Error::other("odd /proc/PID/smaps_rollup"))
}

fn anonymous_in(rollup: &str) -> Option<u64> {
    let line = rollup.lines().find_map(|line| line.strip_prefix("Anonymous:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_found() {
        let rollup = "Rss:    1684 kB\nAnonymous:           116 kB\nKSM:     0 kB\n";
        assert_eq!(anonymous_in(rollup), Some(116 * 1024));
        assert_eq!(anonymous_in("Rss: 1 kB\n"), None);
    }

    #[test]
    fn memory_that_is_written_to_counts() {
        const BYTES: usize = 16 << 20;
        let before = anonymous_bytes(std::process::id()).unwrap();
        let block = vec![1_u8; BYTES];
        let after = anonymous_bytes(std::process::id()).unwrap();
        assert!(after >= before + BYTES as u64 / 2, "{before} {after}");
        drop(block);
    }
}
