//! A server's process.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::guard::Guard;
use crate::{Ended, wait_for_exit, wait_until};

/// Freezing is a matter of microseconds; a machine under load needs longer.
const FREEZE_WITHIN: Duration = Duration::from_secs(10);

/// A process and its children, in a process group of their own. Dropping it kills them.
pub struct Process {
    child: Child,
    /// Ends it when this process is killed, too; None when it has ended.
    guard: Option<Guard>,
}

impl Process {
    /// Starts `command`, whose files lie in `folder`.
    pub fn spawn(command: &mut Command, folder: &Path) -> Self {
        // A group of its own, so that workers end with their master, and Ctrl-C ends none of them.
        let child = command.process_group(0).spawn();
        let child = child.unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let guard = Guard::over(child.id(), folder);
        Self { child, guard: Some(guard) }
    }

    /// Its id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it did.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        match self.wait(Duration::ZERO) {
            Ended::With(status) => Some(status),
            Ended::StillRuns => None,
        }
    }

    /// Sends `signal` to it, not to its children. It must not have been waited for.
    pub fn signal(&self, signal: Signal) {
        kill_process(self.rustix_pid(), signal).expect("the child is ours to signal");
    }

    /// Freezes it, and waits until every thread stands still.
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
        wait_until("all threads stand still", FREEZE_WITHIN, || {
            let threads = fs::read_dir(format!("/proc/{}/task", self.pid()));
            threads.expect("the process is there").all(|thread| {
                let path = thread.expect("a thread of it").path().join("stat");
                let stat = fs::read_to_string(path).unwrap_or_default();
                stat.rsplit_once(") ").is_some_and(|(_, state)| state.starts_with('T'))
            })
        });
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    /// Ends it and its children at once, as a power cut would. Harmless when it has ended.
    pub fn kill9(&mut self) {
        // First the guard: the id may belong to another process soon.
        if self.dismiss_guard() {
            // Fails when all have ended, which is what is wanted.
            let _ = kill_process_group(self.rustix_pid(), Signal::KILL);
            self.child.wait().expect("the child is ours to wait for");
        }
    }

    /// Waits for its end, at most for `limit`.
    pub fn wait(&mut self, limit: Duration) -> Ended {
        let ended = wait_for_exit(&mut self.child, limit);
        if matches!(ended, Ended::With(_)) {
            self.dismiss_guard();
        }
        ended
    }

    /// Whether there was one, and so a process.
    fn dismiss_guard(&mut self) -> bool {
        let guard = self.guard.take();
        let watched = guard.is_some();
        guard.into_iter().for_each(Guard::dismiss);
        watched
    }

    fn rustix_pid(&self) -> Pid {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        pid.expect("a child's id is a process id")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill9();
    }
}
