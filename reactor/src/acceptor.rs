//! Takes in the connections of a listener and deals them to services.

use crate::accept_error::{AcceptError, classify};
use crate::channel::Readiness;
use crate::listener::Listener;
use crate::loop_core::LoopCore;
use crate::server_stats::{ServerCounters, count};
use crate::service_handle::ConnectionSink;
use crate::source::{Source, SourceId, SourceStatus, SourceTimer};
use crate::timer_queue::TimerId;
use crate::token::Key;
use mio::net::TcpStream;
use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Connections accepted in one turn, so that a flood of new ones does not starve the old ones.
const ACCEPTS_PER_TURN: usize = 64;
/// The wait after an error that gives no edge when it is over. Long enough to cost nothing,
/// short enough for a client that waits.
const RETRY_DELAY: Duration = Duration::from_millis(100);
/// Warnings of one listener are at least this far apart.
const WARNING_INTERVAL: Duration = Duration::from_secs(1);

/// Decides by the peer's address whether a connection is taken.
pub(crate) type AcceptFilter = Box<dyn FnMut(SocketAddr) -> bool>;

/// The source of a listener. No error ends it, only [`Listener::stop`].
pub(crate) struct Acceptor {
    id: SourceId,
    listener: Arc<Listener>,
    /// Where connections go, in turn.
    targets: Vec<Arc<dyn ConnectionSink>>,
    next_target: usize,
    filter: Option<AcceptFilter>,
    connections_max: usize,
    counters: Arc<ServerCounters>,
    progress: Progress,
    /// Given up for a moment when no descriptor is left, so that the clients who wait can be
    /// accepted and refused instead of being left to hang.
    spare: Option<File>,
    last_warning: Option<Instant>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    /// Nobody waits; the next edge tells otherwise.
    Drained,
    /// More may wait: the budget was used up.
    CutOff,
    /// More may wait, but it takes time; a timer is armed.
    Paused,
}

impl Acceptor {
    pub(crate) fn new(
        id: SourceId,
        listener: Arc<Listener>,
        targets: Vec<Arc<dyn ConnectionSink>>,
        filter: Option<AcceptFilter>,
        connections_max: usize,
        counters: Arc<ServerCounters>,
    ) -> Self {
        Self {
            id,
            listener,
            targets,
            next_target: 0,
            filter,
            connections_max,
            counters,
            progress: Progress::Drained,
            spare: open_spare().ok(),
            last_warning: None,
        }
    }

    fn accept(&mut self, core: &mut LoopCore) {
        self.progress = Progress::CutOff;
        for _ in 0..ACCEPTS_PER_TURN {
            if self.listener.is_stopped() {
                return;
            }
            match self.listener.accept() {
                Ok((stream, peer)) => {
                    core.shared.counters.accepted.add(1);
                    self.place(stream, peer);
                }
                Err(error) => match self.handle_error(core, &error) {
                    AcceptError::Next => {}
                    AcceptError::Drained => {
                        self.progress = Progress::Drained;
                        return;
                    }
                    AcceptError::NoDescriptor | AcceptError::Later => {
                        self.pause(core);
                        return;
                    }
                },
            }
        }
    }

    /// Gives a connection to the next service, unless it is one too many.
    fn place(&mut self, stream: TcpStream, peer: SocketAddr) {
        if self.counters.connections() >= self.connections_max {
            count(&self.counters.refused_by_limit);
            return;
        }
        if self.filter.as_mut().is_some_and(|accepts| !accepts(peer)) {
            count(&self.counters.refused_by_filter);
            return;
        }
        let target = &self.targets[self.next_target];
        self.next_target = (self.next_target + 1) % self.targets.len();
        self.counters.add_connection();
        match target.accepted(stream, peer) {
            Ok(()) => count(&self.counters.accepted),
            Err(ended) => {
                self.counters.remove_connection();
                log::warn!("cannot serve {peer}: {ended}");
            }
        }
    }

    /// Says what is left to do about an error.
    fn handle_error(&mut self, core: &LoopCore, error: &io::Error) -> AcceptError {
        let class = classify(error);
        if class == AcceptError::Drained {
            return class;
        }
        count(&self.counters.accept_errors);
        if class == AcceptError::Next {
            return class;
        }
        self.warn(core.now, error);
        if class == AcceptError::NoDescriptor { self.refuse_one() } else { class }
    }

    /// Accepts a waiting client with the spare descriptor, and hangs up.
    fn refuse_one(&mut self) -> AcceptError {
        if self.spare.take().is_none() {
            self.spare = open_spare().ok();
            return AcceptError::NoDescriptor;
        }
        let accepted = self.listener.accept().map(drop);
        self.spare = open_spare().ok();
        match accepted {
            Ok(()) => {
                count(&self.counters.refused_for_descriptors);
                AcceptError::Next
            }
            Err(error) => classify(&error),
        }
    }

    /// Tries again later: those who wait give no new edge when the shortage is over.
    fn pause(&mut self, core: &mut LoopCore) {
        self.progress = Progress::Paused;
        core.add_source_timer(self.id, RETRY_DELAY, SourceTimer::AcceptRetry);
    }

    fn warn(&mut self, now: Instant, error: &io::Error) {
        let quiet = self.last_warning.is_some_and(|last| now - last < WARNING_INTERVAL);
        if !quiet {
            self.last_warning = Some(now);
            log::warn!("cannot accept on {}: {error}", self.listener.address());
        }
    }
}

impl Source for Acceptor {
    fn on_event(&mut self, core: &mut LoopCore, _key: Key, _readiness: Readiness) {
        // While paused, a new client would only make the next error come sooner.
        if self.progress != Progress::Paused {
            self.accept(core);
        }
    }

    fn on_ready(&mut self, core: &mut LoopCore) {
        if self.progress == Progress::CutOff {
            self.accept(core);
        }
    }

    fn on_timer(&mut self, core: &mut LoopCore, _id: TimerId, _timer: SourceTimer) {
        self.accept(core);
    }

    fn end_turn(&mut self, core: &mut LoopCore) -> SourceStatus {
        if self.listener.is_stopped() {
            return SourceStatus::Finished;
        }
        if self.progress == Progress::CutOff {
            core.set_work_pending();
        }
        SourceStatus::Active
    }
}

fn open_spare() -> io::Result<File> {
    File::open("/dev/null")
}
