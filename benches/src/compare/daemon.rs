//! A server of the system: a process with a folder and a port of its own.

use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use testbed::{Process, free_port};

/// How long to wait before the next try.
const TRY_AFTER: Duration = Duration::from_millis(10);

/// Killed when dropped; its folder goes with it.
pub(super) struct Daemon {
    name: &'static str,
    pub(super) address: SocketAddr,
    process: Process,
    folder: TempDir,
}

impl Daemon {
    /// Starts what `command` makes for a folder and a port, and waits until it listens. It inherits
    /// the calling thread's processors.
    pub(super) fn start(
        name: &'static str,
        within: Duration,
        command: impl FnOnce(&Path, u16) -> io::Result<Command>,
    ) -> io::Result<Self> {
        let folder = tempfile::tempdir()?;
        let port = free_port();
        let log = File::create(folder.path().join("log"))?;
        let mut command = command(folder.path(), port)?;
        command.current_dir(folder.path());
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let process = Process::spawn(&mut command, folder.path());
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut daemon = Self { name, address, process, folder };
        daemon.wait_until_it_listens(within)?;
        Ok(daemon)
    }

    pub(super) fn pid(&self) -> u32 {
        self.process.pid()
    }

    fn wait_until_it_listens(&mut self, within: Duration) -> io::Result<()> {
        let deadline = Instant::now() + within;
        loop {
            let Err(error) = TcpStream::connect(self.address) else { return Ok(()) };
            if self.process.ended().is_some() || Instant::now() >= deadline {
                let log = testbed::log_tail(&self.folder.path().join("log"));
                return Err(io::Error::other(format!("{}: {error}\n{log}", self.name)));
            }
            thread::sleep(TRY_AFTER);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_ends_is_no_server() {
        let within = Duration::from_secs(60);
        let command = |_: &Path, _| {
            let mut command = Command::new("sh");
            command.args(["-c", "echo no such option; exit 1"]);
            Ok(command)
        };
        let error = Daemon::start("sh", within, command).err().expect("it does not listen");
        assert!(error.to_string().contains("no such option"), "{error}");
    }
}
