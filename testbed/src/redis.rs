//! A private Redis that keeps nothing.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::ops::{Deref, DerefMut};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;

use crate::log::appended;
use crate::program::system;
use crate::{Process, free_port, log_tail, wait_until};

const START_LIMIT: Duration = Duration::from_secs(20);
const ANSWER_WITHIN: Duration = Duration::from_secs(1);

/// A running Redis. Dropping it kills the process.
pub struct Redis {
    process: Process,
    port: u16,
    folder: TempDir,
}

impl Redis {
    /// Starts one that is empty.
    pub fn start() -> Self {
        let folder = TempDir::new().expect("a temporary folder can be made");
        let port = free_port();
        let process = spawn(&folder, port);
        let mut redis = Self { process, port, folder };
        redis.wait_until_ready();
        redis
    }

    /// Starts it again, on the same port, empty.
    pub fn restart(&mut self) {
        self.process = spawn(&self.folder, self.port);
        self.wait_until_ready();
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    /// What `--redis` takes.
    pub fn url(&self) -> String {
        Self::url_at(self.port)
    }

    /// The same for a Redis that is reached through another port.
    pub fn url_at(port: u16) -> String {
        format!("redis://127.0.0.1:{port}")
    }

    /// Where it writes its log.
    pub fn log_path(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    /// Carries out a command of words without spaces.
    pub fn command(&self, words: &str) {
        assert!(ask(self.address(), words).is_ok_and(|answer| !answer.starts_with('-')), "{words}");
    }

    fn wait_until_ready(&mut self) {
        wait_until("Redis is ready", START_LIMIT, || {
            let ended = self.process.ended();
            assert!(ended.is_none(), "Redis ended: {ended:?}\n{}", log_tail(&self.log_path()));
            ask(self.address(), "PING").is_ok_and(|answer| answer == "+PONG\r\n")
        });
    }
}

/// Killed, frozen and thawed as any process.
impl Deref for Redis {
    type Target = Process;

    fn deref(&self) -> &Process {
        &self.process
    }
}

impl DerefMut for Redis {
    fn deref_mut(&mut self) -> &mut Process {
        &mut self.process
    }
}

fn ask(address: SocketAddr, words: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(ANSWER_WITHIN))?;
    stream.write_all(format!("{words}\r\n").as_bytes())?;
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer)?;
    Ok(answer)
}

fn spawn(folder: &TempDir, port: u16) -> Process {
    let log = folder.path().join("log");
    let mut command = system("redis-server", "redis-server");
    command
        .args(["--bind", "127.0.0.1", "--port", &port.to_string()])
        .args(["--save", "", "--appendonly", "no"])
        .arg("--dir")
        .arg(folder.path())
        .stdin(Stdio::null())
        .stdout(appended(&log))
        .stderr(appended(&log));
    Process::spawn(&mut command, folder.path())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_comes_back_empty() {
        let mut redis = Redis::start();
        let size = |redis: &Redis| ask(redis.address(), "DBSIZE").unwrap();
        redis.command("SET a 1");
        assert_eq!(size(&redis), ":1\r\n");
        redis.kill9();
        assert!(TcpStream::connect(redis.address()).is_err());
        redis.restart();
        assert_eq!(size(&redis), ":0\r\n");
    }
}
