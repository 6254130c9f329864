//! The relay bench: what a message through a ChatServer costs, beside an echo by the bare loop.
//!
//! For one message relayed the server reads once and writes once, as the bare loop does for one
//! block echoed; so the bare loop's rate is what a server would reach that did nothing else.
//! The two take turns on the same processor, and the figure is their ratio: what disturbs the
//! machine disturbs both.

mod contender;
mod report;

pub use report::{Report, Round};

use crate::accounts::{self, Style};
use crate::load::{Load, Partner};
use crate::player::{Dialogue, Player};
use crate::tally::Tally;
use contender::Contender;
use rustix::time::{ClockId, clock_gettime};
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// What is measured, and for how long.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The ChatServer's program.
    pub server: PathBuf,
    /// The bare loop's program.
    pub echo: PathBuf,
    /// The processor of the servers.
    pub server_cpu: usize,
    /// The processor of the load.
    pub load_cpu: usize,
    /// Pairs of clients, and connections to the bare loop.
    pub pairs: usize,
    /// Messages of each pair under way, and blocks of each connection; up to
    /// [`crate::IN_FLIGHT_MAX`].
    pub in_flight: u64,
    /// Whether the clients acknowledge and wait for answers, or do as the original ones.
    pub acknowledged: bool,
    /// How often each contender has its turn.
    pub rounds: usize,
    /// The counted time of a turn.
    pub duration: Duration,
    /// The time before it that is not counted.
    pub warm_up: Duration,
}

/// A server and the load that plays with it.
struct Side {
    contender: Contender,
    load: Load,
}

/// Starts both servers and measures them in turn; `tell` is called with each line of text as it
/// becomes known. Keeps the calling thread on the load's processor.
///
/// # Errors
/// If a program does not start, a processor is not there, or a server does not answer what the
/// protocol says.
pub fn run(plan: &Plan, mut tell: impl FnMut(&str)) -> io::Result<Report> {
    let chat = Contender::chat_server(&plan.server, plan.server_cpu)?;
    let bare = Contender::bare_echo(&plan.echo, plan.server_cpu)?;
    crate::affinity::pin_thread(plan.load_cpu)?;
    for contender in [&bare, &chat] {
        tell(&format!("{} is process {}", contender.name, contender.pid()));
    }
    let load = Load::new(plan.echo_players(bare.address)?, Partner::Itself)?;
    let mut bare = Side { contender: bare, load };
    let load = Load::new(plan.chat_players(chat.address)?, Partner::Neighbour)?;
    let mut chat = Side { contender: chat, load };
    let mut report = Report::default();
    tell(Round::HEADINGS);
    for _ in 0..plan.rounds {
        let round = bare.measure(plan)?;
        tell(&round.to_string());
        report.bare.push(round);
        let round = chat.measure(plan)?;
        tell(&round.to_string());
        report.chat.push(round);
    }
    Ok(report)
}

impl Plan {
    fn echo_players(&self, address: SocketAddr) -> io::Result<Vec<(TcpStream, Player)>> {
        let player = || Player::new(Dialogue::Echo, self.in_flight, Instant::now());
        (0..self.pairs).map(|_| Ok((TcpStream::connect(address)?, player()))).collect()
    }

    fn chat_players(&self, address: SocketAddr) -> io::Result<Vec<(TcpStream, Player)>> {
        let style = if self.acknowledged { Style::Acknowledged } else { Style::Original };
        let accounts = accounts::logged_in(address, self.pairs * 2, style)?;
        let seated = accounts.into_iter().enumerate().map(|(index, (stream, account))| {
            let held = if index % 2 == 0 { self.in_flight } else { 0 };
            let dialogue = match style {
                Style::Original => Dialogue::Original(account),
                Style::Acknowledged => Dialogue::Acknowledged(account),
            };
            (stream, Player::new(dialogue, held, Instant::now()))
        });
        Ok(seated.collect())
    }
}

impl Side {
    fn measure(&mut self, plan: &Plan) -> io::Result<Round> {
        self.load.play(plan.warm_up, &mut Tally::new())?;
        let mut tally = Tally::new();
        let server_before = self.contender.cpu_time()?;
        let load_before = own_cpu_time();
        self.load.play(plan.duration, &mut tally)?;
        let load_time = own_cpu_time().saturating_sub(load_before);
        let server_time = self.contender.cpu_time()?.saturating_sub(server_before);
        self.load.settle()?;
        if tally.messages == 0 {
            return Err(io::Error::other(format!("{} relayed nothing", self.contender.name)));
        }
        let messages = tally.messages as f64;
        Ok(Round {
            name: self.contender.name,
            rate: tally.rate(),
            server_us: server_time.as_secs_f64() * 1e6 / messages,
            server_share: server_time.as_secs_f64() / tally.elapsed.as_secs_f64(),
            load_share: load_time.as_secs_f64() / tally.elapsed.as_secs_f64(),
            p50: tally.latency_at(0.5),
            p99: tally.latency_at(0.99),
        })
    }
}

/// What this process has computed since it started.
fn own_cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32)
}
