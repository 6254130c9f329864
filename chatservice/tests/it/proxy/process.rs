//! A proxy as a process of the test's own.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::support::{DEADLINE, free_port, wait_until};

/// A running proxy; dropping it ends it.
pub(super) struct Proxy {
    child: Child,
    port: u16,
    folder: TempDir,
}

impl Proxy {
    /// nginx with what `configuration` gives for the port that it is to listen on.
    pub(super) fn nginx(configuration: impl Fn(u16) -> String) -> Self {
        Self::start(configuration, |folder, file| {
            let mut command = system_command("nginx");
            // One process that stays in front, so that its id is the one to end.
            command.arg("-p").arg(folder).args(["-e", "error.log", "-c"]).arg(file);
            command.args(["-g", "daemon off; master_process off;"]);
            command
        })
    }

    /// HAProxy, in the same way; `socket` in its folder is for its statistics.
    pub(super) fn haproxy(configuration: impl Fn(u16) -> String) -> Self {
        Self::start(configuration, |folder, file| {
            let mut command = system_command("haproxy");
            command.arg("-db").arg("-C").arg(folder).arg("-f").arg(file);
            command
        })
    }

    fn start(
        configuration: impl Fn(u16) -> String,
        command: impl Fn(PathBuf, PathBuf) -> Command,
    ) -> Self {
        let folder = TempDir::new().expect("a temporary folder can be made");
        let port = free_port();
        let file = folder.path().join("configuration");
        fs::write(&file, configuration(port)).expect("the folder takes a file");
        let log = fs::File::create(folder.path().join("log")).expect("the folder takes a file");
        let child = command(folder.path().to_owned(), file)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("an open file"))
            .stderr(log)
            .spawn()
            .expect("the proxy is installed: ./build.sh test sees to it");
        let mut proxy = Self { child, port, folder };
        wait_until("the proxy listens", DEADLINE, || {
            let ended = proxy.child.try_wait().expect("the child is ours");
            assert!(ended.is_none(), "the proxy ended: {}", proxy.log());
            TcpStream::connect(proxy.address()).is_ok()
        });
        proxy
    }

    pub(super) fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    fn log(&self) -> String {
        let read = |name| fs::read_to_string(self.folder.path().join(name)).unwrap_or_default();
        read("log") + &read("error.log")
    }

    /// What HAProxy answers on its socket; nothing before that is there.
    pub(super) fn ask(&self, command: &str) -> String {
        let mut answer = String::new();
        if let Ok(mut socket) = UnixStream::connect(self.folder.path().join("socket")) {
            socket.set_read_timeout(Some(DEADLINE)).expect("the time is not zero");
            writeln!(socket, "{command}").expect("the socket takes a line");
            socket.read_to_string(&mut answer).expect("the answer is text");
        }
        answer
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the proxy's log:\n{}", self.log());
        }
        // Both fail when it has ended already, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A program that may lie where only administrators look for it.
fn system_command(name: &str) -> Command {
    let path = std::env::var("PATH").unwrap_or_default();
    let folders = path.split(':').chain(["/usr/sbin", "/usr/local/sbin"]);
    let mut files = folders.map(|folder| PathBuf::from(folder).join(name));
    Command::new(files.find(|file| file.is_file()).unwrap_or_else(|| name.into()))
}
