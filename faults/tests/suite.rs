//! The suite itself, in its short form: a good cluster passes, a losing server is found.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test crate: helpers outside of test functions may fail the test, too"
)]

use std::path::{Path, PathBuf};
use std::time::Duration;

use faults::checker::{Kind, Limits};
use faults::cluster::{Bus, Shape};
use faults::nemesis::Fault;
use faults::plan::Pace;
use faults::suite::{Length, Load, Options, Outcome, run};
use tempfile::TempDir;
use testbed::build_chat_server;

/// What the gate has time for: what the promise names, and one-way silence.
const GATE: [Fault; 11] = [
    Fault::KillNode,
    Fault::FreezeNode,
    Fault::RollingRestart,
    Fault::KillRedis,
    Fault::CutRedis,
    Fault::SilenceRedis,
    Fault::KillMariaDb,
    Fault::FreezeMariaDb,
    Fault::ReloadNginx,
    Fault::ClientVanishes,
    Fault::ClientStandsStill,
];
const NODES: usize = 3;
/// Messages that are stored, until a losing server must have lost some: one in a thousand, of
/// which some may be acknowledged before they are read from the store.
const LOSING_FOR: Duration = Duration::from_secs(15);
/// The machine is shared with other tests, which a bare echo beside the servers shows in part.
const GATE_PING: u64 = 250_000;

/// Options for a seed from `CHAT_FAULTS_SEED`, or a new one.
fn options(program: PathBuf, folder: &Path) -> Options {
    let told = std::env::var("CHAT_FAULTS_SEED").ok().and_then(|text| text.parse().ok());
    let seed = told.unwrap_or_else(|| fastrand::u64(..));
    println!("CHAT_FAULTS_SEED={seed}");
    Options {
        shape: Shape { nodes: NODES, bus: Bus::Redis, program },
        load: Load::default(),
        faults: GATE.to_vec(),
        pace: Pace::Short,
        length: Length::Faults(GATE.len()),
        limits: Limits { ping: GATE_PING, ..Limits::default() },
        seed,
        folder: folder.to_owned(),
    }
}

fn run_and_tell(options: &Options) -> Outcome {
    let outcome = run(options, &mut |line| println!("{line}")).unwrap();
    println!("{}", outcome.report());
    outcome
}

#[test]
fn a_cluster_keeps_its_promise_under_each_fault() {
    let folder = TempDir::new().unwrap();
    let outcome = run_and_tell(&options(build_chat_server(), folder.path()));
    if !outcome.is_good() {
        panic!("see the report above, history and logs in {}", folder.keep().display());
    }
}

#[test]
fn a_server_that_loses_one_message_in_a_thousand_is_found() {
    let folder = TempDir::new().unwrap();
    let mut options = options(env!("CARGO_BIN_EXE_losing-server").into(), folder.path());
    // One node, which sees them all.
    options.shape.nodes = 1;
    options.shape.bus = Bus::Alone;
    options.faults.clear();
    options.length = Length::Time(LOSING_FOR);
    // Half of the time away, so that most messages are stored.
    options.load.habits.between_messages = Duration::from_millis(20);
    options.load.habits.stay = Some(Duration::from_secs(1));
    options.load.habits.away = Duration::from_secs(2);
    let outcome = run_and_tell(&options);
    let kinds = || outcome.verdict.counts.keys();
    assert!(kinds().any(|kind| *kind == Kind::Lost), "that is what it does");
    // What was lost before its sender knew it as stored is sent again, behind what came after it.
    let follows = |kind: &Kind| matches!(kind, Kind::Lost | Kind::Disordered);
    assert!(kinds().all(follows), "and nothing that does not follow from it");
    assert!(outcome.trouble.is_empty(), "{:?}", outcome.trouble);
}
