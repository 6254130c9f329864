//! A service that sends back what it gets, now and then later, and checks how it is called.

use reactor::{Buffer, CloseReason, Connection, Connections, Service};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What the service has seen, for the test to look at.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) opened: usize,
    pub(crate) closed: Vec<CloseReason>,
}

/// Where a connection is.
#[derive(Debug, Default, PartialEq)]
pub(crate) enum Stage {
    #[default]
    New,
    Open,
    Ended,
    Closed,
}

#[derive(Debug, Default)]
pub(crate) struct Progress {
    stage: Stage,
    /// Bytes taken so far; their content follows from the position.
    taken: usize,
}

/// What the byte at a position of every stream is.
pub(crate) fn byte_at(position: usize) -> u8 {
    (position % 251) as u8
}

pub(crate) struct MoodyEcho {
    random: fastrand::Rng,
    seen: Arc<Mutex<Seen>>,
}

impl MoodyEcho {
    pub(crate) fn new(seed: u64, seen: Arc<Mutex<Seen>>) -> Self {
        Self { random: fastrand::Rng::with_seed(seed), seen }
    }
}

impl Service for MoodyEcho {
    type State = Progress;
    type Post = ();

    fn on_connected(&mut self, connection: &mut Connection<'_, Progress>) {
        assert_eq!(connection.state().stage, Stage::New);
        connection.state_mut().stage = Stage::Open;
        self.seen.lock().unwrap().opened += 1;
    }

    fn on_message(&mut self, connection: &mut Connection<'_, Progress>, input: &mut Buffer) {
        assert_eq!(connection.state().stage, Stage::Open);
        assert!(!input.is_empty());
        let lazy = self.random.u8(..8) == 0;
        let count = if lazy { self.random.usize(..=input.len()) } else { input.len() };
        let taken = connection.state().taken;
        for (at, &byte) in input.peek()[..count].iter().enumerate() {
            assert_eq!(byte, byte_at(taken + at), "at {}", taken + at);
        }
        connection.state_mut().taken += count;
        connection.send(&input.peek()[..count]);
        input.retrieve(count);
        if lazy {
            connection.stop_reading();
            connection.run_after(Duration::from_millis(self.random.u64(..4)), 0);
        }
    }

    fn on_timer(&mut self, connection: &mut Connection<'_, Progress>, _tag: u64) {
        connection.start_reading();
    }

    fn on_end_of_stream(&mut self, connection: &mut Connection<'_, Progress>) {
        assert_eq!(connection.state().stage, Stage::Open);
        connection.state_mut().stage = Stage::Ended;
        connection.shutdown();
    }

    fn on_closed(&mut self, connection: &mut Connection<'_, Progress>, reason: CloseReason) {
        assert!(matches!(connection.state().stage, Stage::Open | Stage::Ended));
        connection.state_mut().stage = Stage::Closed;
        self.seen.lock().unwrap().closed.push(reason);
    }

    fn on_turn_end(&mut self, connections: &mut Connections<'_, Progress>) {
        connections.for_each(|connection| assert_ne!(connection.state().stage, Stage::Closed));
    }
}
