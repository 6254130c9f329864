//! The relay bench: what a message through a ChatServer costs, beside an echo by the bare loop.
//!
//! For one message relayed the server reads once and writes once, as the bare loop does for one
//! block echoed; so the bare loop's rate is what a server would reach that did nothing else.
//! The two take turns on the same processor, and the figure is their ratio: what disturbs the
//! machine disturbs both.

mod report;

pub use report::Report;

use crate::accounts::{self, Style};
use crate::contender::Contender;
use crate::load::{Load, Partner};
use crate::player::{Dialogue, Player};
use crate::round::Round;
use crate::turn::{Member, Timing, take_turn};
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::time::Instant;

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
    /// How long each turn is.
    pub timing: Timing,
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
    let style = if plan.acknowledged { Style::Acknowledged } else { Style::Original };
    let seats = 0..plan.pairs * 2;
    let players = accounts::players(&[chat.address], seats, plan.in_flight, style)?;
    let mut chat = Side { contender: chat, load: Load::new(players, Partner::Neighbour)? };
    let mut report = Report::default();
    tell(Round::HEADINGS);
    for _ in 0..plan.rounds {
        let round = bare.measure(plan.timing)?;
        tell(&round.to_string());
        report.comparison.reference.push(round);
        let round = chat.measure(plan.timing)?;
        tell(&round.to_string());
        report.comparison.chat.push(round);
    }
    Ok(report)
}

impl Plan {
    fn echo_players(&self, address: SocketAddr) -> io::Result<Vec<(TcpStream, Player)>> {
        let player = || Player::new(Dialogue::Echo, self.in_flight, Instant::now());
        (0..self.pairs).map(|_| Ok((TcpStream::connect(address)?, player()))).collect()
    }
}

impl Side {
    fn measure(&mut self, timing: Timing) -> io::Result<Round> {
        let Contender { name, .. } = self.contender;
        let members = [Member { name, pid: self.contender.pid() }];
        take_turn(name, &members, &mut self.load, timing)
    }
}
