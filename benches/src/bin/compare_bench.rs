//! `compare-bench`: a ChatServer beside ngircd, nats-server, mosquitto and ejabberd.

use benches::arguments::{Turns, program};
use benches::compare::{self, Peer, Plan, Shape};
use clap::{Parser, ValueEnum};
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

/// Measures a ChatServer and servers that others use in turn, each over its own protocol, on one
/// processor, with one load. Starts all of them on private ports and temporary folders; the peers
/// must be installed. Tells on standard error what it does, and prints one table.
#[derive(Parser)]
#[command(name = "compare-bench", version)]
struct Arguments {
    /// The ChatServer [default: beside this program]
    #[arg(long, value_name = "PROGRAM")]
    server: Option<PathBuf>,
    /// The bare echo loop [default: beside this program]
    #[arg(long, value_name = "PROGRAM")]
    echo: Option<PathBuf>,
    /// Beside these alone [default: all]
    #[arg(long, value_name = "PEER", value_delimiter = ',')]
    only: Vec<Peer>,
    /// In these shapes of work alone [default: all]
    #[arg(long, value_name = "SHAPE", value_delimiter = ',')]
    shape: Vec<Shape>,
    /// Idle clients whose memory is measured
    #[arg(long, value_name = "N", default_value_t = 3000, value_parser = clap::value_parser!(u16).range(2..=8000))]
    clients: u16,
    #[command(flatten)]
    turns: Turns,
    /// Processor of the servers
    #[arg(long, value_name = "CPU", default_value_t = 0)]
    server_cpu: usize,
    /// Processor of the load
    #[arg(long, value_name = "CPU", default_value_t = 1)]
    load_cpu: usize,
    /// Fail if something that is required is missed
    #[arg(long)]
    require: bool,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("compare-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> io::Result<ExitCode> {
    let plan = arguments.plan()?;
    let conditions = compare::conditions();
    let findings = compare::run(&plan, |line| eprintln!("{line}"))?;
    let mut out = io::stdout();
    let words = std::iter::once("compare-bench".to_owned()).chain(std::env::args().skip(1));
    let command = words.collect::<Vec<_>>().join(" ");
    writeln!(out, "`{command}`; {conditions}\n")?;
    writeln!(out, "{findings}")?;
    if findings.is_disturbed() {
        let text = "other work had the processors: only ratios by CPU time are sound";
        writeln!(out, "{text}\n")?;
    }
    let requirements = findings.requirements();
    for requirement in &requirements {
        writeln!(out, "{requirement}")?;
    }
    let are_met = requirements.iter().all(compare::Requirement::is_met);
    Ok(if arguments.require && !are_met { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

impl Arguments {
    fn plan(&self) -> io::Result<Plan> {
        Ok(Plan {
            server: program(self.server.as_ref(), "ChatServer")?,
            echo: program(self.echo.as_ref(), "bare-echo")?,
            server_cpu: self.server_cpu,
            load_cpu: self.load_cpu,
            peers: chosen(&self.only),
            shapes: chosen(&self.shape),
            clients: usize::from(self.clients) / 2 * 2,
            rounds: self.turns.rounds(),
            timing: self.turns.timing(),
        })
    }
}

/// What was named, or everything.
fn chosen<T: ValueEnum>(named: &[T]) -> Vec<T> {
    if named.is_empty() { T::value_variants().to_vec() } else { named.to_vec() }
}
