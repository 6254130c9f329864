//! The command line, the environment, the configuration file, and which beats which.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Output, Stdio};
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;

use crate::support::{Ended, Launch, TestServer, free_port, wait_for_exit};

mod bad_configuration;

/// Runs the server with these arguments and nothing else; it must end by itself.
pub(crate) fn run(launch: &Launch, arguments: &[&str]) -> Output {
    let mut command = launch.command();
    command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the server's program starts");
    if let Ended::StillRuns = wait_for_exit(&mut child, Duration::from_secs(15)) {
        let _ = child.kill();
        let output = child.wait_with_output().expect("it was killed");
        panic!("still runs: {arguments:?}: {output:?}");
    }
    child.wait_with_output().expect("it ended")
}

/// The largest object that a server takes after the login: what the tests below configure.
fn object_max(server: &TestServer) -> usize {
    let account = server.account();
    let probe = |length: usize| {
        let mut client = server.original(&account);
        let mut chat = json!({"msgid": 1005, "toid": account.id, "msg": ""});
        chat["msg"] = json!("x".repeat(length - chat.to_string().len()));
        client.send_bytes(chat.to_string().as_bytes());
        client.next()["msgid"] == 1005
    };
    [1000, 2000, 3000, 4000].into_iter().filter(|&length| probe(length)).max().unwrap_or(0)
}

fn configured(text: &str) -> (TempDir, String) {
    let folder = TempDir::new().expect("a temporary folder can be made");
    let path = folder.path().join("chat.toml");
    fs::write(&path, text).expect("the temporary folder takes a file");
    let path = path.display().to_string();
    (folder, path)
}

#[test]
fn help_names_every_flag() {
    for flag in ["--help", "-h"] {
        let output = run(&Launch::bare(), &[flag]);
        assert!(output.status.success(), "{output:?}");
        assert!(output.stderr.is_empty(), "{output:?}");
        let text = String::from_utf8(output.stdout).expect("help is text");
        assert!(text.contains("Usage: ChatServer"), "{text}");
    }
    let text = String::from_utf8(run(&Launch::bare(), &["--help"]).stdout).unwrap();
    let flags = [
        "--data",
        "--mysql",
        "--threads",
        "--config",
        "--password-kib",
        "--ping-after-ms",
        "--silence-ms",
        "--login-within-ms",
        "--patience-ms",
        "--object-max",
        "--anonymous-object-max",
        "--connections-max",
        "--anonymous-max",
        "--connections-per-address",
        "--registrations-per-address",
        "--proxy-from",
        "--health",
        "--friends-max",
        "--groups-max",
        "--members-max",
        "--rows-max",
        "--output-max",
        "--write-stall-ms",
        "--drain-ms",
    ];
    for flag in flags {
        assert!(text.contains(flag), "{flag} is not in the help:\n{text}");
    }
    for variable in ["CHAT_DATA", "CHAT_THREADS", "CHAT_PASSWORD_KIB"] {
        assert!(text.contains(variable), "{variable} is not in the help:\n{text}");
    }
}

#[test]
fn version_is_one_line() {
    for flag in ["--version", "-V"] {
        let output = run(&Launch::bare(), &[flag]);
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8(output.stdout).expect("a version is text");
        assert_eq!(text.trim().lines().count(), 1, "{text}");
        assert!(text.starts_with("ChatServer ") && text.contains('.'), "{text}");
    }
}

#[test]
fn a_port_alone_starts_a_server_in_the_working_folder() {
    let folder = TempDir::new().unwrap();
    let port = free_port();
    let mut command = Launch::bare().environment("CHAT_PASSWORD_KIB", 8).command();
    let output = fs::File::create(folder.path().join("stdout")).unwrap();
    let log = fs::File::create(folder.path().join("stderr")).unwrap();
    command.arg(port.to_string()).current_dir(folder.path()).stdout(output).stderr(log);
    let mut child = command.spawn().expect("the server's program starts");
    let listening = || {
        let text = fs::read_to_string(folder.path().join("stdout")).unwrap_or_default();
        text.contains("listening on ") && text.contains(&format!(":{port}"))
    };
    crate::support::wait_until("it listens", Duration::from_secs(15), listening);
    let data = folder.path().join("data");
    assert!(data.is_dir(), "no folder `data`");
    let mode = fs::metadata(&data).unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0, "others may look into the data: {mode:o}");
    child.kill().expect("the child is ours");
    child.wait().expect("the child is ours");
}

#[test]
fn the_environment_sets_what_flags_set() {
    let server = TestServer::start(Launch::new().environment("CHAT_OBJECT_MAX", 2000));
    assert_eq!(object_max(&server), 2000);
}

#[test]
fn the_file_sets_what_flags_set() {
    let (_folder, path) = configured("object-max = 3000\nthreads = 1\n");
    let server = TestServer::start(Launch::new().flag("--config", path));
    assert_eq!(object_max(&server), 3000);
}

#[test]
fn a_flag_beats_the_environment_which_beats_the_file() {
    let (_folder, path) = configured("object-max = 1000\n");
    let launch = Launch::new().flag("--config", path).environment("CHAT_OBJECT_MAX", 2000);
    assert_eq!(object_max(&TestServer::start(launch.clone())), 2000);
    assert_eq!(object_max(&TestServer::start(launch.flag("--object-max", 4000))), 4000);
}

#[test]
fn an_empty_file_changes_nothing() {
    let (_folder, path) = configured("# nothing\n");
    let server = TestServer::start(Launch::new().flag("--config", path));
    assert_eq!(object_max(&server), 4000);
}

#[test]
fn any_number_of_threads_works() {
    for threads in [1, 3, 8] {
        let server = TestServer::start(Launch::new().flag("--threads", threads));
        let accounts = server.accounts::<8>();
        let mut clients: Vec<_> = accounts.iter().map(|a| server.acking(a)).collect();
        for at in 0..clients.len() {
            let to = (at + 1) % clients.len();
            clients[at].say(accounts[to].id, "around the circle");
            assert_eq!(clients[to].acknowledged_pushes(1)[0]["id"], accounts[at].id);
        }
    }
}

#[test]
fn the_ready_line_comes_first_and_tells_where_it_listens() {
    let server = TestServer::start(Launch::new());
    let text = server.stdout();
    let first = text.lines().next().unwrap_or_default();
    assert!(first.contains(&format!("listening on {}", server.address())), "{text}");
    assert!(server.data().is_dir());
}
