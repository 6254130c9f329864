//! `relay-bench`: how many messages a ChatServer relays beside a bare echo loop.

use benches::arguments::{Turns, machine, program};
use benches::relay::{self, Plan};
use benches::{IN_FLIGHT_MAX, TEXT_BYTES};
use clap::Parser;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

/// Measures a ChatServer and a bare epoll echo loop in turn, on one processor, with one load.
#[derive(Parser)]
#[command(name = "relay-bench", version)]
struct Arguments {
    /// The ChatServer [default: beside this program]
    #[arg(long, value_name = "PROGRAM")]
    server: Option<PathBuf>,
    /// The bare echo loop [default: beside this program]
    #[arg(long, value_name = "PROGRAM")]
    echo: Option<PathBuf>,
    /// Few connections with much under way: --pairs 20 --in-flight 50
    #[arg(long)]
    pipelined: bool,
    /// Clients acknowledge what is pushed, and wait for the answer to each message
    #[arg(long)]
    ack: bool,
    /// Pairs of clients, and connections to the bare loop [default: 100]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=4000))]
    pairs: Option<u16>,
    /// Messages of a pair that are under way at a time [default: 1]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=IN_FLIGHT_MAX))]
    in_flight: Option<u64>,
    #[command(flatten)]
    turns: Turns,
    /// Processor of the servers
    #[arg(long, value_name = "CPU", default_value_t = 0)]
    server_cpu: usize,
    /// Processor of the load
    #[arg(long, value_name = "CPU", default_value_t = 1)]
    load_cpu: usize,
    /// Fail if the ratio of the median rates is below this
    #[arg(long, value_name = "RATIO")]
    require: Option<f64>,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("relay-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> io::Result<ExitCode> {
    let plan = arguments.plan()?;
    let mut out = io::stdout();
    writeln!(out, "{}", conditions(&plan))?;
    // A reader who left does not stop the measurement; the last line will tell.
    let report = relay::run(&plan, |line| drop(writeln!(out, "{line}")))?;
    writeln!(out, "{report}")?;
    Ok(match arguments.require {
        Some(required) if report.comparison.rate_ratio() < required => {
            writeln!(out, "FAILED: a ratio of {required} was required")?;
            ExitCode::FAILURE
        }
        _ => ExitCode::SUCCESS,
    })
}

impl Arguments {
    fn plan(&self) -> io::Result<Plan> {
        let (pairs, in_flight) = if self.pipelined { (20, 50) } else { (100, 1) };
        Ok(Plan {
            server: program(self.server.as_ref(), "ChatServer")?,
            echo: program(self.echo.as_ref(), "bare-echo")?,
            server_cpu: self.server_cpu,
            load_cpu: self.load_cpu,
            pairs: self.pairs.unwrap_or(pairs).into(),
            in_flight: self.in_flight.unwrap_or(in_flight),
            acknowledged: self.ack,
            rounds: self.turns.rounds(),
            timing: self.turns.timing(),
        })
    }
}

/// What is measured on what kind of machine, for whoever reads the figures later.
fn conditions(plan: &Plan) -> String {
    let Plan { pairs, in_flight, .. } = plan;
    let style = if plan.acknowledged { "acknowledging" } else { "original" };
    format!(
        "{pairs} pairs of {style} clients, {in_flight} under way in each, {TEXT_BYTES} bytes of \
         text; {}",
        machine()
    )
}
