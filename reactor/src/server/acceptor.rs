//! Takes in the connections of a listener and deals them to services.

use crate::connection::service_handle::ConnectionSink;
use crate::connection::tcp_connection::Arrival;
use crate::driver::address::Address;
use crate::driver::channel::Readiness;
use crate::driver::stream::Stream;
use crate::event_loop::activity::{Call, Callback};
use crate::event_loop::loop_core::LoopCore;
use crate::event_loop::observer::guarded;
use crate::event_loop::source::{Source, SourceId, SourceStatus, SourceTimer};
use crate::event_loop::timer_queue::TimerId;
use crate::event_loop::token::Key;
use crate::server::accept_error::{AcceptError, classify};
use crate::server::door::Door;
use crate::server::listener::Listener;
use crate::server::placement::Chooser;
use crate::server::stats::count;
use crate::server::warning_limit::WarningLimit;
use std::fs::File;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Connections accepted in one turn, so that a flood of new ones does not starve the old ones.
const ACCEPTS_PER_TURN: usize = 64;
/// The wait after an error that gives no edge when it is over. Long enough to cost nothing,
/// short enough for a client that waits.
const RETRY_DELAY: Duration = Duration::from_millis(100);

/// A service that connections can be given to.
pub(crate) struct Target {
    pub(crate) seat: usize,
    pub(crate) sink: Arc<dyn ConnectionSink>,
}

/// The source of a listener. No error of an accept ends it, only [`Listener::stop`].
pub(crate) struct Acceptor {
    pub(crate) id: SourceId,
    pub(crate) listener: Arc<Listener>,
    /// Those that run.
    targets: Vec<Target>,
    chooser: Chooser,
    door: Arc<Door>,
    /// Kept for its memory: connections of each target.
    loads: Vec<usize>,
    progress: Progress,
    /// Given up for a moment when no descriptor is left, so that the clients who wait can be
    /// accepted and refused instead of being left to hang.
    spare: Option<File>,
    warnings: WarningLimit,
}

/// What became of one accept.
#[derive(Debug)]
enum Outcome {
    /// A client was served or refused.
    Done,
    /// A client was lost to its own error, or so it seems.
    Lost(io::Error),
    /// Nobody waits.
    Drained,
    /// The next accept would fail too.
    Short,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    /// Nobody waits; the next edge tells otherwise.
    Drained,
    /// More may wait: the budget of this turn is used up.
    CutOff,
    /// More may wait, and it is their turn.
    Continuing,
    /// More may wait, but it takes time; a timer is armed.
    Paused,
}

impl Acceptor {
    pub(crate) fn new(
        id: SourceId,
        listener: Arc<Listener>,
        targets: Vec<Target>,
        chooser: Chooser,
        door: Arc<Door>,
    ) -> Self {
        Self {
            id,
            listener,
            targets,
            chooser,
            door,
            loads: Vec::new(),
            progress: Progress::Drained,
            spare: open_spare().ok(),
            warnings: WarningLimit::default(),
        }
    }

    /// Has the loop watch the listener.
    pub(crate) fn watch(&self, core: &LoopCore) -> io::Result<()> {
        self.listener.watch(&core.poller, self.id)
    }

    fn accept(&mut self, core: &mut LoopCore) {
        if self.spare.is_none() {
            // Somebody else took it the last time; there may be one again.
            self.spare = open_spare().ok();
        }
        self.progress = Progress::CutOff;
        let mut lost = 0;
        for _ in 0..ACCEPTS_PER_TURN {
            if self.listener.is_stopped() {
                return;
            }
            match self.accept_one(core) {
                Outcome::Done => {}
                Outcome::Lost(error) => {
                    lost += 1;
                    if lost == ACCEPTS_PER_TURN {
                        // So many in a row: the error is none of theirs, and stays.
                        self.warn(core.now, &error);
                        return self.pause(core);
                    }
                }
                Outcome::Drained => {
                    self.progress = Progress::Drained;
                    return;
                }
                Outcome::Short => return self.pause(core),
            }
        }
    }

    fn accept_one(&mut self, core: &mut LoopCore) -> Outcome {
        match self.listener.accept() {
            Ok((stream, peer)) => {
                core.shared.counters.accepted.add(1);
                // A filter or a placement that panics costs the client alone.
                let call = Call::of_loop(Callback::Accept);
                let _outcome = guarded(core, call, |_| self.place(stream, peer));
                Outcome::Done
            }
            // The accept overtook the look at whether the listener is stopped.
            Err(_) if self.listener.is_stopped() => Outcome::Drained,
            Err(error) => self.handle_error(core.now, error),
        }
    }

    fn handle_error(&mut self, now: Instant, error: io::Error) -> Outcome {
        let outcome = match classify(&error) {
            AcceptError::Drained => return Outcome::Drained,
            AcceptError::Next => Outcome::Lost(error),
            AcceptError::NoDescriptor => match self.refuse_one() {
                // An accept takes a descriptor before it looks whether anybody waits.
                Outcome::Drained => return Outcome::Drained,
                outcome => {
                    self.warn(now, &error);
                    outcome
                }
            },
            AcceptError::Later => {
                self.warn(now, &error);
                Outcome::Short
            }
        };
        count(&self.door.counters.accept_errors);
        outcome
    }

    /// Gives a connection to a service, unless it is not let in.
    fn place(&mut self, stream: Stream, peer: Address) {
        self.loads.clear();
        let loads = self.targets.iter().map(|target| self.door.population.of_seat(target.seat));
        self.loads.extend(loads);
        let chosen = self.chooser.choose(&peer, &self.loads);
        let target = &self.targets[chosen];
        let Some(counted) = self.door.admit(target.seat, &peer) else { return };
        match target.sink.accepted(Arrival { stream, peer, counted }) {
            Ok(()) => count(&self.door.counters.accepted),
            Err(ended) => {
                log::warn!("cannot serve a connection, nor those after it on its loop: {ended}");
                self.drop_target(chosen);
            }
        }
    }

    /// Leaves out a service whose loop has ended; the last one takes the listener with it, so that
    /// clients are refused rather than accepted and dropped.
    fn drop_target(&mut self, chosen: usize) {
        self.targets.remove(chosen);
        if self.targets.is_empty() {
            self.listener.stop();
        }
    }

    /// Accepts a waiting client with the spare descriptor, and hangs up.
    fn refuse_one(&mut self) -> Outcome {
        if self.spare.take().is_none() {
            return Outcome::Short;
        }
        let accepted = self.listener.accept().map(drop);
        self.spare = open_spare().ok();
        match accepted {
            Ok(()) => {
                count(&self.door.counters.refused_for_descriptors);
                Outcome::Done
            }
            Err(error) => match classify(&error) {
                AcceptError::Drained => Outcome::Drained,
                AcceptError::Next => Outcome::Lost(error),
                AcceptError::NoDescriptor | AcceptError::Later => Outcome::Short,
            },
        }
    }

    /// Tries again later: those who wait give no new edge when the shortage is over.
    fn pause(&mut self, core: &mut LoopCore) {
        self.progress = Progress::Paused;
        core.add_source_timer(self.id, RETRY_DELAY, SourceTimer::AcceptRetry);
    }

    fn warn(&mut self, now: Instant, error: &io::Error) {
        if self.warnings.allow(now) {
            log::warn!("cannot accept on {}: {error}", self.listener.address());
        }
    }
}

impl Source for Acceptor {
    fn on_event(&mut self, core: &mut LoopCore, _key: Key, _readiness: Readiness) {
        // While paused, a new client would only make the next error come sooner; while continuing,
        // `on_ready` accepts, once a turn.
        if self.progress == Progress::Drained {
            self.accept(core);
        }
    }

    fn on_ready(&mut self, core: &mut LoopCore) {
        if self.progress == Progress::Continuing {
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
            self.progress = Progress::Continuing;
            core.set_work_pending();
        }
        SourceStatus::Active
    }
}

fn open_spare() -> io::Result<File> {
    File::open("/dev/null")
}

#[cfg(test)]
mod tests;
