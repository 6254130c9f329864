//! `bare-echo PORT [--pin CPU] [--to-others]`: the bare echo loop as a process of its own.

use benches::affinity::pin_thread;
use benches::bare_epoll::{BareEcho, Recipients};
use clap::Parser;
use std::io::{self, Write};
use std::process::ExitCode;

/// A bare level-triggered epoll loop that echoes on the loopback address.
#[derive(Parser)]
#[command(name = "bare-echo", version)]
struct Arguments {
    /// Port to listen on; 0 lets the system choose one
    port: u16,
    /// Processor to stay on
    #[arg(long, value_name = "CPU")]
    pin: Option<usize>,
    /// Loops, each with a thread and a listener of its own
    #[arg(long, default_value_t = 1, conflicts_with = "to_others")]
    loops: usize,
    /// Send each block to all others, and not back
    #[arg(long)]
    to_others: bool,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bare-echo: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> io::Result<()> {
    if let Some(cpu) = arguments.pin {
        pin_thread(cpu)?;
    }
    let recipients = if arguments.to_others { Recipients::Others } else { Recipients::Sender };
    let server = BareEcho::bind(arguments.port, recipients)?;
    for _ in 1..arguments.loops {
        let another = BareEcho::bind(server.local_addr()?.port(), recipients)?;
        std::thread::spawn(move || another.run());
    }
    writeln!(io::stdout(), "bare-echo is listening on {}", server.local_addr()?)?;
    match server.run()? {}
}
