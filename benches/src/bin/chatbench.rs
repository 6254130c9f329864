//! `chatbench`: a load generator for chat servers.

use benches::chatbench::{Arguments, run};
use clap::Parser;
use std::io::{self, Write};
use std::process::ExitCode;

fn main() -> ExitCode {
    let told = run(&Arguments::parse()).and_then(|table| io::stdout().write_all(table.as_bytes()));
    match told {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("chatbench: {error}");
            ExitCode::FAILURE
        }
    }
}
