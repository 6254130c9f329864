//! The connection that subscribes.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crossbeam_channel::Sender;
use redis::{Connection, Msg, RedisResult};

use super::{Mail, Outlet, RedisTarget, State};
use crate::chat::NodeId;
use crate::cluster::Listener;
use crate::cluster::command::{Audience, Command, Notice};
use crate::cluster::listener::Heard;

/// The node speaks to itself every second: a connection on which nothing is heard for so long is
/// none.
const SILENCE: Duration = Duration::from_millis(2500);
/// Between attempts to subscribe.
const RETRY: Duration = Duration::from_millis(200);

/// See the module.
pub(super) struct Hearing<O> {
    pub(super) target: RedisTarget,
    pub(super) own: NodeId,
    pub(super) listener: Listener,
    pub(super) commands: Sender<Mail>,
    pub(super) state: Arc<State>,
    pub(super) outlet: Arc<O>,
}

impl<O: Outlet> Hearing<O> {
    pub(super) fn run(mut self) {
        while !self.is_ending() {
            let heard = self.subscribe().and_then(|connection| self.listen(connection));
            if self.is_ending() {
                return;
            }
            if let Err(error) = heard {
                log::debug!("nothing is heard from {}: {error}", self.target);
            }
            self.command(Command::Deaf);
            std::thread::sleep(RETRY);
        }
    }

    fn subscribe(&self) -> RedisResult<Connection> {
        let mut connection = self.target.connect(SILENCE)?;
        let channels = [self.target.channel(self.own), self.target.channel_of_all()];
        let mut subscribe = redis::cmd("SUBSCRIBE");
        connection.send_packed_command(&subscribe.arg(&channels).get_packed_command())?;
        for _ in channels {
            connection.recv_response()?.extract_error()?;
        }
        Ok(connection)
    }

    /// Until the connection fails, or is silent, or the node ends.
    fn listen(&mut self, mut connection: Connection) -> RedisResult<()> {
        self.command(Command::Listening);
        while !self.is_ending() {
            let value = connection.recv_response()?;
            if let Some(message) = Msg::from_owned_value(value) {
                self.handle_frame(message.get_payload_bytes());
            }
        }
        Ok(())
    }

    fn handle_frame(&mut self, frame: &[u8]) {
        match self.listener.handle_frame(Instant::now(), frame) {
            Heard::Nothing => {}
            Heard::Command(command) => self.command(command),
            Heard::Messages { notice, messages } => {
                if let Some(notice) = notice {
                    self.outlet.tell(std::iter::once((Audience::Everyone, notice)));
                }
                let to_shards = messages
                    .into_iter()
                    .map(|(shard, message)| (Audience::Shard(shard), Notice::Peer(message)));
                self.outlet.tell(to_shards);
            }
        }
    }

    fn command(&self, command: Command) {
        let _ended = self.commands.send(Mail::Command(command));
    }

    fn is_ending(&self) -> bool {
        self.state.is_ending.load(Ordering::Relaxed)
    }
}
