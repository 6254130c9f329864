//! The life of a connection as two enums and their legal moves. Pure.
//!
//! ```text
//! Connecting --> Connected --> ShuttingDown --> HalfClosed
//!     |          ^   |              |               |
//!     v          |   `--------------+-> Closing <---'
//!  Failed <-- Handshaking
//!                    and from all on the right to Disconnected
//! ```

use crate::connection::deadlines::Deadline;
use std::io;

/// Why a connection is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CloseReason {
    /// Both directions ended in order: ours by `shutdown`, the peer's by its own.
    EndOfStream,
    /// This side closed it, by `close_after_flush`, `force_close` or `force_close_after`.
    Closed,
    /// The socket failed, for example with `ConnectionReset`.
    Error(io::ErrorKind),
    /// More than `output_cap` bytes would have been queued: the peer reads too slowly, or one turn
    /// produced more than the cap and the kernel could take.
    OutputOverflow,
    /// The service left more than `input_cap` bytes unread.
    InputOverflow,
    /// Asked to end, it did not within `closing_timeout`: output stuck, or no end from the peer.
    ClosingTimeout,
    /// Nothing happened for as long as the options allow.
    Timeout(Deadline),
    /// A callback of it panicked.
    Panicked,
    /// The server stopped and its deadline passed, or the loop ended.
    Stopped,
}

/// Where a connection is, as seen from the sending side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ConnectionState {
    /// Being opened by the service, which is told when it is open or has failed.
    Connecting,
    /// Connected, and about to agree on TLS before the service is told.
    Handshaking,
    /// It could not be opened.
    Failed,
    /// Both directions are open.
    Connected,
    /// `shutdown` was asked; the queue drains before our end of stream.
    ShuttingDown,
    /// Our end of stream is sent, the peer's awaited.
    HalfClosed,
    /// `close_after_flush` was asked; the queue drains, input is not looked at.
    Closing,
    /// Over; `on_closed` was or will be called.
    Disconnected(CloseReason),
}

/// What goes on at the receiving side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InputFlow {
    /// Bytes are read and offered as they come.
    Reading,
    /// `stop_reading` was called.
    Stopped,
    /// `start_reading` was called; unread bytes are to be offered before new ones.
    Resuming,
    /// The peer's end of stream was delivered.
    Ended,
}

/// What to do after the queue was written as far as possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NextStep {
    Stay,
    SendEndOfStream,
    Close(CloseReason),
}

impl ConnectionState {
    /// The state after `shutdown`.
    pub(crate) fn shut_down(self) -> Self {
        match self {
            Self::Connected => Self::ShuttingDown,
            other => other,
        }
    }

    /// The state after `close_after_flush`.
    pub(crate) fn close_after_flush(self) -> Self {
        match self {
            Self::Connecting | Self::Handshaking | Self::Failed | Self::Disconnected(_) => self,
            _ => Self::Closing,
        }
    }

    /// What follows when the queue is empty.
    pub(crate) fn step_when_drained(self, input: InputFlow) -> NextStep {
        match (self, input) {
            (Self::ShuttingDown | Self::HalfClosed, InputFlow::Ended) => {
                NextStep::Close(CloseReason::EndOfStream)
            }
            (Self::ShuttingDown, _) => NextStep::SendEndOfStream,
            (Self::Closing, _) => NextStep::Close(CloseReason::Closed),
            _ => NextStep::Stay,
        }
    }

    /// Whether `send` takes bytes.
    pub(crate) fn can_send(self) -> bool {
        self == Self::Connected
    }

    /// Whether input is offered to the service.
    pub(crate) fn delivers_input(self) -> bool {
        matches!(self, Self::Connected | Self::ShuttingDown | Self::HalfClosed)
    }

    /// Whether this side asked for the end, so that it has to come in time.
    pub(crate) fn is_ending(self) -> bool {
        matches!(self, Self::ShuttingDown | Self::HalfClosed | Self::Closing)
    }

    /// Whether there is a connection: opened, and not over.
    pub(crate) fn is_open(self) -> bool {
        matches!(self, Self::Connected | Self::ShuttingDown | Self::HalfClosed | Self::Closing)
    }
}

impl InputFlow {
    /// The flow after `stop_reading`.
    pub(crate) fn stop(self) -> Self {
        match self {
            Self::Ended => Self::Ended,
            _ => Self::Stopped,
        }
    }

    /// The flow after `start_reading`.
    pub(crate) fn start(self) -> Self {
        match self {
            Self::Stopped => Self::Resuming,
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ConnectionState::{Closing, Connected, Connecting, Disconnected, HalfClosed, ShuttingDown};

    const OVER: ConnectionState = Disconnected(CloseReason::Stopped);

    #[test]
    fn shutdown_moves_only_open_senders() {
        let moves = [
            (Connecting, Connecting),
            (Connected, ShuttingDown),
            (ShuttingDown, ShuttingDown),
            (HalfClosed, HalfClosed),
            (Closing, Closing),
            (OVER, OVER),
        ];
        for (from, to) in moves {
            assert_eq!(from.shut_down(), to, "{from:?}");
        }
    }

    #[test]
    fn close_after_flush_moves_all_but_the_dead() {
        for from in [Connected, ShuttingDown, HalfClosed, Closing] {
            assert_eq!(from.close_after_flush(), Closing, "{from:?}");
        }
        for from in [Connecting, OVER] {
            assert_eq!(from.close_after_flush(), from);
        }
    }

    #[test]
    fn an_empty_queue_lets_the_end_proceed() {
        let ended = NextStep::Close(CloseReason::EndOfStream);
        let closed = NextStep::Close(CloseReason::Closed);
        let cases = [
            (Connected, InputFlow::Reading, NextStep::Stay),
            (Connected, InputFlow::Ended, NextStep::Stay),
            (ShuttingDown, InputFlow::Reading, NextStep::SendEndOfStream),
            (ShuttingDown, InputFlow::Ended, ended),
            (HalfClosed, InputFlow::Stopped, NextStep::Stay),
            (HalfClosed, InputFlow::Ended, ended),
            (Closing, InputFlow::Stopped, closed),
            (Closing, InputFlow::Ended, closed),
            (OVER, InputFlow::Ended, NextStep::Stay),
        ];
        for (state, input, step) in cases {
            assert_eq!(state.step_when_drained(input), step, "{state:?} {input:?}");
        }
    }

    #[test]
    fn only_open_senders_send() {
        assert!(Connected.can_send());
        for state in [Connecting, ShuttingDown, HalfClosed, Closing, OVER] {
            assert!(!state.can_send(), "{state:?}");
        }
    }

    #[test]
    fn reading_resumes_only_after_a_stop() {
        assert_eq!(InputFlow::Reading.start(), InputFlow::Reading);
        assert_eq!(InputFlow::Reading.stop(), InputFlow::Stopped);
        assert_eq!(InputFlow::Stopped.start(), InputFlow::Resuming);
        assert_eq!(InputFlow::Resuming.stop(), InputFlow::Stopped);
        assert_eq!(InputFlow::Ended.stop().start(), InputFlow::Ended);
    }
}
