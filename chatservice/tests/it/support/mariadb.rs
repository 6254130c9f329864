//! A private MariaDB server: in a folder of its own, on a port of its own, ended with this process.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use mysql::prelude::Queryable;
use mysql::{Conn, OptsBuilder};
use rustix::process::{Pid, Signal, geteuid, kill_process};
use tempfile::TempDir;

use super::guard::Guard;
use super::server::log_tail;
use super::{free_port, wait_until};

const START_LIMIT: Duration = Duration::from_secs(60);
/// It refuses to run as root: then its files belong to this user.
const USER: &str = "nobody";
/// The account of the tests.
const ACCOUNT: &str = "chat";
const PASSWORD: &str = "s3cret";

/// A running database server. Dropping it kills the process.
pub(crate) struct MariaDb {
    child: Child,
    port: u16,
    folder: TempDir,
    /// Ends it when this process is killed, too.
    guard: Option<Guard>,
}

/// A database of one test, empty at first.
pub(crate) struct Database {
    port: u16,
    name: String,
}

impl MariaDb {
    /// The one for all tests that do not disturb it.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<MariaDb> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// One of its own for a test that does.
    pub(crate) fn start() -> Self {
        let folder = TempDir::new().expect("a temporary folder can be made");
        let readable = fs::Permissions::from_mode(0o755);
        fs::set_permissions(folder.path(), readable).expect("the folder is ours");
        install(folder.path());
        let port = free_port();
        let child = spawn(folder.path(), port);
        let mut server = Self { child, port, folder, guard: None };
        server.wait_until_ready();
        server.make_account();
        server.guard = Some(Guard::over(server.child.id(), server.folder.path()));
        server
    }

    /// Starts it again, on the same port and data.
    pub(crate) fn restart(&mut self) {
        self.child = spawn(self.folder.path(), self.port);
        self.wait_until_ready();
        self.guard = Some(Guard::over(self.child.id(), self.folder.path()));
    }

    /// Ends it at once, as a power cut would.
    pub(crate) fn kill9(&mut self) {
        self.end();
    }

    fn end(&mut self) {
        // First the guard: the id may belong to another process soon.
        if let Some(guard) = self.guard.take() {
            guard.dismiss();
        }
        self.child.kill().expect("the child is ours to kill");
        self.child.wait().expect("the child is ours to wait for");
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        kill_process(pid.expect("a child's id is a process id"), signal).expect("it is ours");
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// A new database, with all rights on it for the tests' account.
    pub(crate) fn database(&self) -> Database {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("chat{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let mut root = self.root();
        root.query_drop(format!("CREATE DATABASE {name} CHARACTER SET latin1")).unwrap();
        root.query_drop(format!("GRANT ALL ON {name}.* TO '{ACCOUNT}'@'%'")).unwrap();
        Database { port: self.port, name }
    }

    /// A connection that may do everything.
    pub(crate) fn root(&self) -> Conn {
        Conn::new(self.root_opts()).expect("root logs in by the socket")
    }

    fn root_opts(&self) -> OptsBuilder {
        let socket = self.folder.path().join("my.sock").display().to_string();
        OptsBuilder::new().socket(Some(socket)).user(Some("root"))
    }

    fn make_account(&self) {
        let mut root = self.root();
        root.query_drop(format!("CREATE USER '{ACCOUNT}'@'%' IDENTIFIED BY '{PASSWORD}'")).unwrap();
    }

    fn wait_until_ready(&mut self) {
        let log = self.folder.path().join("err.log");
        wait_until("MariaDB is ready", START_LIMIT, || {
            let ended = self.child.try_wait().expect("the child is ours");
            assert!(ended.is_none(), "MariaDB ended: {ended:?}\n{}", log_tail(&log));
            Conn::new(self.root_opts()).is_ok()
        });
    }
}

impl Drop for MariaDb {
    fn drop(&mut self) {
        self.end();
    }
}

impl Database {
    /// What `--mysql` takes.
    pub(crate) fn url(&self) -> String {
        format!("mysql://{ACCOUNT}:{PASSWORD}@127.0.0.1:{}/{}", self.port, self.name)
    }

    /// A connection beside those of the server under test.
    pub(crate) fn conn(&self) -> Conn {
        let opts = OptsBuilder::new()
            .ip_or_hostname(Some("127.0.0.1"))
            .tcp_port(self.port)
            .prefer_socket(false)
            .user(Some(ACCOUNT))
            .pass(Some(PASSWORD))
            .db_name(Some(&self.name));
        Conn::new(opts).expect("the tests' account may log in")
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The only number that `sql` asks for.
    pub(crate) fn number(&self, sql: &str) -> i64 {
        self.conn().query_first(sql).unwrap().expect("one line")
    }

    /// Carries out statements, each ended by a semicolon at the end of a line.
    pub(crate) fn load(&self, script: &str) {
        let mut conn = self.conn();
        for statement in script.split(";\n").filter(|text| !text.trim().is_empty()) {
            conn.query_drop(statement).unwrap_or_else(|error| panic!("{error} in {statement}"));
        }
    }
}

fn data(folder: &Path) -> PathBuf {
    folder.join("data")
}

/// The program, wherever distributions put it.
fn program(name: &str) -> Command {
    let places = ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin", "/usr/libexec"];
    let found = places.iter().map(|place| Path::new(place).join(name)).find(|path| path.exists());
    let Some(path) = found else {
        panic!("{name} is missing: apt-get install mariadb-server (./build.sh test does it)");
    };
    let mut command = Command::new(path);
    command.arg("--no-defaults").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    if geteuid().is_root() {
        command.arg(format!("--user={USER}"));
    }
    command
}

fn install(folder: &Path) {
    if geteuid().is_root() {
        let own = Command::new("chown").arg(USER).arg(folder).status();
        assert!(own.is_ok_and(|status| status.success()), "cannot give the folder to {USER}");
    }
    let status = program("mariadb-install-db")
        .arg(format!("--datadir={}", data(folder).display()))
        .args(["--auth-root-authentication-method=normal", "--skip-test-db"])
        .status();
    assert!(status.is_ok_and(|status| status.success()), "mariadb-install-db fails");
}

fn spawn(folder: &Path, port: u16) -> Child {
    let at = |name: &str| folder.join(name).display().to_string();
    program("mariadbd")
        .arg(format!("--datadir={}", data(folder).display()))
        .arg(format!("--socket={}", at("my.sock")))
        .arg(format!("--pid-file={}", at("my.pid")))
        .arg(format!("--log-error={}", at("err.log")))
        .arg(format!("--port={port}"))
        .args(["--bind-address=127.0.0.1", "--skip-name-resolve", "--performance-schema=OFF"])
        .args(["--innodb-buffer-pool-size=128M", "--log-bin=binlog", "--server-id=1"])
        // Tests kill the process, not the machine: what it wrote is in the page cache.
        .args(["--innodb-flush-method=nosync", "--sync-frm=OFF"])
        .spawn()
        .expect("mariadbd starts")
}
