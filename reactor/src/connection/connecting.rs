//! Connections that a service opens itself, from the first call until they are open or have failed.

use crate::client::connect_failure::ConnectFailure;
use crate::connection::deadlines::Deadlines;
use crate::connection::state::ConnectionState;
use crate::connection::table::ConnectionTable;
use crate::connection::tcp_connection::{Arrival, TcpConnection};
use crate::driver::address::Address;
use crate::driver::completion::Completion;
use crate::driver::poller::Watch;
use crate::event_loop::loop_core::LoopCore;
use crate::event_loop::source::SourceTimer;
use crate::event_loop::token::{Key, SLOTS_MAX};
use std::io;
use std::time::Duration;

/// What an event of a connection that is being opened came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    Pending,
    Open,
    Failed,
}

impl<State> ConnectionTable<State> {
    /// Begins to connect; the service is told how it went when its callback has returned.
    pub(crate) fn connect(
        &mut self,
        core: &mut LoopCore,
        address: Address,
        timeout: Duration,
        user: State,
    ) -> Key {
        let slot = self.slots.vacant_key();
        let key = Key { slot: slot as u32, generation: core.next_generation() };
        match self.begin_to_connect(core, key, &address) {
            Ok(arrival) => {
                let deadlines = Deadlines::new(&self.options, core.tick);
                let mut connection = TcpConnection::new(key, arrival, deadlines, user);
                let timer = SourceTimer::ConnectDeadline { key };
                connection.watch = Watch::InputAndRoom;
                connection.closing_timer = Some(core.add_source_timer(self.source, timeout, timer));
                self.slots.insert(connection);
            }
            Err(error) => self.note_failure(key, address, error),
        }
        key
    }

    fn begin_to_connect(
        &self,
        core: &LoopCore,
        key: Key,
        address: &Address,
    ) -> io::Result<Arrival> {
        if key.slot as usize >= SLOTS_MAX {
            return Err(io::Error::other("too many connections on one loop"));
        }
        let stream = core.poller.connect(address, None, &self.options)?;
        core.poller.watch_connection(&stream, self.source.index, key, Watch::InputAndRoom)?;
        Ok(Arrival {
            stream,
            peer: address.clone(),
            counted: self.population.add(usize::from(self.seat)),
        })
    }

    /// Whether `key` names a connection that is being opened.
    pub(crate) fn is_connecting(&self, key: Key) -> bool {
        self.is_in(ConnectionState::Connecting, key)
    }

    /// The kernel told something of a connection that is being opened.
    pub(crate) fn proceed_to_connect(&mut self, core: &mut LoopCore, key: Key) -> Progress {
        let connection = &mut self.slots[key.slot as usize];
        match Completion::of(&connection.stream) {
            Ok(Completion::Pending) => Progress::Pending,
            Ok(Completion::Connected) => {
                if let Some(timer) = connection.closing_timer.take() {
                    core.timers.cancel(timer);
                }
                self.hand_over(core, key);
                Progress::Open
            }
            Err(error) => {
                self.fail_to_connect(core, key, error);
                Progress::Failed
            }
        }
    }

    /// Gives up opening a connection.
    pub(crate) fn fail_to_connect(&mut self, core: &mut LoopCore, key: Key, error: io::Error) {
        let connection = &mut self.slots[key.slot as usize];
        connection.state = ConnectionState::Failed;
        let address = connection.peer.clone();
        self.note_failure(key, address, error);
        self.release(core, key);
    }

    /// Gives up opening all connections.
    pub(crate) fn fail_all_to_connect(&mut self, core: &mut LoopCore) {
        for key in self.keys_in(ConnectionState::Connecting) {
            self.fail_to_connect(core, key, io::ErrorKind::ConnectionAborted.into());
        }
    }

    fn note_failure(&mut self, key: Key, address: Address, error: io::Error) {
        let connection = Some(self.id(key));
        let failure = ConnectFailure { connection, address, error, attempt: 1, next_attempt: None };
        self.failures.push_back(failure);
    }
}
