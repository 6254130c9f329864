//! The echo bench: what a block costs that a server sends back, by the reactor, by tokio and by a bare
//! epoll loop.
//!
//! Each server is a process on the same processor, in turn, and the load is on the other. What
//! disturbs the machine disturbs all three, so the figures to look at are their ratios.

pub(crate) mod bouncers;

use crate::affinity;
use crate::contender::Contender;
use crate::kernel_calls::KernelCalls;
use crate::round::{Round, median_of};
use crate::turn::{Member, Timing, take_turn};
use bouncers::Bouncers;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::process::Command;

/// The one that counts its system calls.
const REACTOR: &str = "reactor";

/// Who is measured, by the name of the program and of the column.
pub const SERVERS: [(&str, &str); 3] =
    [("reactor-echo", REACTOR), ("tokio-echo", "tokio"), ("bare-echo", "bare epoll loop")];

/// What is measured, and for how long.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Programs in the order of [`SERVERS`].
    pub programs: Vec<PathBuf>,
    /// Event loops of each server, on one processor.
    pub loops: usize,
    /// Bytes of a block.
    pub bytes: Vec<usize>,
    /// Connections with a block under way each.
    pub connections: Vec<usize>,
    /// How often each server has its turn.
    pub rounds: usize,
    /// How long each turn is.
    pub timing: Timing,
    /// The processor of the servers.
    pub server_cpu: usize,
    /// The processor of the load.
    pub load_cpu: usize,
}

/// One line of the table: what all servers did with one size and number.
#[derive(Debug)]
pub struct Cell {
    bytes: usize,
    connections: usize,
    /// Of each server, in the order of [`SERVERS`].
    rounds: [Vec<Round>; 3],
    /// Of the reactor, in all rounds.
    calls: KernelCalls,
}

/// Measures all cells; `tell` is called with each line of text as it becomes known.
///
/// # Errors
/// If a server does not start, a processor is not there, or a block does not come back.
pub fn run(plan: &Plan, mut tell: impl FnMut(&str)) -> io::Result<()> {
    affinity::pin_thread(plan.load_cpu)?;
    tell(Cell::HEADINGS);
    for &bytes in &plan.bytes {
        for &connections in &plan.connections {
            tell(&measure(plan, bytes, connections)?.to_string());
        }
    }
    Ok(())
}

fn measure(plan: &Plan, bytes: usize, connections: usize) -> io::Result<Cell> {
    let (rounds, calls) = Default::default();
    let mut cell = Cell { bytes, connections, rounds, calls };
    let mut contenders = Vec::new();
    for (program, (_, name)) in plan.programs.iter().zip(SERVERS) {
        let mut command = Command::new(program);
        command.args(["0", "--loops", &plan.loops.to_string()]);
        contenders.push(Contender::start(name, command, plan.server_cpu, None)?);
    }
    for _ in 0..plan.rounds {
        for (contender, rounds) in contenders.iter_mut().zip(&mut cell.rounds) {
            // 10,000 connections each are all that a process may have open: one load at a time.
            let mut load = Bouncers::connect(contender.address, connections, bytes)?;
            let before = counted(contender)?;
            let members = [Member { name: contender.name, pid: contender.pid() }];
            rounds.push(take_turn(contender.name, &members, &mut load, plan.timing)?);
            cell.calls += counted(contender)?.since(before);
        }
    }
    Ok(cell)
}

/// What a contender has asked of the kernel; the others than the reactor do not tell.
fn counted(contender: &mut Contender) -> io::Result<KernelCalls> {
    if contender.name == REACTOR { contender.ask()?.parse() } else { Ok(KernelCalls::default()) }
}

impl Cell {
    const HEADINGS: &str = "| bytes | connections | blocks/s: reactor, tokio, bare | CPU us a block: reactor, tokio, bare | reactor / bare | reactor / tokio | p99 us: reactor, tokio, bare | reads, writes, waits, wake-ups of the reactor a block |\n|---|---|---|---|---|---|---|---|";

    fn medians(&self, figure: impl Fn(&Round) -> f64) -> [f64; 3] {
        [0, 1, 2].map(|server| median_of(&self.rounds[server], &figure))
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [rate, tokio_rate, bare_rate] = self.medians(|round| round.rate);
        let [cpu, tokio_cpu, bare_cpu] = self.medians(Round::server_us);
        let [p99, tokio_p99, bare_p99] = self.medians(|round| round.p99.as_secs_f64() * 1e6);
        write!(f, "| {} | {} ", self.bytes, self.connections)?;
        write!(f, "| {rate:.0}, {tokio_rate:.0}, {bare_rate:.0} ")?;
        write!(f, "| {cpu:.2}, {tokio_cpu:.2}, {bare_cpu:.2} ")?;
        write!(f, "| {:.3} | {:.3} ", cpu / bare_cpu, cpu / tokio_cpu)?;
        write!(f, "| {p99:.0}, {tokio_p99:.0}, {bare_p99:.0} ")?;
        let [reads, writes, waits, wakeups] = self.calls.a_block(self.bytes);
        write!(f, "| {reads:.3}, {writes:.3}, {waits:.3}, {wakeups:.3} |")
    }
}
