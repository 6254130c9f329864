//! A service that does the same in whichever callback is asked for.

use crate::support::Action;
use reactor::{Buffer, CloseReason, Connection, ConnectionId, Connections, Service};
use std::sync::{Arc, mpsc};

/// A callback with a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    Connected,
    Message,
    EndOfStream,
    WriteComplete,
    HighWater,
    LowWater,
    Timer,
    Closed(CloseReason),
}

/// How a connection that is reset ends.
pub(crate) const RESET: Moment =
    Moment::Closed(CloseReason::Error(std::io::ErrorKind::ConnectionReset));

/// All of them, in the order of the trait.
pub(crate) const MOMENTS: [Moment; 8] = [
    Moment::Connected,
    Moment::Message,
    Moment::EndOfStream,
    Moment::WriteComplete,
    Moment::HighWater,
    Moment::LowWater,
    Moment::Timer,
    RESET,
];

pub(crate) type Act = dyn Fn(Moment, &mut Connection<'_, ()>) + Send + Sync;

/// Records its callbacks, and acts in each.
pub(crate) struct Puppet {
    pub(crate) act: Arc<Act>,
    pub(crate) log: mpsc::Sender<(ConnectionId, Moment)>,
}

impl Puppet {
    fn reach(&self, moment: Moment, connection: &mut Connection<'_, ()>) {
        // The test may have seen enough and gone.
        let _gone = self.log.send((connection.id(), moment));
        (self.act)(moment, connection);
    }
}

impl Service for Puppet {
    type State = ();
    type Post = Action;

    fn on_connected(&mut self, connection: &mut Connection<'_, ()>) {
        self.reach(Moment::Connected, connection);
    }

    fn on_message(&mut self, connection: &mut Connection<'_, ()>, input: &mut Buffer) {
        input.retrieve_all();
        self.reach(Moment::Message, connection);
    }

    /// Leaves this side open.
    fn on_end_of_stream(&mut self, connection: &mut Connection<'_, ()>) {
        self.reach(Moment::EndOfStream, connection);
    }

    fn on_write_complete(&mut self, connection: &mut Connection<'_, ()>) {
        self.reach(Moment::WriteComplete, connection);
    }

    fn on_high_water(&mut self, connection: &mut Connection<'_, ()>, _queued: usize) {
        self.reach(Moment::HighWater, connection);
    }

    fn on_low_water(&mut self, connection: &mut Connection<'_, ()>) {
        self.reach(Moment::LowWater, connection);
    }

    fn on_closed(&mut self, connection: &mut Connection<'_, ()>, reason: CloseReason) {
        self.reach(Moment::Closed(reason), connection);
    }

    fn on_timer(&mut self, connection: &mut Connection<'_, ()>, _tag: u64) {
        self.reach(Moment::Timer, connection);
    }

    fn on_post(&mut self, connections: &mut Connections<'_, ()>, action: Action) {
        action(connections);
    }
}
