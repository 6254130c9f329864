//! A server under measurement: a child process on a processor of its own.

use crate::affinity::{pin_thread, unpin_thread};
use std::ffi::OsStr;
use std::io::{self, BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use tempfile::TempDir;

/// Killed when dropped; its data folder goes with it.
#[derive(Debug)]
pub(crate) struct Contender {
    pub(crate) name: &'static str,
    pub(crate) address: SocketAddr,
    child: Child,
    /// Where it can be asked, and tells. Kept open: a server may end when nobody takes what it prints.
    terminal: Terminal,
    _data: Option<TempDir>,
}

impl Contender {
    /// The bare loop.
    pub(crate) fn bare_echo(program: &Path, cpu: usize) -> io::Result<Self> {
        let mut command = Command::new(program);
        command.arg("0");
        Self::start("bare epoll loop", command, cpu, None)
    }

    /// The bare loop that sends each block to all others.
    pub(crate) fn bare_hub(program: &Path, cpu: usize) -> io::Result<Self> {
        let mut command = Command::new(program);
        command.args(["0", "--to-others"]);
        Self::start("bare epoll loop", command, cpu, None)
    }

    /// A ChatServer with one loop and cheap passwords over an empty store.
    pub(crate) fn chat_server(program: &Path, cpu: usize) -> io::Result<Self> {
        Self::chat_server_with(program, cpu, ["--threads", "1", "--password-kib", "8"])
    }

    /// A ChatServer over an empty store.
    pub(crate) fn chat_server_with(
        program: &Path,
        cpu: usize,
        flags: impl IntoIterator<Item = impl AsRef<OsStr>>,
    ) -> io::Result<Self> {
        let data = tempfile::tempdir()?;
        let mut command = Command::new(program);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("CHAT_") {
                command.env_remove(name);
            }
        }
        command.args(["127.0.0.1", "0"]).args(flags).arg("--data").arg(data.path());
        Self::start("ChatServer", command, cpu, Some(data))
    }

    /// The process, for a profiler.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends an empty line, and returns the line that the server answers; few servers do.
    pub(crate) fn ask(&mut self) -> io::Result<String> {
        self.terminal.input.write_all(b"\n")?;
        self.terminal.read_line()
    }

    /// Another server, which says where it listens in its first line.
    pub(crate) fn start(
        name: &'static str,
        mut command: Command,
        cpu: usize,
        data: Option<TempDir>,
    ) -> io::Result<Self> {
        let failed = |error| io::Error::other(format!("{name} did not start: {error}"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        // A child runs where its parent may run when it starts, with all its threads.
        let before = pin_thread(cpu)?;
        let spawned = command.spawn();
        unpin_thread(&before)?;
        let mut child = spawned.map_err(failed)?;
        match announced_address(&mut child) {
            Ok((address, terminal)) => Ok(Self { name, address, child, terminal, _data: data }),
            Err(error) => {
                end(&mut child);
                Err(failed(error))
            }
        }
    }
}

impl Drop for Contender {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

fn end(child: &mut Child) {
    // It may have ended by itself, which is as good.
    let _ended = child.kill();
    let _status = child.wait();
}

/// Reads the line in which a server says where it listens.
fn announced_address(child: &mut Child) -> io::Result<(SocketAddr, Terminal)> {
    let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(io::Error::other("it has no input or output"));
    };
    let mut terminal = Terminal { input, output: BufReader::new(output) };
    let line = terminal.read_line()?;
    let address = address_in(&line);
    let address =
        address.ok_or_else(|| io::Error::other(format!("it does not listen: {line:?}")))?;
    Ok((address, terminal))
}

/// The ends of a server's standard input and output.
#[derive(Debug)]
struct Terminal {
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Terminal {
    fn read_line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        Ok(line)
    }
}

fn address_in(line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once("listening on ")?;
    let end = rest.find([',', ' ', '\n']).unwrap_or(rest.len());
    rest[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_found_in_both_announcements() {
        let check = |line: &str, port: u16| {
            assert_eq!(address_in(line).map(|address| address.port()), Some(port), "{line}");
        };
        check("bare-echo is listening on 127.0.0.1:6001\n", 6001);
        check("ChatServer is listening on 127.0.0.1:6000, data in /tmp/x\n", 6000);
        assert_eq!(address_in("ChatServer: no"), None);
    }

    #[test]
    fn a_server_can_be_asked_again_and_again() {
        let script = "echo listening on 127.0.0.1:9; while read _; do echo answer; done";
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        let mut contender = Contender::start("sh", command, 0, None).unwrap();
        for _ in 0..2 {
            assert_eq!(contender.ask().unwrap(), "answer\n");
        }
    }

    #[test]
    fn a_program_that_does_not_listen_is_no_contender() {
        let error = Contender::bare_echo(Path::new("/bin/true"), 0).unwrap_err();
        assert!(error.to_string().contains("did not start"), "{error}");
    }
}
