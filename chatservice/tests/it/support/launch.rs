//! How a server under test is started: flags, environment, limits.

use std::fmt::Display;
use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// The program under test.
const PROGRAM: &str = env!("CARGO_BIN_EXE_ChatServer");

/// Everything but the port and the data folder.
#[derive(Clone, Default)]
pub(crate) struct Launch {
    flags: Vec<String>,
    environment: Vec<(String, String)>,
    descriptors: Option<u32>,
}

impl Launch {
    /// Cheap passwords and two sub loops, whatever the environment of the tests says.
    pub(crate) fn new() -> Self {
        Self::default().flag("--password-kib", 8).flag("--threads", 2)
    }

    /// No flags at all beyond the port.
    pub(crate) fn bare() -> Self {
        Self::default()
    }

    /// Adds `name value`; a later one with the same name replaces an earlier one.
    pub(crate) fn flag(mut self, name: &str, value: impl Display) -> Self {
        if let Some(at) = self.flags.iter().position(|flag| flag == name) {
            self.flags.drain(at..at + 2);
        }
        self.flags.extend([name.to_owned(), value.to_string()]);
        self
    }

    /// Adds a variable to the environment.
    pub(crate) fn environment(mut self, name: &str, value: impl Display) -> Self {
        self.environment.push((name.to_owned(), value.to_string()));
        self
    }

    /// Lets the server have so many file descriptors and no more.
    pub(crate) fn descriptors(mut self, count: u32) -> Self {
        self.descriptors = Some(count);
        self
    }

    /// The command, its variables cleared of what the tests' own environment may hold.
    pub(crate) fn command(&self) -> Command {
        let mut command = match self.descriptors {
            None => Command::new(PROGRAM),
            Some(count) => {
                let mut shell = Command::new("sh");
                let script = r#"ulimit -n "$1"; shift; exec "$@""#;
                shell.args(["-c", script, "limited", &count.to_string(), PROGRAM]);
                shell
            }
        };
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("CHAT_")) {
            command.env_remove(name);
        }
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null());
        command
    }

    /// Starts it on `port` over `data`, its output appended to files in `logs`.
    pub(crate) fn spawn(&self, port: u16, data: &Path, logs: &Path) -> Child {
        let log = |name: &str| -> File {
            let file = File::options().create(true).append(true).open(logs.join(name));
            file.expect("the temporary folder takes a file")
        };
        self.command()
            .arg("127.0.0.1")
            .arg(port.to_string())
            .arg("--data")
            .arg(data)
            .args(&self.flags)
            .stdout(log("stdout"))
            .stderr(log("stderr"))
            .spawn()
            .expect("the server's program starts")
    }
}
