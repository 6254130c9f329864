//! ChatServer: reads its configuration, starts, waits for a signal, ends cleanly.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use chatservice::cluster::redis::THREAD as CLUSTER_THREAD;
use chatservice::config::Config;
use chatservice::server::{LOOP_THREAD, Server};
use env_logger::Env;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// What shells and service managers take for "the command line or configuration is wrong".
const USAGE: u8 = 2;

fn main() -> ExitCode {
    env_logger::Builder::from_env(Env::default().default_filter_or("info")).init();
    let config = match Config::load() {
        Ok(config) => config,
        Err(error) => {
            eprintln!("ChatServer: {error}");
            return ExitCode::from(USAGE);
        }
    };
    end_with_any_part();
    match run(config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ChatServer: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(config: Config) -> Result<(), Box<dyn std::error::Error>> {
    // Before any thread starts, so that no signal falls between. A second signal ends at once.
    let ending = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register_conditional_shutdown(signal, 1, Arc::clone(&ending))?;
        signal_hook::flag::register(signal, Arc::clone(&ending))?;
    }
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    let data = match &config.mysql {
        Some(database) => database.to_string(),
        None => config.data.display().to_string(),
    };
    Server::run(
        config,
        |address| announce(address, &data),
        move || {
            signals.forever().next();
            log::info!("shutting down; once more to end at once");
        },
    )?;
    log::info!("ended");
    Ok(())
}

/// Lets a panic on a loop, or on a thread of the cluster, end the process: half a server would leave its clients hanging, and
/// everything answered is safe, so that starting again is the better half.
fn end_with_any_part() {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        report(panic);
        let thread = std::thread::current();
        let needed = |name: &str| {
            [LOOP_THREAD, CLUSTER_THREAD].iter().any(|prefix| name.starts_with(prefix))
        };
        if thread.name().is_some_and(needed) {
            std::process::abort();
        }
    }));
}

#[allow(clippy::print_stdout, reason = "what a person at a terminal, or a script, waits for")]
fn announce(address: SocketAddr, data: &str) {
    let (ip, port) = (address.ip(), address.port());
    let near = if ip.is_unspecified() { "127.0.0.1".to_owned() } else { ip.to_string() };
    // The client usually lies beside the server, whatever path that was started by.
    let server_path = std::env::args_os().next().map(PathBuf::from).unwrap_or_default();
    let client = server_path.with_file_name("ChatClient");
    println!("ChatServer is listening on {address}, data in {data}");
    println!("Start a client with: {} {near} {port}", client.display());
}
