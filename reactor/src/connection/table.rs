//! The connections of one service on one loop, and the lists of what is to be done for them.

use crate::client::connect_failure::ConnectFailure;
use crate::connection::deadlines::{Deadlines, Look};
use crate::connection::id::ConnectionId;
use crate::connection::options::ConnectionOptions;
use crate::connection::service_handle::ConnectionSink;
use crate::connection::state::{CloseReason, ConnectionState, NextStep};
use crate::connection::tcp_connection::{Arrival, Flushed, Notice, TcpConnection};
use crate::driver::channel::Readiness;
use crate::driver::poller::Watch;
use crate::event_loop::loop_core::{LoopCore, TimerTask};
use crate::event_loop::source::{SourceId, SourceTimer};
use crate::event_loop::timer_queue::TimerId;
use crate::event_loop::token::{Key, SLOTS_MAX};
use crate::server::population::Population;
use crate::tls::Tls;
use slab::Slab;
use std::collections::VecDeque;
use std::sync::Arc;
use std::{io, mem};

/// Whether a service has a use for a callback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hearing {
    Listens,
    /// It was called once, and it was the default, which does nothing.
    Deaf,
}

/// Connections in slots. A slot is freed only at the end of the turn, after the last event
/// that may name it.
pub(crate) struct ConnectionTable<State> {
    pub(super) slots: Slab<TcpConnection<State>>,
    pub(crate) source: SourceId,
    pub(crate) seat: u16,
    pub(crate) options: ConnectionOptions,
    pub(crate) sink: Arc<dyn ConnectionSink>,
    pub(crate) population: Arc<Population>,
    /// What every connection begins with that the table takes in.
    tls: Option<Tls>,
    /// Being opened connections do not count.
    pub(super) open: usize,
    /// With TLS, their service not yet told.
    pub(super) handshaking: usize,
    /// For a client, which takes in one connection at a time.
    pub(super) failed_handshake: Option<io::Error>,
    /// Their service is yet to be told.
    pub(super) failures: VecDeque<ConnectFailure>,
    /// With output to write, or asked to end.
    dirty: Vec<Key>,
    /// Found in this turn, to be read from in the next without an event.
    ready: Vec<Key>,
    /// Disconnected, their service not yet told.
    closing: VecDeque<Key>,
    /// Their service was told; to be freed.
    freed: Vec<Key>,
    notices: Vec<(Key, Notice)>,
    /// Whether the service wants to know of a [`Notice::WriteComplete`].
    pub(super) write_complete: Hearing,
}

impl<State: Default> ConnectionTable<State> {
    pub(crate) fn new(
        source: SourceId,
        seat: u16,
        options: ConnectionOptions,
        tls: Option<Tls>,
        sink: Arc<dyn ConnectionSink>,
        population: Arc<Population>,
    ) -> Self {
        Self {
            slots: Slab::new(),
            source,
            seat,
            options,
            sink,
            population,
            tls,
            open: 0,
            handshaking: 0,
            failed_handshake: None,
            failures: VecDeque::new(),
            dirty: Vec::new(),
            ready: Vec::new(),
            closing: VecDeque::new(),
            freed: Vec::new(),
            notices: Vec::new(),
            write_complete: Hearing::Listens,
        }
    }

    /// Takes in an accepted socket and has the loop watch it.
    pub(crate) fn adopt(&mut self, core: &mut LoopCore, arrival: Arrival) -> io::Result<Key> {
        let entry = self.slots.vacant_entry();
        if entry.key() >= SLOTS_MAX {
            return Err(io::Error::other("too many connections on one loop"));
        }
        let key = Key { slot: entry.key() as u32, generation: core.next_generation() };
        core.poller.watch_connection(&arrival.stream, self.source.index, key, Watch::Input)?;
        let deadlines = Deadlines::new(&self.options, core.tick);
        let mut connection = TcpConnection::new(key, arrival, deadlines, State::default());
        let Some(tls) = self.tls.clone() else {
            entry.insert(connection);
            self.hand_over(core, key);
            return Ok(key);
        };
        connection.state = ConnectionState::Handshaking;
        entry.insert(connection);
        self.handshaking += 1;
        let slot = key.slot as usize;
        let begun = self.begin_tls(core, slot, &tls);
        if let Err(error) = begun.and_then(|()| self.write_handshake(core, slot)) {
            self.drop_handshake(core, key);
            return Err(error);
        }
        Ok(key)
    }
}

impl<State> ConnectionTable<State> {
    /// The open connection named by `key`, unless it is gone.
    pub(crate) fn get_open(&mut self, key: Key) -> Option<&mut TcpConnection<State>> {
        let connection = self.slots.get_mut(key.slot as usize)?;
        (connection.key == key && connection.state.is_open()).then_some(connection)
    }

    /// The connection in a slot that is known to be in use in this turn.
    pub(crate) fn in_slot(&self, slot: usize) -> &TcpConnection<State> {
        &self.slots[slot]
    }

    /// As [`ConnectionTable::in_slot`].
    pub(crate) fn in_slot_mut(&mut self, slot: usize) -> &mut TcpConnection<State> {
        &mut self.slots[slot]
    }

    pub(crate) fn id(&self, key: Key) -> ConnectionId {
        ConnectionId::new(self.seat, key)
    }

    /// Open connections.
    pub(crate) fn len(&self) -> usize {
        self.open
    }

    /// Whether not even a closed connection is left.
    pub(crate) fn is_vacant(&self) -> bool {
        self.slots.is_empty()
    }

    /// From now on the service may have the connection.
    pub(super) fn hand_over(&mut self, core: &mut LoopCore, key: Key) {
        let connection = &mut self.slots[key.slot as usize];
        connection.state = ConnectionState::Connected;
        connection.deadlines = Deadlines::new(&self.options, core.tick);
        self.open += 1;
        self.look_at_deadlines(core, key);
    }

    /// Whether `key` names a connection in that state.
    pub(super) fn is_in(&self, state: ConnectionState, key: Key) -> bool {
        let connection = self.slots.get(key.slot as usize);
        connection.is_some_and(|connection| connection.key == key && connection.state == state)
    }

    /// The keys of the connections in that state.
    pub(super) fn keys_in(&self, state: ConnectionState) -> Vec<Key> {
        let in_state = self.slots.iter().filter(|(_, connection)| connection.state == state);
        in_state.map(|(_, connection)| connection.key).collect()
    }

    /// The keys of the open connections.
    pub(crate) fn keys(&self) -> impl Iterator<Item = Key> {
        let open = self.slots.iter().filter(|(_, connection)| connection.state.is_open());
        open.map(|(_, connection)| connection.key)
    }

    /// Whether there is no connection that was taken in, told of or not.
    pub(crate) fn is_empty(&self) -> bool {
        self.open == 0 && self.handshaking == 0
    }

    /// Why the connection of a client could not be told of.
    pub(crate) fn take_failed_handshake(&mut self) -> Option<io::Error> {
        self.failed_handshake.take()
    }

    /// Slots are numbered below this.
    pub(crate) fn slots_end(&self) -> usize {
        self.slots.capacity()
    }

    /// The open connection in `slot`, if there is one.
    pub(crate) fn open_in_slot(&self, slot: usize) -> Option<Key> {
        let connection = self.slots.get(slot)?;
        connection.state.is_open().then_some(connection.key)
    }

    /// Ends a connection now; its service is told when the current callback has returned.
    pub(crate) fn close(&mut self, slot: usize, reason: CloseReason) {
        let connection = &mut self.slots[slot];
        if !connection.state.is_open() {
            return;
        }
        connection.state = ConnectionState::Disconnected(reason);
        connection.output.clear();
        connection.input = Default::default();
        self.open -= 1;
        self.closing.push_back(connection.key);
    }

    /// Has the end of the turn look at a connection: output was queued, or its end asked for.
    pub(crate) fn mark_dirty(&mut self, slot: usize) {
        let connection = &mut self.slots[slot];
        if !mem::replace(&mut connection.listed.dirty, true) {
            self.dirty.push(connection.key);
        }
    }

    /// Has the next turn read from a connection without waiting for an event.
    pub(crate) fn mark_ready(&mut self, slot: usize) {
        let connection = &mut self.slots[slot];
        if !mem::replace(&mut connection.listed.ready, true) {
            self.ready.push(connection.key);
        }
    }

    /// Whether output was queued since the flush.
    pub(crate) fn is_dirty(&self) -> bool {
        !self.dirty.is_empty()
    }

    /// Puts the ready connections into the empty `keys`; they count as listed until
    /// [`ConnectionTable::unlist`].
    pub(crate) fn take_ready(&mut self, keys: &mut Vec<Key>) {
        debug_assert!(keys.is_empty());
        mem::swap(&mut self.ready, keys);
    }

    /// A connection among those of [`ConnectionTable::take_ready`] is to be read from now.
    pub(crate) fn unlist(&mut self, key: Key) {
        if let Some(connection) = self.get_open(key) {
            connection.listed.ready = false;
        }
    }

    /// The next connection whose service is to be told of its end.
    pub(crate) fn take_closing(&mut self) -> Option<(Key, CloseReason)> {
        let key = self.closing.pop_front()?;
        match self.slots[key.slot as usize].state {
            ConnectionState::Disconnected(reason) => Some((key, reason)),
            other => unreachable!("{other:?} in the list of the disconnected"),
        }
    }

    /// Connections that could not be opened, of which the service is to be told.
    pub(crate) fn failures(&self) -> usize {
        self.failures.len()
    }

    /// The next connection that could not be opened, of which its service is to be told.
    pub(crate) fn take_failure(&mut self) -> Option<ConnectFailure> {
        self.failures.pop_front()
    }

    /// The service was told: the timers die, the slot is freed at the end of the turn.
    pub(crate) fn release(&mut self, core: &mut LoopCore, key: Key) {
        let connection = &mut self.slots[key.slot as usize];
        connection.counted = None;
        core.shared.counters.bytes_queued.subtract(mem::take(&mut connection.left) as u64);
        let timers = mem::take(&mut connection.timers);
        let timers = timers.into_iter().chain(connection.closing_timer.take());
        let timers = timers.chain(connection.handshake_timer.take());
        for timer in timers.chain(connection.deadline_timer.take()) {
            core.timers.cancel(timer);
        }
        self.freed.push(key);
    }

    /// Cancels a timer of the loop, and has its connection forget it.
    pub(crate) fn cancel_timer(&mut self, core: &mut LoopCore, timer: TimerId) {
        if let Some(TimerTask::Source { source, timer: task }) = core.cancel(timer)
            && source == self.source
        {
            self.forget_timer(timer, task);
        }
    }

    /// Has the connection of a timer forget it: it fired or was cancelled.
    pub(crate) fn forget_timer(&mut self, id: TimerId, timer: SourceTimer) {
        if let SourceTimer::Connection { key, .. } = timer
            && let Some(connection) = self.get_open(key)
        {
            connection.timers.retain(|&timer| timer != id);
        }
    }

    /// Frees the slots of this turn's dead, which closes their sockets.
    pub(crate) fn free_slots(&mut self) {
        for key in self.freed.drain(..) {
            self.slots.remove(key.slot as usize);
        }
    }

    /// Closes a connection whose deadline has passed, and otherwise arms the next look.
    pub(crate) fn look_at_deadlines(&mut self, core: &mut LoopCore, key: Key) {
        let source = self.source;
        let Some(connection) = self.get_open(key) else { return };
        let look = connection.deadlines.look(connection.activity(), core.tick);
        connection.deadline_timer = match look {
            Look::Expired(deadline) => {
                return self.close(key.slot as usize, CloseReason::Timeout(deadline));
            }
            Look::Again(delay) => {
                let timer = SourceTimer::Deadline { key };
                Some(core.add_source_timer(source, delay, timer))
            }
            Look::Never => None,
        };
    }

    /// Writes the output of all dirty connections, one write each as a rule.
    pub(crate) fn flush_dirty(&mut self, core: &mut LoopCore) {
        let mut dirty = mem::take(&mut self.dirty);
        for key in dirty.drain(..) {
            self.flush(core, key);
        }
        debug_assert!(self.dirty.is_empty(), "a flush calls nobody back");
        self.dirty = dirty;
    }

    /// Puts what the flush found out into the empty `notices`.
    pub(crate) fn take_notices(&mut self, notices: &mut Vec<(Key, Notice)>) {
        mem::swap(&mut self.notices, notices);
    }

    fn flush(&mut self, core: &mut LoopCore, key: Key) {
        let slot = key.slot as usize;
        let Some(connection) = self.get_open(key) else { return };
        connection.listed.dirty = false;
        let had_output = mem::take(&mut connection.listed.written) || !connection.output.is_empty();
        let flushed = connection.flush(&mut core.chunks);
        if !self.note_writes(core, slot, flushed) {
            return;
        }
        let connection = &mut self.slots[slot];
        if let Some(notice) = connection.note_level(&self.options) {
            self.notices.push((key, notice));
        }
        let is_complete = had_output && connection.output.is_empty();
        if is_complete && self.write_complete == Hearing::Listens {
            self.notices.push((key, Notice::WriteComplete));
        }
        connection.count_left(&core.shared.counters);
        if connection.state.is_ending()
            && let Err(error) = self.proceed_to_end(core, slot)
        {
            self.close(slot, CloseReason::Error(error.kind()));
        }
    }

    /// Has the kernel tell of room from now on, or no more; no call if that is so already.
    pub(crate) fn watch(&mut self, core: &LoopCore, slot: usize, watch: Watch) -> io::Result<()> {
        let connection = &mut self.slots[slot];
        if mem::replace(&mut connection.watch, watch) == watch {
            return Ok(());
        }
        core.poller.watch_otherwise(&connection.stream, self.source.index, connection.key, watch)
    }

    /// Writes the output of an open connection before the end of the turn, and leaves all else to
    /// that; returns false if this broke and closed the connection.
    pub(crate) fn flush_now(&mut self, core: &mut LoopCore, slot: usize) -> bool {
        // That there is room may stand in an event of this turn that is yet to be handled.
        let connection = &mut self.slots[slot];
        connection.channel.handle_event(Readiness::ROOM);
        let flushed = connection.flush(&mut core.chunks);
        connection.listed.written |= flushed.bytes > 0;
        self.note_writes(core, slot, flushed)
    }

    /// Sends `bytes` behind what is queued; returns false if the connection broke and is closed.
    pub(crate) fn send_through(&mut self, core: &mut LoopCore, slot: usize, bytes: &[u8]) -> bool {
        let connection = &mut self.slots[slot];
        let flushed = connection.send_through(bytes, &mut core.chunks);
        connection.listed.written |= flushed.bytes > 0;
        self.mark_dirty(slot);
        flushed.writes == 0 || self.note_writes(core, slot, flushed)
    }

    /// Counts writes, and closes the connection if they broke it; returns whether it is open.
    fn note_writes(&mut self, core: &mut LoopCore, slot: usize, flushed: Flushed) -> bool {
        match self.count_writes(core, slot, flushed) {
            Ok(()) => true,
            Err(error) => {
                self.close(slot, CloseReason::Error(error.kind()));
                false
            }
        }
    }

    /// Counts writes, and has the kernel tell of room if it has none; from then on output waits.
    pub(super) fn count_writes(
        &mut self,
        core: &mut LoopCore,
        slot: usize,
        flushed: Flushed,
    ) -> io::Result<()> {
        let connection = &mut self.slots[slot];
        if flushed.writes > 0 {
            connection.deadlines.wrote = core.tick;
        }
        let counters = &core.shared.counters;
        counters.bytes_written.add(flushed.bytes as u64);
        counters.writes.add(flushed.writes);
        flushed.result?;
        if connection.channel.is_writable() {
            return Ok(());
        }
        if connection.deadline_timer.is_none() {
            let key = connection.key;
            self.look_at_deadlines(core, key);
        }
        self.watch(core, slot, Watch::InputAndRoom)
    }

    /// Takes a connection whose end was asked for one step further.
    fn proceed_to_end(&mut self, core: &mut LoopCore, slot: usize) -> io::Result<()> {
        let connection = &mut self.slots[slot];
        if connection.is_drained() {
            match connection.state.step_when_drained(connection.flow) {
                NextStep::Stay => {}
                NextStep::SendEndOfStream => {
                    connection.stream.shutdown_write()?;
                    connection.state = ConnectionState::HalfClosed;
                }
                NextStep::Close(reason) => {
                    connection.discard_input(&mut core.scratch);
                    self.close(slot, reason);
                    return Ok(());
                }
            }
        }
        if let (None, Some(timeout)) = (connection.closing_timer, self.options.closing_timeout) {
            let timer = SourceTimer::ClosingDeadline { key: connection.key };
            connection.closing_timer = Some(core.add_source_timer(self.source, timeout, timer));
        }
        Ok(())
    }
}
