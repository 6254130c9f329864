//! `faults run` runs the fault suite against a cluster of its own; `faults check` judges a history
//! that a run has left.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use faults::checker::{Limits, check};
use faults::cluster::{Bus, Shape};
use faults::nemesis::Fault;
use faults::plan::Pace;
use faults::suite::{Length, Load, Options, history_path, run};
use faults::{history, report};

#[derive(Parser)]
#[command(about = "Real servers that are killed, frozen and cut off under traffic, and a checker")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the suite; ends with a table, and with status 1 when a promise was broken
    Run(RunArgs),
    /// Judge the history in a folder that a run has left
    Check {
        /// The folder
        folder: PathBuf,
    },
}

#[derive(Args)]
struct RunArgs {
    /// Minutes of load
    #[arg(long, default_value_t = 10.0)]
    minutes: f64,
    /// Repeats the faults of another run [default: a new one]
    #[arg(long)]
    seed: Option<u64>,
    /// ChatServer processes, joined by Redis
    #[arg(long, default_value_t = 3)]
    nodes: usize,
    /// One ChatServer without Redis
    #[arg(long, conflicts_with = "nodes")]
    alone: bool,
    /// Acknowledging clients
    #[arg(long, default_value_t = 12)]
    clients: usize,
    /// Milliseconds between two messages of a client
    #[arg(long, default_value_t = 100)]
    between_ms: u64,
    /// Shortened times, as in the gate
    #[arg(long)]
    short: bool,
    /// Only faults whose names contain this; none for none at all
    #[arg(long)]
    only: Option<String>,
    /// The ChatServer [default: the one beside this program]
    #[arg(long)]
    program: Option<PathBuf>,
    /// Where history, logs and report are left [default: faults-SEED in the temporary folder]
    #[arg(long)]
    out: Option<PathBuf>,
}

impl RunArgs {
    fn options(self) -> Options {
        let seed = self.seed.unwrap_or_else(|| fastrand::u64(..));
        let (nodes, bus) = if self.alone { (1, Bus::Alone) } else { (self.nodes, Bus::Redis) };
        let mut load = Load { messengers: self.clients, ..Load::default() };
        load.habits.between_messages = Duration::from_millis(self.between_ms);
        let mut faults = Fault::of(bus);
        if let Some(only) = &self.only {
            faults.retain(|fault| fault.name().contains(only));
        }
        Options {
            shape: Shape { nodes, bus, program: self.program.unwrap_or_else(testbed::chat_server) },
            load,
            faults,
            pace: if self.short { Pace::Short } else { Pace::Long },
            length: Length::Time(Duration::from_secs_f64(self.minutes * 60.0)),
            limits: Limits::default(),
            seed,
            folder: self.out.unwrap_or_else(|| std::env::temp_dir().join(format!("faults-{seed}"))),
        }
    }
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Run(args) => run_suite(&args.options()),
        Command::Check { folder } => history::read(&history_path(&folder)).map(|events| {
            let verdict = check(&events, Limits::default());
            tell(&report::markdown(&verdict));
            verdict.is_good()
        }),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("faults: {error}");
            ExitCode::from(2)
        }
    }
}

fn run_suite(options: &Options) -> io::Result<bool> {
    let folder = options.folder.display();
    eprintln!("seed {}, history and logs in {folder}", options.seed);
    let outcome = run(options, &mut |line| eprintln!("{line}"))?;
    tell(&format!("seed {}\n\n{}", options.seed, outcome.report()));
    if !outcome.is_good() {
        eprintln!("a promise was broken; look into {folder}");
    }
    Ok(outcome.is_good())
}

#[allow(clippy::print_stdout, reason = "what the program is for")]
fn tell(text: &str) {
    println!("{text}");
}
