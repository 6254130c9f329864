//! A service and its connections as one source of a loop. From here down to the service, all
//! dispatch is static.

use crate::client::connect_failure::ConnectFailure;
use crate::connection::Connection;
use crate::connection::connecting::Progress;
use crate::connection::connections::Connections;
use crate::connection::id::ConnectionId;
use crate::connection::service::Service;
use crate::connection::service_handle::{Command, Letter};
use crate::connection::state::CloseReason;
use crate::connection::table::ConnectionTable;
use crate::connection::tcp_connection::{Arrival, Notice};
use crate::driver::channel::Readiness;
use crate::driver::poller::Watch;
use crate::event_loop::activity::{Call, Callback};
use crate::event_loop::loop_core::LoopCore;
use crate::event_loop::mailbox::Mailbox;
use crate::event_loop::observer::{Outcome, guarded};
use crate::event_loop::source::{Source, SourceStatus, SourceTimer};
use crate::event_loop::timer_queue::TimerId;
use crate::event_loop::token::Key;
use crate::server::warning_limit::WarningLimit;
use std::convert::Infallible;
use std::io;
use std::mem;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

mod reading;

/// The source that a server installs on each of its loops, and a part of that of a client.
pub(crate) struct ConnectionSet<S: Service> {
    service: S,
    table: ConnectionTable<S::State>,
    mailbox: Arc<Mailbox<Letter<S::Post>>>,
    phase: Phase,
    batch: Batch,
    /// Events since the last flush.
    events: usize,
    warnings: WarningLimit,
    /// To be read from in the next turn without an event.
    ready: Vec<Key>,
    // Kept for their memory; empty between uses.
    letters: Vec<Letter<S::Post>>,
    notices: Vec<(Key, Notice)>,
    /// Dropped with the set, which is how the server learns that it has ended.
    _alive: mpsc::Sender<Infallible>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Serving,
    /// Takes no connections, ends with the last one.
    Stopping,
    /// The deadline has passed: all were closed, and what the service begins thereupon is in vain.
    Over,
}

/// Events after which output is written, though the turn goes on: what was received and what is to be
/// sent is still in the cache, and the first of a thousand clients does not wait for the last.
const EVENTS_PER_BATCH: usize = 64;

/// Whether the service was called since its last `on_turn_end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Batch {
    Idle,
    Called,
}

impl<S: Service> ConnectionSet<S> {
    pub(crate) fn new(
        service: S,
        table: ConnectionTable<S::State>,
        mailbox: Arc<Mailbox<Letter<S::Post>>>,
        alive: mpsc::Sender<Infallible>,
    ) -> Self {
        Self {
            service,
            table,
            mailbox,
            phase: Phase::Serving,
            batch: Batch::Idle,
            events: 0,
            warnings: WarningLimit::default(),
            ready: Vec::new(),
            letters: Vec::new(),
            notices: Vec::new(),
            _alive: alive,
        }
    }

    /// Calls the service back with a connection whose slot is in use; closes it if that panics.
    fn call(
        &mut self,
        core: &mut LoopCore,
        key: Key,
        callback: Callback,
        body: impl FnOnce(&mut S, &mut Connection<'_, S::State>),
    ) {
        self.batch = Batch::Called;
        let connection = Some(self.table.id(key));
        let call = Call { callback, source: Some(self.table.source.index), connection };
        let outcome = guarded(core, call, |core| {
            let mut connection = Connection::new(&mut self.table, core, key.slot as usize);
            body(&mut self.service, &mut connection);
        });
        if outcome == Outcome::Panicked {
            self.table.close(key.slot as usize, CloseReason::Panicked);
        }
    }

    /// Calls the service back with all connections.
    fn call_with_all(
        &mut self,
        core: &mut LoopCore,
        callback: Callback,
        body: impl FnOnce(&mut S, &mut Connections<'_, S::State>),
    ) {
        self.batch = Batch::Called;
        let call = Call { callback, source: Some(self.table.source.index), connection: None };
        // A panic takes the call alone: it was no connection's.
        let _outcome = guarded(core, call, |core| {
            body(&mut self.service, &mut Connections::new(&mut self.table, core));
        });
    }

    fn handle_letter(&mut self, core: &mut LoopCore, letter: Letter<S::Post>) {
        match letter {
            Letter::Post(post) => {
                self.call_with_all(core, Callback::Post, |service, connections| {
                    service.on_post(connections, post);
                });
            }
            Letter::Command(id, command) => self.handle_command(core, id, command),
            Letter::Accepted(arrival) => {
                let peer = arrival.peer.clone();
                if let Err(error) = self.adopt(core, arrival)
                    && self.warnings.allow(core.now)
                {
                    log::warn!("cannot take in the connection of {peer}: {error}");
                }
            }
            Letter::Stop { deadline } => self.stop(core, deadline),
        }
    }

    fn handle_command(&mut self, core: &mut LoopCore, id: ConnectionId, command: Command) {
        let mut connections = Connections::new(&mut self.table, core);
        let Some(mut connection) = connections.get(id) else { return };
        match command {
            Command::Send(bytes) => {
                connection.send_bytes(bytes);
            }
            Command::Shutdown => connection.shutdown(),
            Command::CloseAfterFlush => connection.close_after_flush(),
            Command::ForceClose => connection.force_close(),
        }
    }

    /// Takes in a connection that a client made.
    pub(crate) fn take_in(&mut self, core: &mut LoopCore, arrival: Arrival) -> io::Result<()> {
        self.adopt(core, arrival)?;
        self.tell_closed(core);
        Ok(())
    }

    /// An event of no open connection: of one that is being opened, or of one that is gone.
    fn connect_further(&mut self, core: &mut LoopCore, key: Key, readiness: Readiness) {
        let progress = if self.table.is_connecting(key) {
            self.table.proceed_to_connect(core, key)
        } else if self.table.is_handshaking(key) {
            self.table.shake_hands(core, key, readiness)
        } else {
            return;
        };
        match progress {
            Progress::Pending => {}
            Progress::Failed => self.tell_closed(core),
            Progress::Open => {
                core.shared.counters.connections.add(1);
                self.call(core, key, Callback::Connected, |service, connection| {
                    service.on_connected(connection);
                });
                self.tell_closed(core);
                // It may tell of input as well.
                self.on_event(core, key, readiness);
            }
        }
    }

    /// Whether a client has no connection, nor one that it agrees with on TLS.
    pub(crate) fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// Whether a client's connection has yet to agree on TLS.
    pub(crate) fn is_handshaking(&self) -> bool {
        self.table.handshaking > 0
    }

    /// Gives up agreeing on TLS.
    pub(crate) fn drop_handshakes(&mut self, core: &mut LoopCore) {
        self.table.drop_all_handshakes(core);
    }

    /// Why a client did not get the connection that was taken in last.
    pub(crate) fn take_failed_handshake(&mut self) -> Option<io::Error> {
        self.table.take_failed_handshake()
    }

    /// Tells the service that it, or its client, did not get a connection.
    pub(crate) fn tell_connect_failed(&mut self, core: &mut LoopCore, failure: &ConnectFailure) {
        self.call_with_all(core, Callback::ConnectFailed, |service, connections| {
            service.on_connect_failed(connections, failure);
        });
    }

    /// The connections, to ask something of them without a call to the service.
    pub(crate) fn connections<'a>(
        &'a mut self,
        core: &'a mut LoopCore,
    ) -> Connections<'a, S::State> {
        Connections::new(&mut self.table, core)
    }

    fn adopt(&mut self, core: &mut LoopCore, arrival: Arrival) -> io::Result<()> {
        if self.phase != Phase::Serving {
            return Ok(());
        }
        let key = self.table.adopt(core, arrival)?;
        if self.table.is_handshaking(key) {
            return Ok(());
        }
        core.shared.counters.connections.add(1);
        self.call(core, key, Callback::Connected, |service, connection| {
            service.on_connected(connection);
        });
        Ok(())
    }

    fn stop(&mut self, core: &mut LoopCore, deadline: Duration) {
        if self.phase == Phase::Serving {
            self.phase = Phase::Stopping;
            self.table.drop_all_handshakes(core);
            self.call_with_all(core, Callback::Stop, |service, connections| {
                service.on_stop(connections);
            });
        }
        // A second stop may come with a nearer deadline; the nearest counts.
        core.add_source_timer(self.table.source, deadline, SourceTimer::StopDeadline);
    }

    fn close_all(&mut self, core: &mut LoopCore, reason: CloseReason) {
        let keys: Vec<Key> = self.table.keys().collect();
        for key in keys {
            self.table.close(key.slot as usize, reason);
        }
        self.table.fail_all_to_connect(core);
        self.table.drop_all_handshakes(core);
        self.tell_closed(core);
    }

    /// Tells the service of connections that were closed or could not be opened, and of those that
    /// are closed thereupon. Those that it opens thereupon in vain wait: it may try for ever.
    pub(crate) fn tell_closed(&mut self, core: &mut LoopCore) {
        let mut failures = self.table.failures();
        loop {
            if let Some((key, reason)) = self.table.take_closing() {
                self.table.part(key, reason);
                if self.table.has_failed_handshake(key, reason) {
                    core.shared.counters.handshakes_failed.add(1);
                }
                self.call(core, key, Callback::Closed, |service, connection| {
                    service.on_closed(connection, reason);
                });
                self.table.release(core, key);
                core.shared.counters.connections.subtract(1);
            } else if failures > 0
                && let Some(failure) = self.table.take_failure()
            {
                failures -= 1;
                self.tell_connect_failed(core, &failure);
            } else {
                return;
            }
        }
    }

    fn call_turn_end(&mut self, core: &mut LoopCore) {
        if self.batch == Batch::Called {
            self.call_with_all(core, Callback::TurnEnd, |service, connections| {
                service.on_turn_end(connections);
            });
            self.batch = Batch::Idle;
            // These calls are a batch of their own.
            self.tell_closed(core);
        }
    }

    /// Room was told of and nobody needs it: that costs an event for each large block.
    fn stop_watching_for_room(&mut self, core: &LoopCore, key: Key) {
        let slot = key.slot as usize;
        if let Err(error) = self.table.watch(core, slot, Watch::Input) {
            self.table.close(slot, CloseReason::Error(error.kind()));
        }
    }

    /// Lets the service send what it gathered, and writes all output.
    fn end_batch(&mut self, core: &mut LoopCore) {
        self.events = 0;
        self.call_turn_end(core);
        self.table.flush_dirty(core);
    }

    fn tell_notices(&mut self, core: &mut LoopCore) {
        let mut notices = mem::take(&mut self.notices);
        self.table.take_notices(&mut notices);
        for (key, notice) in notices.drain(..) {
            let Some(connection) = self.table.get_open(key) else { continue };
            if let Some(other) = connection.link
                && let Some(level) = notice.level()
            {
                self.table.hold_back(other, level);
                continue;
            }
            self.call(core, key, Callback::Output, |service, connection| match notice {
                Notice::WriteComplete => service.on_write_complete(connection),
                Notice::HighWater(queued) => service.on_high_water(connection, queued),
                Notice::LowWater => service.on_low_water(connection),
            });
        }
        self.notices = notices;
        self.tell_closed(core);
    }
}

impl<S: Service> Source for ConnectionSet<S> {
    fn on_mail(&mut self, core: &mut LoopCore) {
        let mut letters = mem::take(&mut self.letters);
        self.mailbox.swap(&mut letters);
        core.shared.counters.posts.add(letters.len() as u64);
        for letter in letters.drain(..) {
            self.handle_letter(core, letter);
            self.tell_closed(core);
        }
        self.letters = letters;
    }

    fn on_event(&mut self, core: &mut LoopCore, key: Key, readiness: Readiness) {
        let slot = key.slot as usize;
        let Some(connection) = self.table.get_open(key) else {
            return self.connect_further(core, key, readiness);
        };
        connection.channel.handle_event(readiness);
        let has_room = connection.channel.is_writable() && connection.has_output();
        // One that is listed gets its budget for this turn by `on_ready`.
        if !connection.listed.ready {
            self.read(core, key);
        }
        if (has_room || readiness.writable)
            && let Some(connection) = self.table.get_open(key)
        {
            if has_room {
                self.table.mark_dirty(slot);
            } else if !connection.has_output() {
                self.stop_watching_for_room(core, key);
            }
        }
        self.tell_closed(core);
        self.events += 1;
        if self.events >= EVENTS_PER_BATCH {
            self.end_batch(core);
        }
    }

    fn on_ready(&mut self, core: &mut LoopCore) {
        let mut keys = mem::take(&mut self.ready);
        for key in keys.drain(..) {
            self.table.unlist(key);
            self.resume(core, key);
            self.read(core, key);
            self.tell_closed(core);
        }
        self.ready = keys;
    }

    fn on_timer(&mut self, core: &mut LoopCore, id: TimerId, timer: SourceTimer) {
        match timer {
            SourceTimer::Connection { key, tag } => {
                self.table.forget_timer(id, timer);
                if self.table.get_open(key).is_some() {
                    self.call(core, key, Callback::ConnectionTimer, |service, connection| {
                        service.on_timer(connection, tag);
                    });
                }
            }
            SourceTimer::ClosingDeadline { key } => {
                if self.table.get_open(key).is_some() {
                    self.table.close(key.slot as usize, CloseReason::ClosingTimeout);
                }
            }
            SourceTimer::ConnectDeadline { key } => {
                if self.table.is_connecting(key) {
                    self.table.fail_to_connect(core, key, io::ErrorKind::TimedOut.into());
                }
            }
            SourceTimer::HandshakeDeadline { key } => {
                self.table.lose_patience_with_handshake(core, key);
            }
            SourceTimer::Deadline { key } => self.table.look_at_deadlines(core, key),
            SourceTimer::ForceClose { key } => {
                if self.table.get_open(key).is_some() {
                    self.table.close(key.slot as usize, CloseReason::Closed);
                }
            }
            SourceTimer::Service { tag } => {
                self.call_with_all(core, Callback::ServiceTimer, |service, connections| {
                    service.on_service_timer(connections, tag);
                });
            }
            SourceTimer::StopDeadline => {
                self.phase = Phase::Over;
                self.close_all(core, CloseReason::Stopped);
            }
            SourceTimer::AcceptRetry | SourceTimer::Connect => {}
        }
        self.tell_closed(core);
    }

    fn on_timer_cancelled(&mut self, id: TimerId, timer: SourceTimer) {
        self.table.forget_timer(id, timer);
    }

    fn end_turn(&mut self, core: &mut LoopCore) -> SourceStatus {
        self.end_batch(core);
        self.tell_notices(core);
        self.call_turn_end(core);
        self.table.free_slots();
        self.table.take_ready(&mut self.ready);
        let untold = self.batch == Batch::Called || self.table.failures() > 0;
        if untold || self.table.is_dirty() || !self.ready.is_empty() {
            core.set_work_pending();
        }
        match self.phase {
            Phase::Stopping if !untold && self.table.is_vacant() => SourceStatus::Finished,
            Phase::Serving | Phase::Stopping => SourceStatus::Active,
            Phase::Over => SourceStatus::Finished,
        }
    }

    fn terminate(&mut self, core: &mut LoopCore) {
        self.close_all(core, CloseReason::Stopped);
        self.call_turn_end(core);
        self.table.free_slots();
    }
}

impl<S: Service> Drop for ConnectionSet<S> {
    fn drop(&mut self) {
        // Counts the new connections among them out.
        drop(self.mailbox.close());
    }
}
