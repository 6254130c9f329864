//! What a program supplies: a service, whose callbacks the loop calls.

use crate::buffer::Buffer;
use crate::client::connect_failure::ConnectFailure;
use crate::connection::Connection;
use crate::connection::connections::Connections;
use crate::connection::service_handle::ServiceHandle;
use crate::connection::state::CloseReason;
use std::sync::Arc;

/// The behaviour of all connections of a server on one loop, or of those that a client makes one
/// after the other.
///
/// Each loop has its own service, made on that loop's thread and called there only; so it need
/// not be `Send` and needs no locks. Other threads reach it by [`Service::Post`].
///
/// A connection's callbacks come in this order: `on_connected` first, `on_closed` last and
/// exactly once. Nothing called on a connection calls back before the current callback returns.
pub trait Service: Sized + 'static {
    /// What the service remembers of each connection.
    type State: Default + 'static;

    /// What other threads may post to the service.
    type Post: Send + 'static;

    /// A connection was accepted, or made by a client or [`Connections::connect`].
    fn on_connected(&mut self, _connection: &mut Connection<'_, Self::State>) {}

    /// Bytes arrived. What is left in `input` comes again, in front of the bytes after it.
    fn on_message(&mut self, connection: &mut Connection<'_, Self::State>, input: &mut Buffer);

    /// The peer sent its end of stream, and all bytes before it were offered. By default sends
    /// what is queued and then ends too, which closes the connection.
    fn on_end_of_stream(&mut self, connection: &mut Connection<'_, Self::State>) {
        connection.shutdown();
    }

    /// The output queue became empty. Not called when the connection closed by that.
    fn on_write_complete(&mut self, connection: &mut Connection<'_, Self::State>) {
        // A call for each message would be in vain from now on.
        connection.ignore_write_complete();
    }

    /// The flush at the end of a turn left `queued` bytes, at least
    /// [`high_water`](crate::ConnectionOptions::high_water). Once until the low mark is reached.
    fn on_high_water(&mut self, _connection: &mut Connection<'_, Self::State>, _queued: usize) {}

    /// The queue shrank to [`low_water`](crate::ConnectionOptions::low_water) after
    /// `on_high_water`.
    fn on_low_water(&mut self, _connection: &mut Connection<'_, Self::State>) {}

    /// The connection is over; sends are refused, its state is dropped afterwards.
    fn on_closed(&mut self, _connection: &mut Connection<'_, Self::State>, _reason: CloseReason) {}

    /// A timer of [`Connection::run_after`] fired.
    fn on_timer(&mut self, _connection: &mut Connection<'_, Self::State>, _tag: u64) {}

    /// A post arrived. Posts of one thread keep their order.
    fn on_post(&mut self, _connections: &mut Connections<'_, Self::State>, _post: Self::Post) {}

    /// A timer of [`Connections::run_after`] fired.
    fn on_service_timer(&mut self, _connections: &mut Connections<'_, Self::State>, _tag: u64) {}

    /// A batch of callbacks is over and its output about to be written: the place to send what
    /// was gathered. A turn has a batch for each 64 events and one for what follows the last flush.
    /// What this call closes makes a batch of its own: `on_closed` is followed by `on_turn_end` too, in
    /// this turn or the next.
    fn on_turn_end(&mut self, _connections: &mut Connections<'_, Self::State>) {}

    /// A client, or [`Connections::connect`], failed to connect: to which address, why, and when it is
    /// tried again.
    fn on_connect_failed(
        &mut self,
        _connections: &mut Connections<'_, Self::State>,
        _failure: &ConnectFailure,
    ) {
    }

    /// A graceful stop was asked for. By default shuts all connections down; what is left at the
    /// deadline is closed.
    fn on_stop(&mut self, connections: &mut Connections<'_, Self::State>) {
        connections.for_each(|connection| connection.shutdown());
    }
}

/// What became of a send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendStatus {
    /// The bytes are queued; they are written at the end of the turn.
    Queued,
    /// They would exceed [`output_cap`](crate::ConnectionOptions::output_cap): dropped, and the
    /// connection is closed with [`CloseReason::OutputOverflow`].
    Full,
    /// The connection was shut down or is closed: dropped.
    Closed,
}

/// The place of one service among those of a server, handed to the factory that makes it.
pub struct Seat<Post> {
    /// Which one it is, from 0.
    pub index: usize,
    /// The handles of all services of the server in the order of their index, this one's
    /// included: for posts from loop to loop.
    pub handles: Arc<[ServiceHandle<Post>]>,
}
