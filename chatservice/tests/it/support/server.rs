//! A server process under test.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::guard::Guard;
use super::{Client, DEADLINE, Ended, Launch, free_port, wait_for_exit, wait_until};

const START_LIMIT: Duration = Duration::from_secs(20);
const STOP_LIMIT: Duration = Duration::from_secs(20);

/// A running ChatServer with its own data folder. Dropping it kills the process.
pub(crate) struct TestServer {
    child: Child,
    port: u16,
    folder: TempDir,
    launch: Launch,
}

impl TestServer {
    /// The server that all tests use that neither change its life nor need special flags.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<(TestServer, Guard)> = OnceLock::new();
        let (server, _) = SHARED.get_or_init(|| {
            let server = Self::start(Launch::new());
            let guard = Guard::over(server.pid(), server.folder.path());
            (server, guard)
        });
        server
    }

    /// A server of its own for one test.
    pub(crate) fn start(launch: Launch) -> Self {
        let folder = TempDir::new().expect("a temporary folder can be made");
        let port = free_port();
        let child = launch.spawn(port, &folder.path().join("data"), folder.path());
        let mut server = Self { child, port, folder, launch };
        server.wait_until_listening();
        server
    }

    /// A server of its own with these flags on top.
    pub(crate) fn with(flags: &[(&str, u64)]) -> Self {
        let launch = Launch::new();
        Self::start(flags.iter().fold(launch, |launch, (name, value)| launch.flag(name, value)))
    }

    /// Starts it again, on the same port and data.
    pub(crate) fn restart(&mut self) {
        let _ = fs::remove_file(self.folder.path().join("stdout"));
        self.child = self.launch.spawn(self.port, &self.data(), self.folder.path());
        self.wait_until_listening();
    }

    fn wait_until_listening(&mut self) {
        let line = format!("listening on {}", self.address());
        let deadline = Instant::now() + START_LIMIT;
        while !self.stdout().contains(&line) {
            let ended = self.child.try_wait().expect("the child is ours");
            assert!(ended.is_none(), "ended at start: {ended:?}\n{}", self.log());
            assert!(Instant::now() < deadline, "no {line:?} on stdout:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The folder around the data folder, for files of the test.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A connection on which nothing was said yet.
    pub(crate) fn connect(&self) -> Client {
        Client::connect(self.address(), &self.log_path())
    }

    /// Where it writes its log.
    pub(crate) fn log_path(&self) -> PathBuf {
        self.folder.path().join("stderr")
    }

    /// What it wrote to standard output since it started.
    pub(crate) fn stdout(&self) -> String {
        fs::read_to_string(self.folder.path().join("stdout")).unwrap_or_default()
    }

    /// The end of what it wrote to standard error.
    pub(crate) fn log(&self) -> String {
        log_tail(&self.log_path())
    }

    /// Ends it at once, as a power cut would.
    pub(crate) fn kill9(&mut self) {
        self.child.kill().expect("the child is ours to kill");
        self.child.wait().expect("the child is ours to wait for");
    }

    /// Sends `signal`, which is no end yet.
    pub(crate) fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        kill_process(pid.expect("a child's id is a process id"), signal)
            .expect("the child is ours to signal");
    }

    /// Freezes it, and waits until every thread stands still.
    pub(crate) fn stop_all_threads(&self) {
        self.signal(Signal::STOP);
        wait_until("all threads stand still", DEADLINE, || {
            let threads = fs::read_dir(format!("/proc/{}/task", self.pid()));
            threads.expect("the process is there").all(|thread| {
                let path = thread.expect("a thread of it").path().join("stat");
                let stat = fs::read_to_string(path).unwrap_or_default();
                stat.rsplit_once(") ").is_some_and(|(_, state)| state.starts_with('T'))
            })
        });
    }

    /// Waits for its end after a signal.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        match wait_for_exit(&mut self.child, STOP_LIMIT) {
            Ended::With(status) => status,
            Ended::StillRuns => panic!("still runs after {STOP_LIMIT:?}:\n{}", self.log()),
        }
    }

    /// SIGTERM and the exit status that follows.
    pub(crate) fn terminate(&mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.wait()
    }

    /// Memory that it occupies now, in KiB.
    pub(crate) fn memory_kib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid()));
        let status = status.expect("the process is there");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let number = line.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
        number.expect("VmRSS has a number")
    }

    /// File descriptors that it holds open.
    pub(crate) fn descriptors(&self) -> usize {
        let entries = fs::read_dir(format!("/proc/{}/fd", self.pid()));
        entries.expect("the process is there").count()
    }

    /// Fails unless a stranger can connect, register, log in and get a ping answered.
    pub(crate) fn assert_alive(&self) {
        let account = self.account();
        let mut client = self.acking(&account);
        client.fence();
        client.logout();
    }

    /// As [`Self::assert_alive`] once it has room again for one more.
    pub(crate) fn assert_alive_soon(&self) {
        wait_until("strangers are let in again", DEADLINE, || self.connect().tries_to_register());
        self.assert_alive();
    }

    /// Waits until it has let go of what clients that left held.
    pub(crate) fn wait_for_descriptors(&self, at_most: usize) {
        wait_until("descriptors are given back", DEADLINE, || self.descriptors() <= at_most);
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the server's log ends with:\n{}", self.log());
        }
        // Both fail when it has ended already, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The last lines of a log file.
pub(crate) fn log_tail(path: &Path) -> String {
    let text = fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let text = text.unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(30)..].join("\n")
}
