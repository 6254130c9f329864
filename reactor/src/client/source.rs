//! A client as one source of a loop: the connector, and the set that has its connection.

use crate::client::connector::{Connector, Outcome};
use crate::connection::service::Service;
use crate::connection::set::ConnectionSet;
use crate::connection::tcp_connection::Arrival;
use crate::driver::address::Address;
use crate::driver::channel::Readiness;
use crate::event_loop::loop_core::LoopCore;
use crate::event_loop::mailbox::Mailbox;
use crate::event_loop::source::{Source, SourceStatus, SourceTimer};
use crate::event_loop::timer_queue::TimerId;
use crate::event_loop::token::Key;
use crate::server::population::Population;
use std::mem;
use std::sync::Arc;

/// What may be asked of a client on any thread.
#[derive(Debug)]
pub(crate) enum ClientCommand {
    Connect,
    Disconnect,
    Stop,
    SetAddresses(Vec<Address>),
}

/// The source that a client installs on its loop.
pub(crate) struct ClientSource<S: Service> {
    set: ConnectionSet<S>,
    connector: Connector,
    commands: Arc<Mailbox<ClientCommand>>,
    /// Kept for its memory; empty between uses.
    taken: Vec<ClientCommand>,
    population: Arc<Population>,
}

impl<S: Service> ClientSource<S> {
    pub(crate) fn new(
        set: ConnectionSet<S>,
        connector: Connector,
        commands: Arc<Mailbox<ClientCommand>>,
        population: Arc<Population>,
    ) -> Self {
        Self { set, connector, commands, taken: Vec::new(), population }
    }

    fn handle_command(&mut self, core: &mut LoopCore, command: ClientCommand) {
        match command {
            ClientCommand::Connect => self.connector.connect(core),
            // It is not established before TLS is agreed on.
            ClientCommand::Stop if self.set.is_handshaking() => {
                self.connector.disconnect(core);
                self.set.drop_handshakes(core);
            }
            ClientCommand::Stop => self.connector.stop(core),
            ClientCommand::SetAddresses(addresses) => self.connector.set_addresses(addresses),
            ClientCommand::Disconnect => {
                if self.connector.disconnect(core) {
                    self.set.connections(core).for_each(|connection| connection.shutdown());
                    self.set.drop_handshakes(core);
                }
            }
        }
    }

    fn proceed(&mut self, core: &mut LoopCore, outcome: Outcome) {
        let failure = match outcome {
            Outcome::Pending => return,
            Outcome::Failed(failure) => failure,
            Outcome::Connected(stream, peer) => {
                let counted = self.population.add(0);
                match self.set.take_in(core, Arrival { stream, peer, counted }) {
                    Ok(()) => return,
                    Err(error) => self.connector.reject(core, error),
                }
            }
        };
        self.set.tell_connect_failed(core, &failure);
        self.set.tell_closed(core);
    }
}

impl<S: Service> Source for ClientSource<S> {
    fn on_mail(&mut self, core: &mut LoopCore) {
        let mut commands = mem::take(&mut self.taken);
        // Taken before the letters and carried out after them: what a thread sent before it asked
        // to disconnect goes out.
        self.commands.swap(&mut commands);
        self.set.on_mail(core);
        for command in commands.drain(..) {
            self.handle_command(core, command);
        }
        self.taken = commands;
    }

    fn on_event(&mut self, core: &mut LoopCore, key: Key, readiness: Readiness) {
        if self.connector.is_connecting(key) {
            let outcome = self.connector.on_event(core);
            self.proceed(core, outcome);
        } else {
            self.set.on_event(core, key, readiness);
        }
    }

    fn on_ready(&mut self, core: &mut LoopCore) {
        self.set.on_ready(core);
    }

    fn on_timer(&mut self, core: &mut LoopCore, id: TimerId, timer: SourceTimer) {
        if timer == SourceTimer::Connect {
            let outcome = self.connector.on_timer(core, id);
            self.proceed(core, outcome);
        } else {
            self.set.on_timer(core, id, timer);
        }
    }

    fn on_timer_cancelled(&mut self, id: TimerId, timer: SourceTimer) {
        self.set.on_timer_cancelled(id, timer);
    }

    fn end_turn(&mut self, core: &mut LoopCore) -> SourceStatus {
        if let Some(error) = self.set.take_failed_handshake() {
            let failure = self.connector.reject(core, error);
            self.set.tell_connect_failed(core, &failure);
            self.set.tell_closed(core);
        }
        let status = self.set.end_turn(core);
        if self.set.is_empty() {
            self.connector.on_vacant(core);
        }
        if status == SourceStatus::Finished {
            self.connector.stop(core);
        }
        status
    }

    fn terminate(&mut self, core: &mut LoopCore) {
        self.set.terminate(core);
    }
}

impl<S: Service> Drop for ClientSource<S> {
    fn drop(&mut self) {
        drop(self.commands.close());
    }
}
