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
        match self.process.wait_within(STOP_LIMIT) {
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
        self.number_in("status", "VmRSS:")
    }

    /// Memory that it occupies now with what is in no file, in KiB: heap and stacks.
    pub fn anonymous_kib(&self) -> u64 {
        self.number_in("smaps_rollup", "Anonymous:")
    }

    /// How often threads of this name, or of one that begins so, have slept until something came.
    pub fn sleeps(&self, name: &str) -> u64 {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.pid()));
        let tasks = tasks.expect("the process is there").flatten().map(|task| task.file_name());
        let tasks = tasks.map(|task| format!("task/{}/status", task.to_string_lossy()));
        let named = tasks.filter(|file| self.text_in(file, "Name:").starts_with(name));
        named.map(|file| self.number_in(&file, "voluntary_ctxt_switches:")).sum()
    }

    /// File descriptors that it holds open.
    pub fn descriptors(&self) -> usize {
        let entries = fs::read_dir(format!("/proc/{}/fd", self.pid()));
        entries.expect("the process is there").count()
    }

    /// The number on the line that begins with `field`, in one of the kernel's files about it.
    fn number_in(&self, file: &str, field: &str) -> u64 {
        let text = self.text_in(file, field);
        let number = text.split_whitespace().next().and_then(|number| number.parse().ok());
        number.unwrap_or_else(|| panic!("{field} in {file} has no number"))
    }

    fn text_in(&self, file: &str, field: &str) -> String {
        let text = fs::read_to_string(format!("/proc/{}/{file}", self.pid()));
        let text = text.expect("the process is there");
        let rest = text.lines().find_map(|line| line.strip_prefix(field));
        rest.unwrap_or_else(|| panic!("{file} has no {field}")).trim().to_owned()
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
