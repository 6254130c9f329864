//! The way of bytes from the kernel to the service.

use super::ConnectionSet;
use crate::buffer::Buffer;
use crate::connection::service::Service;
use crate::connection::state::{CloseReason, InputFlow};
use crate::connection::tcp_connection::ReadOutcome;
use crate::driver::channel::Readiness;
use crate::event_loop::activity::Callback;
use crate::event_loop::loop_core::LoopCore;
use crate::event_loop::source::Source;
use crate::event_loop::token::Key;
use std::mem;

impl<S: Service> ConnectionSet<S> {
    /// Offers what was left unread before the reading was stopped.
    pub(super) fn resume(&mut self, core: &mut LoopCore, key: Key) {
        if let Some(connection) = self.table.get_open(key)
            && connection.flow == InputFlow::Resuming
        {
            connection.flow = InputFlow::Reading;
            connection.deadlines.received = core.tick;
            self.offer_unread(core, key);
        }
    }

    /// Reads as long as something may come, within the budget.
    pub(super) fn read(&mut self, core: &mut LoopCore, key: Key) {
        let mut budget = self.table.options.read_budget;
        loop {
            let Some(connection) = self.table.get_open(key) else { return };
            if !connection.wants_read() {
                if connection.channel.is_broken() {
                    self.close_if_broken(key);
                }
                return;
            }
            if budget == 0 {
                self.table.mark_ready(key.slot as usize);
                return;
            }
            let has_tls = connection.tls.is_some();
            let mut scratch = mem::take(&mut core.scratch);
            let outcome = connection.read_into(&mut scratch, &mut core.records, &mut core.chunks);
            core.shared.counters.reads.add(1);
            if self.mailbox.len() > 0 {
                // What was posted before these bytes were sent is to be seen before them.
                self.on_mail(core);
            }
            if let ReadOutcome::Bytes(count) = outcome {
                budget = budget.saturating_sub(count);
            }
            self.handle_read(core, key, &outcome, &mut scratch);
            core.scratch = scratch;
            if has_tls {
                self.table.go_on_with_tls(core, key);
            }
        }
    }

    /// Closes a connection that broke, if so, and that nobody reads from, so that nobody else would
    /// find out. What one that its link holds back has received is passed on first.
    fn close_if_broken(&mut self, key: Key) {
        let Some(connection) = self.table.get_open(key) else { return };
        let held_back = connection.link.is_some() && connection.flow == InputFlow::Stopped;
        if !held_back && let Ok(Some(error)) = connection.stream.take_error() {
            self.table.close(key.slot as usize, CloseReason::Error(error.kind()));
        }
    }

    fn handle_read(
        &mut self,
        core: &mut LoopCore,
        key: Key,
        outcome: &ReadOutcome,
        scratch: &mut Buffer,
    ) {
        // What was read in between may have closed it.
        let Some(connection) = self.table.get_open(key) else { return };
        match *outcome {
            ReadOutcome::Drained => {}
            ReadOutcome::Failed(kind) => {
                self.table.close(key.slot as usize, CloseReason::Error(kind));
            }
            ReadOutcome::EndOfStream if connection.flow == InputFlow::Reading => {
                connection.flow = InputFlow::Ended;
                let link = connection.link;
                self.table.mark_dirty(key.slot as usize);
                match link {
                    Some(other) => self.table.pass_on_end(other),
                    None => self.call(core, key, Callback::EndOfStream, |service, connection| {
                        service.on_end_of_stream(connection);
                    }),
                }
            }
            // Letters in between stopped the reading; the end can be read again later.
            ReadOutcome::EndOfStream => connection.channel.handle_event(Readiness::END),
            ReadOutcome::Bytes(_) => {
                core.shared.counters.bytes_read.add(scratch.len() as u64);
                connection.deadlines.received = core.tick;
                if !scratch.is_empty() {
                    self.offer(core, key, scratch);
                }
            }
        }
    }

    /// Offers the bytes in `scratch`, in place if none were left unread before. The connection must be
    /// open.
    fn offer(&mut self, core: &mut LoopCore, key: Key, scratch: &mut Buffer) {
        let connection = self.table.in_slot_mut(key.slot as usize);
        let reading = connection.flow == InputFlow::Reading;
        if !connection.state.delivers_input() {
            return;
        }
        if reading && connection.input.is_empty() {
            self.deliver(core, key, scratch);
            self.keep_unread(key, scratch);
        } else {
            self.keep_unread(key, scratch);
            if reading {
                self.offer_unread(core, key);
            }
        }
    }

    /// Offers the bytes that were left unread, together with those appended to them.
    fn offer_unread(&mut self, core: &mut LoopCore, key: Key) {
        let Some(connection) = self.table.get_open(key) else { return };
        if connection.input.is_empty() || !connection.state.delivers_input() {
            return;
        }
        let mut input = mem::take(&mut connection.input);
        self.deliver(core, key, &mut input);
        if let Some(connection) = self.table.get_open(key)
            && connection.state.delivers_input()
            && !input.is_empty()
        {
            connection.input = input;
        }
    }

    /// Gives input to the service, or to the connection that this one is linked with.
    fn deliver(&mut self, core: &mut LoopCore, key: Key, input: &mut Buffer) {
        match self.table.in_slot(key.slot as usize).link {
            Some(other) => self.table.pass_on(core, other, input),
            None => {
                self.call(core, key, Callback::Message, |service, connection| {
                    service.on_message(connection, input);
                });
            }
        }
    }

    /// Moves what is left in `scratch` behind the unread bytes of the connection.
    fn keep_unread(&mut self, key: Key, scratch: &mut Buffer) {
        if scratch.is_empty() {
            return;
        }
        let input_cap = self.table.options.input_cap;
        if let Some(connection) = self.table.get_open(key)
            && connection.state.delivers_input()
        {
            connection.input.append(scratch.peek());
            if connection.input.len() > input_cap {
                self.table.close(key.slot as usize, CloseReason::InputOverflow);
            }
        }
    }
}
