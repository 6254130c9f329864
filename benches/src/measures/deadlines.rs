//! What deadlines of all connections cost a message: the same server with them and without.

use crate::affinity::{pin_thread, unpin_thread};
use crate::contender::Contender;
use crate::crowd;
use crate::echo::bouncers::Bouncers;
use crate::measures::Plan;
use crate::measures::row::{Row, Wanted};
use crate::measures::spent::Spent;
use crate::processor_time;
use crate::tally::Tally;
use crate::turn::Traffic;
use std::io;
use std::net::TcpStream;
use std::time::Duration;

const BLOCK_BYTES: usize = 64;
/// Connections that carry blocks; the others are idle.
const BUSY: usize = 100;
/// Longer than the measure, so that no idle connection is closed.
const DEADLINES: &str = "3600";

/// A server, connections that do nothing, and others that keep it busy.
struct Side {
    server: Contender,
    _idle: Vec<TcpStream>,
    bouncers: Bouncers,
}

pub(super) fn run(plan: Plan) -> io::Result<Vec<Row>> {
    // Of both servers at the same time.
    let connections = crowd::size_allowed(plan.scale.pick(200_000, 400)) / 2;
    let duration = Duration::from_millis(plan.scale.pick(2_000, 20));
    let what =
        format!("{connections} connections with three deadlines, {BUSY} busy: CPU of a block");
    let mut row = Row::new(what, "us", "without deadlines", Wanted::Ratio(1.05));
    let before = pin_thread(plan.load_cpu)?;
    let mut with = Side::start(plan, &["--deadlines", DEADLINES], connections)?;
    let mut without = Side::start(plan, &[], connections)?;
    for _ in plan.rounds("deadlines") {
        row.push(with.measure(duration)?, without.measure(duration)?);
    }
    unpin_thread(&before)?;
    Ok(vec![row])
}

impl Side {
    fn start(plan: Plan, arguments: &[&str], connections: usize) -> io::Result<Self> {
        let server = plan.server_with("reactor-echo", arguments)?;
        let mut idle = crowd::connect_to_echo(server.address, connections)?;
        let busy = idle.split_off(connections.saturating_sub(BUSY));
        Ok(Self { server, _idle: idle, bouncers: Bouncers::over(busy, BLOCK_BYTES)? })
    }

    /// Microseconds of CPU of the server for a block.
    fn measure(&mut self, duration: Duration) -> io::Result<f64> {
        self.bouncers.play(duration / 10, &mut Tally::new())?;
        let mut tally = Tally::new();
        let computed = || processor_time::of_threads(self.server.pid());
        let ((), spent) = Spent::by(computed, || self.bouncers.play(duration, &mut tally))?;
        self.bouncers.settle()?;
        Ok(spent.cpu.as_secs_f64() * 1e6 / tally.messages as f64)
    }
}
