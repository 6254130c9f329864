//! A private MariaDB server.

use std::fs;
use std::ops::{Deref, DerefMut};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use mysql::prelude::Queryable;
use mysql::{Conn, OptsBuilder};
use rustix::process::geteuid;
use tempfile::TempDir;

use crate::program::system;
use crate::{Process, free_port, log_tail, wait_until};

const START_LIMIT: Duration = Duration::from_secs(60);
/// It refuses to run as root: then its files belong to this user.
const USER: &str = "nobody";
/// The account of the tests.
const ACCOUNT: &str = "chat";
const PASSWORD: &str = "s3cret";

/// A running database server. Dropping it kills the process.
pub struct MariaDb {
    process: Process,
    port: u16,
    folder: TempDir,
}

/// A database of one test, empty at first.
pub struct Database {
    port: u16,
    name: String,
}

impl MariaDb {
    /// The one for all tests that do not disturb it.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<MariaDb> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// One of its own for a test that does.
    pub fn start() -> Self {
        let folder = TempDir::new().expect("a temporary folder can be made");
        let readable = fs::Permissions::from_mode(0o755);
        fs::set_permissions(folder.path(), readable).expect("the folder is ours");
        install(folder.path());
        let port = free_port();
        let process = spawn(folder.path(), port);
        let mut server = Self { process, port, folder };
        server.wait_until_ready();
        server.make_account();
        server
    }

    /// Starts it again, on the same port and data.
    pub fn restart(&mut self) {
        self.process = spawn(self.folder.path(), self.port);
        self.wait_until_ready();
    }

    /// Where it writes its log.
    pub fn log_path(&self) -> PathBuf {
        self.folder.path().join("err.log")
    }

    /// Where it listens on loopback.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// A new database, with all rights on it for the tests' account.
    pub fn database(&self) -> Database {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("chat{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let mut root = self.root();
        do_all(
            &mut root,
            [
                format!("CREATE DATABASE {name} CHARACTER SET latin1"),
                format!("GRANT ALL ON {name}.* TO '{ACCOUNT}'@'%'"),
            ],
        );
        Database { port: self.port, name }
    }

    /// A connection that may do everything.
    pub fn root(&self) -> Conn {
        Conn::new(self.root_opts()).expect("root logs in by the socket")
    }

    fn root_opts(&self) -> OptsBuilder {
        let socket = self.folder.path().join("my.sock").display().to_string();
        OptsBuilder::new().socket(Some(socket)).user(Some("root"))
    }

    fn make_account(&self) {
        let mut root = self.root();
        do_all(&mut root, [format!("CREATE USER '{ACCOUNT}'@'%' IDENTIFIED BY '{PASSWORD}'")]);
    }

    fn wait_until_ready(&mut self) {
        wait_until("MariaDB is ready", START_LIMIT, || {
            let ended = self.process.ended();
            assert!(ended.is_none(), "MariaDB ended: {ended:?}\n{}", log_tail(&self.log_path()));
            Conn::new(self.root_opts()).is_ok()
        });
    }
}

/// Killed, frozen and thawed as any process.
impl Deref for MariaDb {
    type Target = Process;

    fn deref(&self) -> &Process {
        &self.process
    }
}

impl DerefMut for MariaDb {
    fn deref_mut(&mut self) -> &mut Process {
        &mut self.process
    }
}

impl Database {
    /// What `--mysql` takes.
    pub fn url(&self) -> String {
        self.url_at(self.port)
    }

    /// The same where somebody passes connections on from another port.
    pub fn url_at(&self, port: u16) -> String {
        format!("mysql://{ACCOUNT}:{PASSWORD}@127.0.0.1:{port}/{}", self.name)
    }

    /// A connection beside those of the server under test.
    pub fn conn(&self) -> Conn {
        let opts = OptsBuilder::new()
            .ip_or_hostname(Some("127.0.0.1"))
            .tcp_port(self.port)
            .prefer_socket(false)
            .user(Some(ACCOUNT))
            .pass(Some(PASSWORD))
            .db_name(Some(&self.name));
        Conn::new(opts).expect("the tests' account may log in")
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The only number that `sql` asks for.
    pub fn number(&self, sql: &str) -> i64 {
        let answer = self.conn().query_first(sql).expect("the test's SQL is right");
        answer.expect("one line")
    }

    /// Carries out statements, each ended by a semicolon at the end of a line.
    pub fn load(&self, script: &str) {
        let mut conn = self.conn();
        do_all(&mut conn, script.split(";\n").filter(|text| !text.trim().is_empty()));
    }
}

fn do_all<T: AsRef<str>>(conn: &mut Conn, statements: impl IntoIterator<Item = T>) {
    for statement in statements {
        let statement = statement.as_ref();
        conn.query_drop(statement).unwrap_or_else(|error| panic!("{error} in {statement}"));
    }
}

fn data(folder: &Path) -> PathBuf {
    folder.join("data")
}

fn program(name: &str) -> Command {
    let mut command = system(name, "mariadb-server");
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
    let output = program("mariadb-install-db")
        .arg(format!("--datadir={}", data(folder).display()))
        .args(["--auth-root-authentication-method=normal", "--skip-test-db"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .output()
        .expect("mariadb-install-db starts");
    let told = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "mariadb-install-db fails:\n{told}");
}

fn spawn(folder: &Path, port: u16) -> Process {
    let at = |name: &str| folder.join(name).display().to_string();
    let mut command = program("mariadbd");
    command
        .arg(format!("--datadir={}", data(folder).display()))
        .arg(format!("--socket={}", at("my.sock")))
        .arg(format!("--pid-file={}", at("my.pid")))
        .arg(format!("--log-error={}", at("err.log")))
        .arg(format!("--port={port}"))
        .args(["--bind-address=127.0.0.1", "--skip-name-resolve", "--performance-schema=OFF"])
        .args(["--innodb-buffer-pool-size=128M", "--log-bin=binlog", "--server-id=1"])
        // Tests kill the process, not the machine: what it wrote is in the page cache.
        .args(["--innodb-flush-method=nosync", "--sync-frm=OFF"]);
    Process::spawn(&mut command, folder)
}
