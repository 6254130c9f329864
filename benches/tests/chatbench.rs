//! `chatbench` in short runs: against a ChatServer, against two nodes, and against one behind a proxy
//! that does not keep what the server promises.

#![allow(clippy::unwrap_used, reason = "a test crate: helpers may fail the test, too")]

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use tempfile::tempdir;
use testbed::{Launch, MariaDb, Node, Redis, build_chat_server};

#[path = "chatbench/lossy.rs"]
mod lossy;

use lossy::{Fault, Lossy};

/// Too short to measure anything, long enough to see everything.
const BRIEFLY: [&str; 6] = ["--seconds", "0.4", "--warm-up", "0.1", "--every", "0.1"];

fn chatbench(arguments: &[&str]) -> Output {
    build_chat_server();
    let mut bench = Command::new(env!("CARGO_BIN_EXE_chatbench"));
    bench.args(arguments).args(BRIEFLY).output().unwrap()
}

/// What a run reports that must succeed.
#[track_caller]
fn report(arguments: &[&str]) -> Value {
    let folder = tempdir().unwrap();
    let (json, svg) = (folder.path().join("report.json"), folder.path().join("picture.svg"));
    let files = ["--json", path(&json), "--svg", path(&svg)];
    let output = chatbench(&[arguments, &files].concat());
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{arguments:?}: {told}");
    let table = String::from_utf8(output.stdout).unwrap();
    assert!(table.contains("ChatServer (") && table.contains("a second"), "{table}");
    assert!(std::fs::read_to_string(&svg).unwrap().contains("<polyline"));
    let report: Value = serde_json::from_slice(&std::fs::read(&json).unwrap()).unwrap();
    assert_eq!(report["scenario"], arguments[0]);
    report
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The names of the phases, each of which has counted something and observed a server.
#[track_caller]
fn busy_phases(report: &Value) -> Vec<&str> {
    let phases = report["phases"].as_array().unwrap();
    for phase in phases {
        assert!(phase["count"].as_u64().unwrap() > 0, "{phase}");
        assert!(!phase["series"].as_array().unwrap().is_empty(), "{phase}");
        let server = if phase["name"] == "writes alone" { "bare-echo" } else { "ChatServer" };
        assert_eq!(phase["processes"][0]["name"], server, "{phase}");
        let latency = &phase["latencies"][0];
        let figure = |name: &str| latency[name].as_f64().unwrap();
        assert!(
            figure("p50") <= figure("p99") && figure("p99") <= figure("max") * 1.001,
            "{latency}"
        );
    }
    phases.iter().map(|phase| phase["name"].as_str().unwrap()).collect()
}

/// The value of a fact of a phase.
fn fact(report: &Value, phase: usize, what: &str) -> f64 {
    let facts = report["phases"][phase]["facts"].as_array().unwrap();
    facts.iter().find(|fact| fact["what"] == what).unwrap()["value"].as_f64().unwrap()
}

#[test]
fn pairs_talk_in_both_loops_and_styles() {
    for arguments in [
        &["pairs", "--pairs", "10", "--in-flight", "3"][..],
        &["pairs", "--pairs", "10", "--in-flight", "3", "--ack"],
        &["pairs", "--pairs", "10", "--rate", "500"],
        &["pairs", "--pairs", "10", "--rate", "500", "--ack", "--bytes", "1000"],
    ] {
        let report = report(arguments);
        assert_eq!(busy_phases(&report), ["chat"]);
        if arguments.contains(&"--rate") {
            let rate = report["phases"][0]["rate"].as_f64().unwrap();
            assert!(rate < 1000.0, "as fast as it can: {rate}");
        }
    }
}

#[test]
fn what_is_stored_is_drained() {
    for arguments in [
        &["store", "--senders", "3", "--recipients", "20"][..],
        &["store", "--senders", "3", "--recipients", "20", "--ack"],
        &["store", "--senders", "7", "--recipients", "2", "--ack", "--rate", "300"],
    ] {
        let report = report(arguments);
        assert_eq!(busy_phases(&report), ["store", "drain"]);
        let drained = report["phases"][1]["count"].as_f64().unwrap();
        assert_eq!(drained, fact(&report, 1, "that waited"));
        assert!(drained >= report["phases"][0]["count"].as_f64().unwrap());
    }
}

#[test]
fn all_members_hear_all_speakers() {
    for arguments in [
        &["group", "--members", "12", "--groups", "2"][..],
        &["group", "--members", "12", "--speakers", "3", "--in-flight", "4", "--ack"],
        &["group", "--members", "12", "--rate", "100"],
    ] {
        assert_eq!(busy_phases(&report(arguments)), ["fan-out"]);
    }
    let beside_writes = report(&["group", "--members", "12", "--floor", "--poll"]);
    assert_eq!(busy_phases(&beside_writes), ["writes alone", "fan-out", "writes alone"]);
}

#[test]
fn logins_storm_by_themselves_and_beside_a_chat() {
    assert_eq!(busy_phases(&report(&["login", "--clients", "100"])), ["login"]);
    let beside = ["--clients", "100", "--pairs", "2", "--rate", "100"];
    let by_password = report(&[&["login", "--by", "password"], &beside[..]].concat());
    assert_eq!(by_password["phases"][0]["latencies"][1]["of"], "chat, until received");
    let reconnect = report(&[&["reconnect", "--drops", "2"], &beside[..]].concat());
    assert_eq!(busy_phases(&reconnect), ["reconnect 1", "reconnect 2"]);
    assert_eq!(reconnect["phases"][1]["count"], 100);
}

#[test]
fn clients_are_held_by_several_processes() {
    let report =
        report(&["hold", "--clients", "30", "--per-process", "10", "--rate", "300", "--ack"]);
    assert_eq!(report["phases"][0]["count"], 30);
    let connected = |phase: usize| report["phases"][phase]["series"][0]["connected"].clone();
    assert_eq!([connected(1), connected(2)], [30, 30]);
    assert_eq!(report["phases"][1]["count"], 0);
    assert!(report["phases"][2]["count"].as_u64().unwrap() > 0);
    assert!(fact(&report, 0, "anonymous memory of the servers for each client") > 0.0);
}

#[test]
fn accounts_of_a_server_that_runs_are_used_again() {
    build_chat_server();
    let node = Node::start(Launch::new());
    let (address, folder) = (node.address().to_string(), tempdir().unwrap());
    let file = folder.path().join("accounts");
    let common = ["--server", &address, "--accounts", path(&file), "--ack"];
    for (pairs, accounts) in [("3", 6), ("5", 10), ("2", 10)] {
        let report = report(&[&["pairs", "--pairs", pairs], &common[..]].concat());
        assert_eq!(report["phases"][0]["processes"][0]["pid"], node.pid());
        assert_eq!(std::fs::read_to_string(&file).unwrap().lines().count(), accounts);
    }
}

#[test]
fn partners_are_on_different_nodes() {
    build_chat_server();
    let (mariadb, redis) = (MariaDb::start(), Redis::start());
    let launch =
        Launch::new().flag("--mysql", mariadb.database().url()).flag("--redis", redis.url());
    let (first, second) = (Node::start(launch.clone()), Node::start(launch));
    let servers = format!("{},{}", first.address(), second.address());
    let report = report(&["pairs", "--pairs", "4", "--across", "--ack", "--server", &servers]);
    assert_eq!(report["phases"][0]["processes"].as_array().unwrap().len(), 2);
    busy_phases(&report);
}

#[test]
fn what_a_server_must_not_do_ends_the_run() {
    build_chat_server();
    let node = Node::start(Launch::new());
    for (fault, complaint) in [
        (Fault::Lose, "did not: lost or out of order"),
        (Fault::Double, "came again, or out of order"),
        (Fault::Swap, "lost or out of order"),
        (Fault::Change, "not a message that was sent"),
    ] {
        let proxy = Lossy::start(node.address(), fault);
        let server = proxy.address().to_string();
        let arguments = ["pairs", "--pairs", "1", "--in-flight", "4", "--server", &server];
        let output = chatbench(&arguments);
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{fault:?}: {told}");
        assert!(told.contains(complaint), "{fault:?}: {told}");
        assert!(output.stdout.is_empty(), "there is nothing to report");
    }
}

#[test]
fn an_interrupted_run_ends_its_server() {
    build_chat_server();
    let mut bench = Command::new(env!("CARGO_BIN_EXE_chatbench"));
    bench.args(["pairs", "--pairs", "2", "--seconds", "600", "--every", "0.1"]);
    let mut bench = bench.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let mut told = BufReader::new(bench.stderr.take().unwrap()).lines();
    let first = told.next().unwrap().unwrap();
    let server = first.strip_prefix("ChatServer is process ").unwrap();
    let server = server.split(' ').next().unwrap().to_owned();
    told.find(|line| line.as_ref().unwrap().contains("4 connected")).unwrap().unwrap();
    let process = Pid::from_child(&bench);
    kill_process(process, Signal::TERM).unwrap();
    assert_eq!(bench.wait().unwrap().code(), Some(1));
    assert!(told.map(Result::unwrap).any(|line| line.contains("interrupted")));
    assert!(!Path::new("/proc").join(server).exists(), "the server runs on");
}

#[test]
fn descriptors_that_do_not_suffice_are_told() {
    build_chat_server();
    let mut shell = Command::new("sh");
    shell.args(["-c", r#"ulimit -n 300; exec "$@""#, "limited"]);
    shell.arg(env!("CARGO_BIN_EXE_chatbench")).args(["pairs", "--pairs", "1000"]);
    let told = String::from_utf8(shell.output().unwrap().stderr).unwrap();
    assert!(told.contains("2000 clients need as many descriptors"), "{told}");
    assert!(told.contains("raise `ulimit -Hn`"), "{told}");
}

#[test]
fn what_cannot_be_is_told() {
    for (arguments, complaint) in [
        (&["pairs", "--across"][..], "--across needs two servers"),
        (&["group", "--members", "3", "--speakers", "4"], "no more speakers"),
        (&["pairs", "--server", "127.0.0.1:1"], "to 127.0.0.1:1 broke: Connection refused"),
    ] {
        let output = chatbench(arguments);
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{told}");
        assert!(told.contains(complaint), "{told}");
    }
}
