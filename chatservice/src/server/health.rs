//! The health port: whether every loop turns, and whether clients may be sent here.
//!
//! A service of its own on the main loop, which does little else. It asks by posts and never
//! waits: a store that hangs makes an answer of 503, not a silence.

mod http;

#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use chatproto::UserId;
use reactor::{
    Buffer, Connection, ConnectionOptions, Connections, EventLoop, Seat, Service, ServiceHandle,
    TcpServer,
};

use super::{Asker, Handles, Post, Shared};
use crate::storage::{Answer, Request};
use http::{Question, Scan, Status};

/// Time for each thing that is asked; a second attempt of a prober comes seconds later.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// Time for a prober to send its request, and again for it to take the answer.
const TALK_WITHIN: Duration = Duration::from_secs(5);
/// Probers at a time: a few, each with a connection left over from its last attempt.
const CONNECTIONS_MAX: usize = 32;

/// Tags of a connection's timers.
const TALK: u64 = 0;
const ANSWER: u64 = 1;

/// What those who are asked answer.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Sign {
    /// This loop turns.
    Loop(u16),
    /// A read ended.
    Store(StoreSign),
}

/// What became of a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StoreSign {
    Works,
    Fails,
}

impl Sign {
    /// What the answer to a read says.
    pub(super) fn of_answer(answer: &Answer) -> Self {
        match answer {
            Answer::Credentials(Ok(_)) => Self::Store(StoreSign::Works),
            _ => Self::Store(StoreSign::Fails),
        }
    }
}

/// The running port.
pub(super) type HealthServer = TcpServer<Sign>;

/// Starts the port on the main loop. It asks `loops` and the workers of `shared`, which it does
/// not keep alive.
pub(super) fn start(
    event_loop: &mut EventLoop,
    address: SocketAddr,
    shared: Weak<Shared>,
    loops: &Handles,
) -> reactor::Result<HealthServer> {
    let options = ConnectionOptions {
        high_water: 16 << 10,
        low_water: 4 << 10,
        output_cap: 64 << 10,
        input_cap: 64 << 10,
        read_budget: 64 << 10,
        closing_timeout: Some(TALK_WITHIN),
        ..ConnectionOptions::default()
    };
    let loops = Arc::clone(loops);
    let server = TcpServer::builder(address)
        .max_connections(CONNECTIONS_MAX)
        .connection_options(options)
        .start(event_loop, move |seat| Health::new(&seat, shared.clone(), Arc::clone(&loops)))?;
    log::info!("health is told on http://{}", server.local_addr());
    Ok(server)
}

/// One request and its answer.
#[derive(Debug, Default)]
enum Exchange {
    #[default]
    Reading,
    /// These loops have not answered.
    Alive(Vec<u16>),
    Ready,
    Answered,
}

/// Whether somebody was asked and has not answered. Nobody is asked twice at a time, so that
/// nothing piles up where nothing is taken; who answers does so to all who wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Idle,
    Open,
}

struct Health {
    own: ServiceHandle<Sign>,
    shared: Weak<Shared>,
    loops: Handles,
    loops_asked: Vec<Asked>,
    store_asked: Asked,
}

type Conn<'a> = Connection<'a, Exchange>;
type Conns<'a> = Connections<'a, Exchange>;

impl Health {
    fn new(seat: &Seat<Sign>, shared: Weak<Shared>, loops: Handles) -> Self {
        let loops_asked = vec![Asked::Idle; loops.len()];
        let own = seat.handles[seat.index].clone();
        Self { own, shared, loops, loops_asked, store_asked: Asked::Idle }
    }

    fn begin(&mut self, connection: &mut Conn<'_>, question: Question) {
        connection.run_after(ANSWER_WITHIN, ANSWER);
        match question {
            Question::Alive => {
                let silent = (0..self.loops.len()).map(|at| at as u16).collect();
                *connection.state_mut() = Exchange::Alive(silent);
                self.ask_loops();
            }
            Question::Ready if self.is_draining() => give_up(connection, &["draining".into()]),
            Question::Ready if self.is_alone() => give_up(connection, &["bus".into()]),
            Question::Ready => {
                *connection.state_mut() = Exchange::Ready;
                self.ask_store();
            }
        }
    }

    fn ask_loops(&mut self) {
        for (handle, asked) in self.loops.iter().zip(&mut self.loops_asked) {
            if *asked == Asked::Idle {
                *asked = Asked::Open;
                // A loop that has ended does not answer, which is the answer.
                let _ended = handle.post(Post::Ping(self.own.clone()));
            }
        }
    }

    fn ask_store(&mut self) {
        let Some(shared) = self.shared.upgrade() else { return };
        if self.store_asked == Asked::Idle {
            self.store_asked = Asked::Open;
            // Nobody has this id; looking for it touches one page of an index.
            let request = Request::Credentials(UserId(0));
            let asker = Asker::Health(self.own.clone());
            if let Err((_, request)) = shared.workers.submit(asker, request) {
                let _ended = self.own.post(Sign::of_answer(&request.unavailable()));
            }
        }
    }

    /// Whether there may be other nodes, but they are out of reach.
    fn is_alone(&self) -> bool {
        let shared = self.shared.upgrade();
        let neighbours = shared.as_ref().and_then(|shared| shared.neighbours.as_ref());
        neighbours.is_some_and(|neighbours| !neighbours.are_heard())
    }

    fn is_draining(&self) -> bool {
        self.shared.upgrade().is_none_or(|shared| shared.draining.load(Ordering::Relaxed))
    }
}

impl Service for Health {
    type State = Exchange;
    type Post = Sign;

    fn on_connected(&mut self, connection: &mut Conn<'_>) {
        connection.run_after(TALK_WITHIN, TALK);
    }

    fn on_message(&mut self, connection: &mut Conn<'_>, input: &mut Buffer) {
        if !matches!(connection.state(), Exchange::Reading) {
            return input.retrieve_all();
        }
        match http::scan(input.peek()) {
            Scan::Incomplete => {}
            Scan::Question(question) => {
                input.retrieve_all();
                self.begin(connection, question);
            }
            Scan::Refused(status) => finish(connection, status, &[]),
        }
    }

    /// Many probers end their side as soon as they have asked.
    fn on_end_of_stream(&mut self, connection: &mut Conn<'_>) {
        if matches!(connection.state(), Exchange::Reading) {
            connection.force_close();
        }
    }

    fn on_timer(&mut self, connection: &mut Conn<'_>, tag: u64) {
        match (connection.state(), tag) {
            (Exchange::Reading, TALK) => connection.force_close(),
            (Exchange::Alive(silent), ANSWER) => {
                let names: Vec<_> = silent.iter().map(|at| format!("loop {at}")).collect();
                give_up(connection, &names);
            }
            (Exchange::Ready, ANSWER) => give_up(connection, &["store".to_owned()]),
            _ => {}
        }
    }

    fn on_post(&mut self, connections: &mut Conns<'_>, sign: Sign) {
        match sign {
            Sign::Loop(id) => {
                self.loops_asked[usize::from(id)] = Asked::Idle;
                connections.for_each(|connection| {
                    let Exchange::Alive(silent) = connection.state_mut() else { return };
                    silent.retain(|&waited_for| waited_for != id);
                    if silent.is_empty() {
                        finish(connection, Status::Well, &[]);
                    }
                });
            }
            Sign::Store(sign) => {
                self.store_asked = Asked::Idle;
                let draining = self.is_draining();
                connections.for_each(|connection| match (connection.state(), sign) {
                    (Exchange::Ready, _) if draining => give_up(connection, &["draining".into()]),
                    (Exchange::Ready, StoreSign::Works) => finish(connection, Status::Well, &[]),
                    (Exchange::Ready, StoreSign::Fails) => give_up(connection, &["store".into()]),
                    _ => {}
                });
            }
        }
    }
}

fn give_up(connection: &mut Conn<'_>, failing: &[String]) {
    log::debug!("a health check fails: {failing:?}");
    finish(connection, Status::Unwell, failing);
}

fn finish(connection: &mut Conn<'_>, status: Status, failing: &[String]) {
    *connection.state_mut() = Exchange::Answered;
    // A prober that has left does not want it.
    let _status = connection.send(&http::answer(status, failing));
    connection.close_after_flush();
}
