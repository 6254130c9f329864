//! `cluster-bench`: what two ChatServers relay between them, beside two nats-servers.

use benches::TEXT_BYTES;
use benches::arguments::{Turns, machine, program};
use benches::cluster::{self, Plan, Report, Shape};
use clap::{Parser, ValueEnum};
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

/// Measures two ChatServers on one MariaDB and one Redis, and two nats-servers with a route, in
/// turn, with one load, all on the same two processors. Starts all of them on private ports and
/// temporary folders. Ends with status 1 if the ChatServers are slower than required.
#[derive(Parser)]
#[command(name = "cluster-bench", version)]
struct Arguments {
    /// The ChatServer [default: beside this program]
    #[arg(long, value_name = "PROGRAM")]
    server: Option<PathBuf>,
    /// The nats-server
    #[arg(long, value_name = "PROGRAM", default_value = "nats-server")]
    nats: PathBuf,
    /// Sub loops of each ChatServer
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    threads: u16,
    /// One shape of work alone [default: both]
    #[arg(long)]
    shape: Option<Chosen>,
    #[command(flatten)]
    turns: Turns,
}

/// The shapes by name.
#[derive(Clone, Copy, ValueEnum)]
enum Chosen {
    /// 100 pairs, 1 message under way in each; half of the nats-servers' rate is required
    OneEach,
    /// 20 pairs, 50 messages under way in each; a quarter is required
    Pipelined,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("cluster-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> io::Result<ExitCode> {
    let plan = arguments.plan()?;
    let mut out = io::stdout();
    writeln!(
        out,
        "pairs of original clients across two nodes, {TEXT_BYTES} bytes of text; {}",
        machine()
    )?;
    // A reader who left does not stop the measurement; the last line will tell.
    let reports = cluster::run(&plan, |line| drop(writeln!(out, "{line}")))?;
    for report in &reports {
        writeln!(out, "\n{report}")?;
    }
    Ok(if reports.iter().all(Report::passed) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Arguments {
    fn plan(&self) -> io::Result<Plan> {
        Ok(Plan {
            server: program(self.server.as_ref(), "ChatServer")?,
            nats: self.nats.clone(),
            threads: self.threads,
            shapes: match self.shape {
                Some(Chosen::OneEach) => vec![Shape::ONE_EACH],
                Some(Chosen::Pipelined) => vec![Shape::PIPELINED],
                None => vec![Shape::ONE_EACH, Shape::PIPELINED],
            },
            rounds: self.turns.rounds(),
            timing: self.turns.timing(),
        })
    }
}
