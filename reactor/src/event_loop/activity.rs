//! What a loop is calling right now, for those who watch it from other threads.

use crate::connection::id::ConnectionId;
use std::sync::atomic::{AtomicU64, Ordering};

/// What of the program a loop calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum Callback {
    /// A task of [`queue_in_loop`](crate::EventLoop::queue_in_loop) and its like.
    Task = 1,
    /// A timer of [`run_at`](crate::EventLoop::run_at) and its like.
    Timer,
    /// [`Service::on_connected`](crate::Service::on_connected), and so on.
    Connected,
    /// `on_message`.
    Message,
    /// `on_end_of_stream`.
    EndOfStream,
    /// `on_write_complete`, `on_high_water` or `on_low_water`.
    Output,
    /// `on_timer`.
    ConnectionTimer,
    /// `on_closed`.
    Closed,
    /// `on_connect_failed`.
    ConnectFailed,
    /// `on_post`.
    Post,
    /// `on_service_timer`.
    ServiceTimer,
    /// `on_turn_end`.
    TurnEnd,
    /// `on_stop`.
    Stop,
    /// [`DatagramService::on_datagram`](crate::DatagramService::on_datagram) or `on_error`.
    Datagram,
    /// The [`accept_filter`](crate::TcpServerBuilder::accept_filter) and the choice of
    /// [`Placement::Custom`](crate::Placement::Custom).
    Accept,
}

impl Callback {
    const ALL: [Self; 15] = [
        Self::Task,
        Self::Timer,
        Self::Connected,
        Self::Message,
        Self::EndOfStream,
        Self::Output,
        Self::ConnectionTimer,
        Self::Closed,
        Self::ConnectFailed,
        Self::Post,
        Self::ServiceTimer,
        Self::TurnEnd,
        Self::Stop,
        Self::Datagram,
        Self::Accept,
    ];

    /// The name of the method, or `task` or `timer`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Task => "task",
            Self::Timer => "timer",
            Self::Connected => "on_connected",
            Self::Message => "on_message",
            Self::EndOfStream => "on_end_of_stream",
            Self::Output => "on_write_complete, on_high_water or on_low_water",
            Self::ConnectionTimer => "on_timer",
            Self::Closed => "on_closed",
            Self::ConnectFailed => "on_connect_failed",
            Self::Post => "on_post",
            Self::ServiceTimer => "on_service_timer",
            Self::TurnEnd => "on_turn_end",
            Self::Stop => "on_stop",
            Self::Datagram => "on_datagram or on_error",
            Self::Accept => "accept_filter or placement",
        }
    }
}

/// A call, by the place of its source in the loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) callback: Callback,
    /// Of a service; tasks and timers of the loop have none.
    pub(crate) source: Option<u16>,
    pub(crate) connection: Option<ConnectionId>,
}

impl Call {
    /// One of no service.
    pub(crate) fn of_loop(callback: Callback) -> Self {
        Self { callback, source: None, connection: None }
    }
}

/// Written by the loop with plain stores, two or three a callback; read by anybody.
///
/// On cache lines of its own: the loop writes it all the time, next to what posters read.
///
/// ```text
/// | number of the call 40 bits | source + 1 16 bits | callback 8 bits, 0 for none |
/// ```
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Activity {
    call: AtomicU64,
    connection: AtomicU64,
}

/// No id has all bits set.
const NO_CONNECTION: u64 = u64::MAX;
const CALLBACK_BITS: u32 = 8;
const SOURCE_BITS: u32 = 16;
const NUMBER_SHIFT: u32 = CALLBACK_BITS + SOURCE_BITS;

impl Activity {
    /// Loop thread.
    pub(crate) fn begin(&self, call: Call) {
        let number = (self.call.load(Ordering::Relaxed) >> NUMBER_SHIFT) + 1;
        let source = call.source.map_or(0, |source| u64::from(source) + 1);
        let connection = call.connection.map_or(NO_CONNECTION, ConnectionId::as_u64);
        // Who sees the connection sees that the call before it has ended.
        self.connection.store(connection, Ordering::Release);
        let word = number << NUMBER_SHIFT | source << CALLBACK_BITS | call.callback as u64;
        // Who sees the call sees its connection; x86 orders plain stores so in any case.
        self.call.store(word, Ordering::Release);
    }

    /// Loop thread.
    pub(crate) fn end(&self) {
        let word = self.call.load(Ordering::Relaxed);
        self.call.store(word & !((1 << NUMBER_SHIFT) - 1), Ordering::Relaxed);
    }

    /// Any thread: what is being called, and the number that tells it from later calls.
    pub(crate) fn look(&self) -> Option<(u64, Call)> {
        let word = self.call.load(Ordering::Acquire);
        let connection = self.connection.load(Ordering::Acquire);
        if self.call.load(Ordering::Relaxed) != word {
            // The call is over, and the connection may be another one's.
            return None;
        }
        let number = (word & 0xff) as u8;
        let callback = Callback::ALL.into_iter().find(|&callback| callback as u8 == number)?;
        let source = (word >> CALLBACK_BITS) as u16;
        let call = Call {
            callback,
            source: source.checked_sub(1),
            connection: (connection != NO_CONNECTION).then(|| ConnectionId::from_u64(connection)),
        };
        Some((word >> NUMBER_SHIFT, call))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_seen_while_it_lasts() {
        let activity = Activity::default();
        assert_eq!(activity.look(), None);
        let connection = Some(ConnectionId::from_u64(77));
        let call = Call { callback: Callback::Message, source: Some(3), connection };
        activity.begin(call);
        assert_eq!(activity.look(), Some((1, call)));
        activity.end();
        assert_eq!(activity.look(), None);
        activity.begin(Call::of_loop(Callback::Task));
        assert_eq!(activity.look(), Some((2, Call::of_loop(Callback::Task))));
    }

    #[test]
    fn every_callback_has_a_name_and_a_number() {
        for (at, callback) in Callback::ALL.into_iter().enumerate() {
            assert_eq!(callback as usize, at + 1);
            assert!(!callback.name().is_empty());
        }
    }
}
