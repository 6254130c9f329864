//! How a ChatServer is started: program, flags, environment, limits.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::log::appended;
use crate::{Process, chat_server};

/// Everything but the port and the data folder.
#[derive(Clone, Debug)]
pub struct Launch {
    program: PathBuf,
    flags: Vec<String>,
    environment: Vec<(String, String)>,
    descriptors: Option<u32>,
}

impl Launch {
    /// Cheap passwords and two sub loops, whatever the environment of the tests says.
    pub fn new() -> Self {
        Self::bare().flag("--password-kib", 8).flag("--threads", 2)
    }

    /// No flags at all beyond the port.
    pub fn bare() -> Self {
        Self {
            program: chat_server(),
            flags: Vec::new(),
            environment: Vec::new(),
            descriptors: None,
        }
    }

    /// Another program than the ChatServer that was built with this one.
    #[must_use]
    pub fn program(mut self, program: impl Into<PathBuf>) -> Self {
        self.program = program.into();
        self
    }

    /// Adds `name value`; a later one with the same name replaces an earlier one.
    #[must_use]
    pub fn flag(mut self, name: &str, value: impl Display) -> Self {
        if let Some(at) = self.flags.iter().position(|flag| flag == name) {
            self.flags.drain(at..at + 2);
        }
        self.flags.extend([name.to_owned(), value.to_string()]);
        self
    }

    /// Adds a variable to the environment.
    #[must_use]
    pub fn environment(mut self, name: &str, value: impl Display) -> Self {
        self.environment.push((name.to_owned(), value.to_string()));
        self
    }

    /// Lets the server have so many file descriptors and no more.
    #[must_use]
    pub fn descriptors(mut self, count: u32) -> Self {
        self.descriptors = Some(count);
        self
    }

    /// The command, its variables cleared of what the tests' own environment may hold.
    pub fn command(&self) -> Command {
        let mut command = match self.descriptors {
            None => Command::new(&self.program),
            Some(count) => {
                let mut shell = Command::new("sh");
                let script = r#"ulimit -n "$1"; shift; exec "$@""#;
                shell.args(["-c", script, "limited", &count.to_string()]).arg(&self.program);
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

    /// Starts it on `port` over `data`, its output appended to files in `folder`.
    pub fn spawn(&self, port: u16, data: &Path, folder: &Path) -> Process {
        let mut command = self.command();
        command.arg("127.0.0.1").arg(port.to_string()).arg("--data").arg(data).args(&self.flags);
        command.stdout(appended(&folder.join("stdout")));
        command.stderr(appended(&folder.join("stderr")));
        Process::spawn(&mut command, folder)
    }
}

impl Default for Launch {
    fn default() -> Self {
        Self::new()
    }
}
