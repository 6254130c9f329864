//! A private HAProxy in front of servers.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;

use crate::log::appended;
use crate::program::system;
use crate::{Process, free_port, log_tail, wait_until};

const START_LIMIT: Duration = Duration::from_secs(20);
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// A running HAProxy. Dropping it kills it.
pub struct HaProxy {
    process: Process,
    port: u16,
    folder: TempDir,
}

impl HaProxy {
    /// With what `configuration` gives for the port that it is to listen on; `socket` in its
    /// folder is for [`Self::ask`].
    pub fn start(configuration: impl Fn(u16) -> String) -> Self {
        let folder = TempDir::new().expect("a temporary folder can be made");
        let port = free_port();
        let file = folder.path().join("haproxy.cfg");
        fs::write(&file, configuration(port)).expect("the folder takes a file");
        let log = folder.path().join("log");
        let mut command = system("haproxy", "haproxy");
        command.arg("-db").arg("-C").arg(folder.path()).arg("-f").arg(&file);
        command.stdin(Stdio::null()).stdout(appended(&log)).stderr(appended(&log));
        let process = Process::spawn(&mut command, folder.path());
        let mut proxy = Self { process, port, folder };
        wait_until("HAProxy listens", START_LIMIT, || {
            assert!(proxy.process.ended().is_none(), "HAProxy ended: {}", proxy.log());
            TcpStream::connect(proxy.address()).is_ok()
        });
        proxy
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    /// What it answers on its socket; nothing before that is there.
    pub fn ask(&self, command: &str) -> String {
        let mut answer = String::new();
        if let Ok(mut socket) = UnixStream::connect(self.folder.path().join("socket")) {
            socket.set_read_timeout(Some(ANSWER_WITHIN)).expect("the time is not zero");
            writeln!(socket, "{command}").expect("the socket takes a line");
            socket.read_to_string(&mut answer).expect("the answer is text");
        }
        answer
    }

    fn log(&self) -> String {
        log_tail(&self.folder.path().join("log"))
    }
}

impl Drop for HaProxy {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("HAProxy's log ends with:\n{}", self.log());
        }
    }
}
