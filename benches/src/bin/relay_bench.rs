//! `relay-bench`: how many messages a ChatServer relays beside a bare echo loop.

use benches::relay::{self, Plan};
use benches::{IN_FLIGHT_MAX, TEXT_BYTES};
use clap::Parser;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

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
    /// How often each of the two has its turn
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// Seconds of a turn that are counted
    #[arg(long, default_value_t = 2.0, value_parser = seconds)]
    seconds: f64,
    /// Seconds before them that are not
    #[arg(long, default_value_t = 0.5, value_parser = seconds)]
    warm_up: f64,
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
        Some(required) if report.rate_ratio() < required => {
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
            rounds: self.rounds.into(),
            duration: Duration::from_secs_f64(self.seconds),
            warm_up: Duration::from_secs_f64(self.warm_up),
        })
    }
}

/// The program that was chosen, or the one called `name` beside this one.
fn program(chosen: Option<&PathBuf>, name: &str) -> io::Result<PathBuf> {
    let path = match chosen {
        Some(path) => path.clone(),
        None => std::env::current_exe()?.with_file_name(name),
    };
    if path.is_file() {
        return Ok(path);
    }
    let text = format!("{} is not there; build it: cargo build --release", path.display());
    Err(io::Error::new(io::ErrorKind::NotFound, text))
}

/// What is measured on what kind of machine, for whoever reads the figures later.
fn conditions(plan: &Plan) -> String {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or("unknown");
    let cpus = std::thread::available_parallelism().map_or(0, usize::from);
    let Plan { pairs, in_flight, .. } = plan;
    let style = if plan.acknowledged { "acknowledging" } else { "original" };
    format!(
        "{pairs} pairs of {style} clients, {in_flight} under way in each, {} bytes of text; \
         {cpus} processors, load average {load} before the start",
        TEXT_BYTES
    )
}

fn seconds(text: &str) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|_| format!("{text} is no number"))?;
    // The turn of one side is silence to the other, which closes a connection after 90 s of it.
    if (0.01..=25.0).contains(&value) { Ok(value) } else { Err("0.01 to 25 seconds".to_owned()) }
}
