//! Two connections that pass on to each other what they receive.

use crate::buffer::Buffer;
use crate::connection::state::{CloseReason, InputFlow};
use crate::connection::table::ConnectionTable;
use crate::connection::tcp_connection::WaterLevel;
use crate::event_loop::loop_core::LoopCore;
use crate::event_loop::token::Key;

impl<State> ConnectionTable<State> {
    /// Links two open connections; false if either is gone or linked, or they are one.
    pub(crate) fn link(&mut self, core: &mut LoopCore, one: Key, other: Key) -> bool {
        let is_free = |key| {
            let connection = self.get_open(key)?;
            connection.link.is_none().then_some(())
        };
        if one == other || [one, other].map(is_free).contains(&None) {
            return false;
        }
        for (from, to) in [(one, other), (other, one)] {
            self.slots[from.slot as usize].link = Some(to);
            self.begin_to_pass_on(core, from, to);
        }
        true
    }

    /// Passes on what was left unread, or has the next turn do so, and an end that came before.
    fn begin_to_pass_on(&mut self, core: &mut LoopCore, from: Key, to: Key) {
        let is_full = self.slots[to.slot as usize].water == WaterLevel::High;
        let connection = &mut self.slots[from.slot as usize];
        if connection.flow == InputFlow::Ended {
            let mut input = std::mem::take(&mut connection.input);
            self.pass_on(core, to, &mut input);
            self.pass_on_end(to);
        } else {
            connection.flow = if is_full { InputFlow::Stopped } else { InputFlow::Resuming };
            self.mark_ready(from.slot as usize);
        }
    }

    /// Sends `input` to a linked connection. How much that may come to is bounded by its marks: from
    /// the high one on the other side is not read.
    pub(crate) fn pass_on(&mut self, core: &mut LoopCore, to: Key, input: &mut Buffer) {
        if self.get_open(to).is_some_and(|connection| connection.state.can_send()) {
            self.send_through(core, to.slot as usize, input.peek());
        }
        input.retrieve_all();
    }

    /// Ends the sending side of a linked connection, whose other side was ended by its peer.
    pub(crate) fn pass_on_end(&mut self, to: Key) {
        if let Some(connection) = self.get_open(to) {
            connection.state = connection.state.shut_down();
            self.mark_dirty(to.slot as usize);
        }
    }

    /// A linked connection cannot take more, or can again: its other side is not read meanwhile.
    pub(crate) fn hold_back(&mut self, from: Key, level: WaterLevel) {
        let Some(connection) = self.get_open(from) else { return };
        connection.flow = match level {
            WaterLevel::High => connection.flow.stop(),
            WaterLevel::Low => connection.flow.start(),
        };
        if connection.flow == InputFlow::Resuming {
            self.mark_ready(from.slot as usize);
        }
    }

    /// A connection is over: the one it was linked with sends what it has, and ends too.
    pub(crate) fn part(&mut self, key: Key, reason: CloseReason) {
        let Some(other) = self.slots[key.slot as usize].link.take() else { return };
        let Some(connection) = self.get_open(other) else { return };
        connection.link = None;
        // After both ends of stream the other one is about to end by itself.
        if reason != CloseReason::EndOfStream {
            connection.state = connection.state.close_after_flush();
        }
        self.mark_dirty(other.slot as usize);
    }
}
