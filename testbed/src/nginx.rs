//! A private nginx in front of servers.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::Signal;
use tempfile::TempDir;

use crate::log::appended;
use crate::program::system;
use crate::{Process, free_port, log_tail, wait_until};

const START_LIMIT: Duration = Duration::from_secs(20);

/// A running nginx. Dropping it kills it and its workers.
pub struct Nginx {
    process: Process,
    port: u16,
    folder: TempDir,
}

impl Nginx {
    /// With what `configuration` gives for the port that it is to listen on.
    pub fn start(configuration: impl Fn(u16) -> String) -> Self {
        let folder = TempDir::new().expect("a temporary folder can be made");
        let port = free_port();
        let file = folder.path().join("nginx.conf");
        fs::write(&file, configuration(port)).expect("the folder takes a file");
        let log = folder.path().join("log");
        let mut command = system("nginx", "nginx libnginx-mod-stream");
        command.arg("-p").arg(folder.path()).args(["-e", "error.log", "-c"]).arg(&file);
        // In front, so that its id is the one to end.
        command.args(["-g", "daemon off;"]).stdin(Stdio::null());
        command.stdout(appended(&log)).stderr(appended(&log));
        let process = Process::spawn(&mut command, folder.path());
        let mut nginx = Self { process, port, folder };
        wait_until("nginx listens", START_LIMIT, || {
            assert!(nginx.process.ended().is_none(), "nginx ended: {}", nginx.log());
            TcpStream::connect(nginx.address()).is_ok()
        });
        nginx
    }

    /// With the configuration that comes with the server, for these servers in place of its own.
    pub fn of_the_project(servers: &[SocketAddr]) -> Self {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../nginx/nginx.conf");
        let text = fs::read_to_string(file).expect("it lies there");
        Self::start(|port| adapted(&text, port, servers))
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    /// Starts new workers with the configuration read again; the old ones keep their clients until
    /// they are cut.
    pub fn reload(&self) {
        self.process.signal(Signal::HUP);
    }

    /// Where it writes its log.
    pub fn log_path(&self) -> PathBuf {
        self.folder.path().join("error.log")
    }

    /// The end of what it wrote.
    fn log(&self) -> String {
        log_tail(&self.folder.path().join("log")) + &log_tail(&self.log_path())
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("nginx's log ends with:\n{}", self.log());
        }
    }
}

/// The project's configuration with another port and other servers.
fn adapted(text: &str, port: u16, servers: &[SocketAddr]) -> String {
    let ours = |line: &str| line.trim_start().starts_with("server 127.0.0.1:");
    let lines: Vec<&str> = text.lines().collect();
    let first = lines.iter().position(|line| ours(line)).expect("it names a server");
    let options = lines[first].trim_start().splitn(3, ' ').nth(2).expect("it has options");
    let named = servers.iter().map(|server| format!("        server {server} {options}"));
    let rest = lines[first..].iter().filter(|line| !ours(line)).map(|line| (*line).to_owned());
    let before = lines[..first].iter().map(|line| (*line).to_owned());
    let text: Vec<String> = before.chain(named).chain(rest).collect();
    let text = text.join("\n");
    assert_eq!(text.matches("listen 8000 ").count(), 1, "one port to listen on in:\n{text}");
    text.replace("listen 8000 ", &format!("listen 127.0.0.1:{port} ")) + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_and_port_are_replaced_and_options_stay() {
        let text = "upstream chat {\n    server 127.0.0.1:6000 max_fails=2;\n    server 127.0.0.1:6001 \
                    max_fails=2;\n}\nserver {\n    listen 8000 so_keepalive=on;\n}\n";
        let servers = [6, 7, 8].map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        let adapted = adapted(text, 9, &servers);
        for port in 6..9 {
            let line = format!("server 127.0.0.1:{port} max_fails=2;\n");
            assert_eq!(adapted.matches(&line).count(), 1, "{adapted}");
        }
        assert!(!adapted.contains("600"), "{adapted}");
        assert!(adapted.contains("listen 127.0.0.1:9 so_keepalive=on;"), "{adapted}");
    }
}
