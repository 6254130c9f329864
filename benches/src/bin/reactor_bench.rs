//! `reactor-bench`: what the reactor claims to do well, beside others that do it.

use benches::affinity::two_processors;
use benches::arguments::machine;
use benches::measures::{Measure, Plan, Row, Scale};
use clap::{Parser, ValueEnum};
use std::io::{self, Write};
use std::process::ExitCode;

/// Measures the reactor beside muduo's way, tokio or a bare loop, in turn, and prints one table.
#[derive(Parser)]
#[command(name = "reactor-bench", version)]
struct Arguments {
    /// Measure this alone; may be given several times
    #[arg(long, value_name = "NAME")]
    only: Vec<Measure>,
    /// How often each contender has its turn
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// Do little in each turn, to see that it works
    #[arg(long)]
    quick: bool,
    /// Fail if something that is wanted is missed
    #[arg(long, conflicts_with = "quick")]
    require: bool,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("reactor-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> io::Result<ExitCode> {
    let scale = if arguments.quick { Scale::Quick } else { Scale::Full };
    let (server_cpu, load_cpu) = two_processors()?;
    let plan = Plan { rounds: arguments.rounds.into(), scale, server_cpu, load_cpu };
    let measures = match arguments.only.as_slice() {
        [] => Measure::value_variants(),
        chosen => chosen,
    };
    let mut out = io::stdout();
    writeln!(out, "{}; medians of {} rounds\n", machine(), plan.rounds)?;
    if scale == Scale::Quick {
        writeln!(out, "Too little is done for these figures to mean anything.\n")?;
    }
    writeln!(out, "{}", Row::HEADINGS)?;
    let mut missed = false;
    for measure in measures {
        for row in measure.run(plan)? {
            writeln!(out, "{row}")?;
            missed |= !row.is_met();
        }
    }
    Ok(if missed && arguments.require { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
