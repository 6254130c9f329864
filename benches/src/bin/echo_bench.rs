//! `echo-bench`: what a block costs that is echoed, by the reactor, tokio and a bare epoll loop.

use benches::arguments::{Turns, machine, program};
use benches::echo::{self, Plan, SERVERS};
use clap::Parser;
use std::io::{self, Write};
use std::process::ExitCode;

/// Measures three echo servers in turn, on one processor, with one load on the other.
#[derive(Parser)]
#[command(name = "echo-bench", version)]
struct Arguments {
    /// Bytes of a block
    #[arg(long, value_delimiter = ',', default_value = "64,16384")]
    bytes: Vec<usize>,
    /// Connections, each with one block under way
    #[arg(long, value_delimiter = ',', default_value = "10,100,1000,10000")]
    connections: Vec<usize>,
    /// Event loops of each server, all on one processor
    #[arg(long, default_value_t = 1)]
    loops: usize,
    #[command(flatten)]
    turns: Turns,
    /// Processor of the servers
    #[arg(long, value_name = "CPU", default_value_t = 0)]
    server_cpu: usize,
    /// Processor of the load
    #[arg(long, value_name = "CPU", default_value_t = 1)]
    load_cpu: usize,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("echo-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> io::Result<()> {
    let programs = SERVERS.iter().map(|(name, _)| program(None, name));
    let plan = Plan {
        programs: programs.collect::<io::Result<_>>()?,
        loops: arguments.loops,
        bytes: arguments.bytes.clone(),
        connections: arguments.connections.clone(),
        rounds: arguments.turns.rounds(),
        timing: arguments.turns.timing(),
        server_cpu: arguments.server_cpu,
        load_cpu: arguments.load_cpu,
    };
    let mut out = io::stdout();
    writeln!(out, "{}; {} loop(s)", machine(), plan.loops)?;
    // A reader who left does not stop the measurement.
    echo::run(&plan, |line| drop(writeln!(out, "{line}")))
}
