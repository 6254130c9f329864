//! Ends a server whose owner was killed, or lives in a `static`, which nobody drops.

use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A small process that waits until this one has ended, however it ended, then ends a group of
/// processes and removes their folder.
pub(crate) struct Guard {
    /// Its standard input is the leash: the kernel closes it with this process.
    process: Child,
}

impl Guard {
    /// Watches over the process group of `pid`.
    pub(crate) fn over(pid: u32, folder: &Path) -> Self {
        let process = Command::new("sh")
            .arg("-c")
            .arg(r#"cat >/dev/null; kill -s KILL -- "-$1" 2>/dev/null; rm -rf -- "$2""#)
            .arg("guard")
            .arg(pid.to_string())
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("sh starts");
        Self { process }
    }

    /// Ends the guard alone: what it watched over has ended.
    pub(crate) fn dismiss(mut self) {
        // Both fail when it has ended already, which is what is wanted.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
