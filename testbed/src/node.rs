//! A ChatServer process.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tempfile::TempDir;

use crate::{Ended, Launch, Process, free_port, log_tail};

const START_LIMIT: Duration = Duration::from_secs(20);
const STOP_LIMIT: Duration = Duration::from_secs(20);

/// A running ChatServer with its own data folder. Dropping it kills the process.
pub struct Node {
    process: Process,
    port: u16,
    folder: TempDir,
    launch: Launch,
}

impl Node {
    /// Starts one on a free port and waits until it listens.
    pub fn start(launch: Launch) -> Self {
        let folder = TempDir::new().expect("a temporary folder can be made");
        let port = free_port();
        let process = launch.spawn(port, &folder.path().join("data"), folder.path());
        let mut node = Self { process, port, folder, launch };
        node.wait_until_listening();
        node
    }

    /// Starts it again, on the same port and data.
    pub fn restart(&mut self) {
        let _ = fs::remove_file(self.folder.path().join("stdout"));
        self.process = self.launch.spawn(self.port, &self.data(), self.folder.path());
        self.wait_until_listening();
    }

    fn wait_until_listening(&mut self) {
        let line = format!("listening on {}", self.address());
        let deadline = Instant::now() + START_LIMIT;
        while !self.stdout().contains(&line) {
            let ended = self.process.ended();
            assert!(ended.is_none(), "ended at start: {ended:?}\n{}", self.log());
            assert!(Instant::now() < deadline, "no {line:?} on stdout:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    /// The port of [`Self::address`].
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its data folder.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The folder around the data folder, for files of the test.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where it writes its log.
    pub fn log_path(&self) -> PathBuf {
        self.folder.path().join("stderr")
    }

    /// What it wrote to standard output since it started.
    pub fn stdout(&self) -> String {
        fs::read_to_string(self.folder.path().join("stdout")).unwrap_or_default()
    }

    /// The end of what it wrote to standard error.
    pub fn log(&self) -> String {
        log_tail(&self.log_path())
    }

    /// Waits for its end after a signal.
    pub fn wait(&mut self) -> ExitStatus {
        match self.process.wait(STOP_LIMIT) {
            Ended::With(status) => status,
            Ended::StillRuns => panic!("still runs after {STOP_LIMIT:?}:\n{}", self.log()),
        }
    }

    /// SIGTERM and the exit status that follows.
    pub fn terminate(&mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.wait()
    }

    /// Memory that it occupies now, in KiB.
    pub fn memory_kib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid()));
        let status = status.expect("the process is there");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let number = line.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
        number.expect("VmRSS has a number")
    }

    /// File descriptors that it holds open.
    pub fn descriptors(&self) -> usize {
        let entries = fs::read_dir(format!("/proc/{}/fd", self.pid()));
        entries.expect("the process is there").count()
    }
}

/// Killed, frozen and thawed as any process.
impl Deref for Node {
    type Target = Process;

    fn deref(&self) -> &Process {
        &self.process
    }
}

impl DerefMut for Node {
    fn deref_mut(&mut self) -> &mut Process {
        &mut self.process
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the log of the server on port {} ends with:\n{}", self.port, self.log());
        }
    }
}
