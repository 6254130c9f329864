//! `reactor-echo PORT [--loops N] [--deadlines SECONDS]`: the reactor's echo as a process of its own. It
//! answers each line of its input with what its loops have asked of the kernel so far.

use benches::kernel_calls::KernelCalls;
use clap::Parser;
use reactor::{
    Buffer, Connection, ConnectionOptions, EventLoop, LoopHandle, Service, TcpServer,
    reserve_descriptors,
};
use rustix::process::{Resource, getrlimit};
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

/// Echoes on the loopback address.
#[derive(Parser)]
struct Arguments {
    /// Port to listen on; 0 lets the system choose one
    port: u16,
    /// Event loops; 1 is the main loop, more are sub loops
    #[arg(long, default_value_t = 1)]
    loops: usize,
    /// Close connections that are idle, silent or do not read for so long
    #[arg(long, value_name = "SECONDS")]
    deadlines: Option<u64>,
}

struct Echo;

/// As many as a bench may have.
const DESCRIPTORS: u64 = 20_000;

impl Service for Echo {
    type State = ();
    type Post = ();

    fn on_message(&mut self, connection: &mut Connection<'_, ()>, input: &mut Buffer) {
        connection.send(input.peek());
        input.retrieve_all();
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let Arguments { port, loops, deadlines } = Arguments::parse();
    let deadline = deadlines.map(Duration::from_secs);
    let options = ConnectionOptions {
        idle_timeout: deadline,
        read_timeout: deadline,
        write_timeout: deadline,
        ..ConnectionOptions::default()
    };
    let mut event_loop = EventLoop::new()?;
    let server = TcpServer::builder(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
        .connection_options(options)
        .threads(if loops > 1 { loops } else { 0 })
        .start(&mut event_loop, |_seat| Echo)?;
    writeln!(io::stdout(), "reactor-echo is listening on {}", server.local_addr())?;
    // The thread that answers would make each doubling of the table a stall, as in any server that
    // has more than one; the bare loop is alone.
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(DESCRIPTORS);
    reserve_descriptors(limit.min(DESCRIPTORS) as usize)?;
    let counting = server.loops().to_vec();
    std::thread::spawn(move || answer(&counting));
    event_loop.run()?;
    Ok(())
}

fn answer(loops: &[LoopHandle]) -> io::Result<()> {
    for line in io::stdin().lines() {
        line?;
        writeln!(io::stdout(), "{}", KernelCalls::of(loops))?;
    }
    Ok(())
}
