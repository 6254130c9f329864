//! `chatbench`: opens thousands of clients, drives them through a scenario, and checks what it measures:
//! every message is accounted for, once and in order.
//!
//! ```text
//!  scenario ──► bench (servers, accounts) ──► drive (a while, or until done) ──► recorder ──► report
//!                                               │
//!                       talk (who is to hear what) ──► net (epoll) ──► ChatServers
//!                        ├── flow, pace   what is sent, and when it was due
//!                        ├── inbox        what is expected next
//!                        └── route        the words of a message, and their check
//! ```

use options::Common;
use report::Report;
use std::io;

mod assembly;
mod bench;
mod branch;
mod drive;
mod enrol;
mod floor;
mod flow;
mod gauge;
mod inbox;
mod interrupt;
mod listener;
mod login;
mod net;
mod options;
mod pace;
mod person;
mod picture;
mod recorder;
mod report;
mod route;
mod scenario;
mod storm;
mod surprise;
mod talk;
mod text;

/// Loads chat servers with many clients, and checks that every message arrives, once and in order.
#[derive(Clone, Debug, clap::Parser)]
#[command(name = "chatbench", version)]
pub struct Arguments {
    #[command(subcommand)]
    task: Task,
}

/// What the program is started for.
#[derive(Clone, Debug, clap::Subcommand)]
enum Task {
    #[command(flatten)]
    Measure(Box<scenario::Scenario>),
    /// A process with a part of the clients of another one
    #[command(name = branch::COMMAND, hide = true)]
    Branch,
}

/// Does what the command line asks for; returns the table for people. Progress goes to standard error.
///
/// # Errors
/// If a server cannot be reached, or does anything but what its protocol says: a message that is
/// lost, repeated, changed or out of order ends the run.
pub fn run(arguments: &Arguments) -> io::Result<String> {
    let scenario = match &arguments.task {
        Task::Measure(scenario) => scenario,
        Task::Branch => return branch::run().map(|()| String::new()),
    };
    interrupt::listen()?;
    let common: &Common = scenario.common();
    let machine = crate::arguments::machine();
    let bench = bench::Bench::new(common)?;
    let phases = scenario.run(&bench)?;
    let options = serde_json::to_value(scenario).map_err(io::Error::other)?;
    let servers = bench.servers.iter().map(ToString::to_string).collect();
    let command = std::env::args().skip(1).collect::<Vec<_>>().join(" ");
    let report = Report { scenario: scenario.name(), command, machine, options, servers, phases };
    if let Some(file) = &common.output.json {
        let text = serde_json::to_string_pretty(&report).map_err(io::Error::other)?;
        let failed = |error| io::Error::other(format!("{}: {error}", file.display()));
        std::fs::write(file, text + "\n").map_err(failed)?;
    }
    if let Some(file) = &common.output.svg {
        picture::draw(&report, file)?;
    }
    Ok(report.to_string())
}
