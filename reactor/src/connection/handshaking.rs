//! Connections that speak TLS from the start, until their service may have them; and the patience with
//! all handshakes.

use crate::connection::connecting::Progress;
use crate::connection::deadlines::Deadline;
use crate::connection::state::{CloseReason, ConnectionState, InputFlow};
use crate::connection::table::ConnectionTable;
use crate::connection::tcp_connection::ReadOutcome;
use crate::driver::channel::Readiness;
use crate::event_loop::loop_core::LoopCore;
use crate::event_loop::source::SourceTimer;
use crate::event_loop::token::Key;
use crate::tls::{Tls, TlsSession};
use std::io;

impl<State> ConnectionTable<State> {
    /// Puts TLS under a connection that has none, and has its first words sent with the next flush.
    pub(crate) fn begin_tls(
        &mut self,
        core: &mut LoopCore,
        slot: usize,
        tls: &Tls,
    ) -> io::Result<()> {
        let session = TlsSession::new(tls, &mut core.chunks)?;
        let connection = &mut self.slots[slot];
        connection.tls = Some(Box::new(session));
        if let Some(timeout) = self.options.handshake_timeout {
            let timer = SourceTimer::HandshakeDeadline { key: connection.key };
            connection.handshake_timer = Some(core.add_source_timer(self.source, timeout, timer));
        }
        Ok(())
    }

    /// Whether `key` names a connection of which the service is told after its handshake.
    pub(crate) fn is_handshaking(&self, key: Key) -> bool {
        self.is_in(ConnectionState::Handshaking, key)
    }

    /// The kernel told something of such a connection.
    pub(crate) fn shake_hands(
        &mut self,
        core: &mut LoopCore,
        key: Key,
        readiness: Readiness,
    ) -> Progress {
        self.slots[key.slot as usize].channel.handle_event(readiness);
        match self.proceed_to_shake_hands(core, key) {
            Ok(Progress::Open) => {
                self.open_after_handshake(core, key);
                Progress::Open
            }
            Ok(progress) => progress,
            Err(error) => {
                self.fail_handshake(core, key, error);
                Progress::Failed
            }
        }
    }

    /// Reads and writes until the handshake is over or the peer has to say something. What a peer
    /// may send meanwhile is little, and rustls refuses more.
    fn proceed_to_shake_hands(&mut self, core: &mut LoopCore, key: Key) -> io::Result<Progress> {
        let slot = key.slot as usize;
        let connection = &mut self.slots[slot];
        while connection.is_handshaking() && connection.channel.is_readable() {
            let LoopCore { scratch, records, chunks, .. } = core;
            let outcome = connection.read_into(scratch, records, chunks);
            core.shared.counters.reads.add(1);
            match outcome {
                ReadOutcome::Failed(kind) => return Err(kind.into()),
                ReadOutcome::EndOfStream => return Err(io::ErrorKind::UnexpectedEof.into()),
                ReadOutcome::Drained => {}
                // There are some right behind the end of the handshake.
                ReadOutcome::Bytes(_) => {
                    core.shared.counters.bytes_read.add(core.scratch.len() as u64);
                    connection.input.append(core.scratch.peek());
                }
            }
        }
        let is_over = !connection.is_handshaking();
        self.write_handshake(core, slot)?;
        Ok(if is_over { Progress::Open } else { Progress::Pending })
    }

    /// Writes what TLS has to say of itself.
    pub(super) fn write_handshake(&mut self, core: &mut LoopCore, slot: usize) -> io::Result<()> {
        let flushed = self.slots[slot].flush(&mut core.chunks);
        self.count_writes(core, slot, flushed)
    }

    fn open_after_handshake(&mut self, core: &mut LoopCore, key: Key) {
        let connection = &mut self.slots[key.slot as usize];
        if !connection.input.is_empty() {
            connection.flow = InputFlow::Resuming;
        }
        self.handshaking -= 1;
        self.hand_over(core, key);
        self.go_on_with_tls(core, key);
        self.mark_ready(key.slot as usize);
    }

    /// Something was read of a connection with TLS: that may want an answer, or let output go.
    pub(crate) fn go_on_with_tls(&mut self, core: &mut LoopCore, key: Key) {
        let connection = &mut self.slots[key.slot as usize];
        let mut is_dirty = connection.has_output() || connection.state.is_ending();
        if !connection.is_handshaking()
            && let Some(timer) = connection.handshake_timer.take()
        {
            core.timers.cancel(timer);
            is_dirty = true;
        }
        if is_dirty {
            self.mark_dirty(key.slot as usize);
        }
    }

    /// The `handshake_timeout` of a connection is over.
    pub(crate) fn lose_patience_with_handshake(&mut self, core: &mut LoopCore, key: Key) {
        if self.is_handshaking(key) {
            self.fail_handshake(core, key, io::ErrorKind::TimedOut.into());
        } else if self.get_open(key).is_some_and(|connection| connection.is_handshaking()) {
            self.close(key.slot as usize, CloseReason::Timeout(Deadline::Handshake));
        }
    }

    /// Whether a connection whose service has begun TLS is over before it is agreed on, and not because
    /// this side wants it so.
    pub(crate) fn has_failed_handshake(&self, key: Key, reason: CloseReason) -> bool {
        let is_failure = matches!(
            reason,
            CloseReason::Error(_) | CloseReason::Timeout(_) | CloseReason::ClosingTimeout
        );
        is_failure && self.slots[key.slot as usize].is_handshaking()
    }

    /// Gives up a connection of which the service was not told; a client is to take the error.
    fn fail_handshake(&mut self, core: &mut LoopCore, key: Key, error: io::Error) {
        let peer = &self.slots[key.slot as usize].peer;
        log::debug!("no TLS with {peer}: {error}");
        core.shared.counters.handshakes_failed.add(1);
        self.drop_handshake(core, key);
        self.failed_handshake = Some(error);
    }

    /// Gives up all connections of which the service was not told.
    pub(crate) fn drop_all_handshakes(&mut self, core: &mut LoopCore) {
        if self.handshaking == 0 {
            return;
        }
        for key in self.keys_in(ConnectionState::Handshaking) {
            self.drop_handshake(core, key);
        }
    }

    pub(super) fn drop_handshake(&mut self, core: &mut LoopCore, key: Key) {
        self.slots[key.slot as usize].state = ConnectionState::Failed;
        self.handshaking -= 1;
        self.release(core, key);
    }
}
