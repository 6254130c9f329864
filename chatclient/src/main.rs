//! ChatClient: arguments in, exit status out.

use chatclient::args::Args;
use chatclient::client;
use clap::Parser as _;
use std::process::ExitCode;

fn main() -> ExitCode {
    client::run(&Args::parse())
}
