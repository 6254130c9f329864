//! What a loop holds: sources of events, behind one dynamic call per event.

use crate::driver::channel::Readiness;
use crate::event_loop::loop_core::LoopCore;
use crate::event_loop::timer_queue::TimerId;
use crate::event_loop::token::Key;

/// Something registered with a loop: the connections of a server, its listener, or a client.
///
/// All calls come from the loop thread, in the order of the methods below within a turn; that a
/// timer was cancelled is told at any time.
pub(crate) trait Source {
    /// Letters may be waiting.
    fn on_mail(&mut self, _core: &mut LoopCore) {}

    /// The kernel reported `readiness` for `key`, which may be stale.
    fn on_event(&mut self, core: &mut LoopCore, key: Key, readiness: Readiness);

    /// Continue what a budget cut off in the turn before; what one cuts off in this turn is left
    /// to the next.
    fn on_ready(&mut self, _core: &mut LoopCore) {}

    /// A timer of this source fired.
    fn on_timer(&mut self, _core: &mut LoopCore, _id: TimerId, _timer: SourceTimer) {}

    /// A timer of this source was cancelled by the loop or one of its handles.
    fn on_timer_cancelled(&mut self, _id: TimerId, _timer: SourceTimer) {}

    /// The turn is over: call back, flush, free. Work left over is told by
    /// [`LoopCore::set_work_pending`].
    fn end_turn(&mut self, _core: &mut LoopCore) -> SourceStatus {
        SourceStatus::Active
    }

    /// The loop is being dropped.
    fn terminate(&mut self, _core: &mut LoopCore) {}
}

/// Whether the loop keeps a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SourceStatus {
    Active,
    /// Drop it now.
    Finished,
}

/// Names a source in a loop; the generation tells it from an earlier one in the same place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SourceId {
    pub(crate) index: u16,
    pub(crate) generation: u32,
}

/// What a source may be woken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SourceTimer {
    /// A timer of the service for one connection.
    Connection { key: Key, tag: u64 },
    /// The `closing_timeout` of one connection.
    ClosingDeadline { key: Key },
    /// The patience with a connection that is being opened.
    ConnectDeadline { key: Key },
    /// The `handshake_timeout` of one connection.
    HandshakeDeadline { key: Key },
    /// A look at the deadlines of one connection.
    Deadline { key: Key },
    /// `force_close_after` of one connection.
    ForceClose { key: Key },
    /// A timer of the service.
    Service { tag: u64 },
    /// The deadline of a graceful stop.
    StopDeadline,
    /// Try again to accept.
    AcceptRetry,
    /// Connect, or give up connecting.
    Connect,
}
