//! Who is compared.

use super::Plan;
use super::bare_echo::BareEcho;
use super::chat_server::ChatServer;
use super::ejabberd::Ejabberd;
use super::mosquitto::Mosquitto;
use super::nats::Nats;
use super::ngircd::Ngircd;
use super::server::Server;
use super::shape::Shape;
use crate::accounts::Style;
use crate::affinity::{pin_thread, unpin_thread};
use crate::player::mqtt::Qos;
use std::io;

/// A server that ours is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Peer {
    /// A bare epoll loop that echoes: the floor with one message in flight
    BareEcho,
    /// ngircd, over IRC
    Ngircd,
    /// nats-server, over its own protocol
    Nats,
    /// mosquitto, over MQTT 3.1.1 with QoS 0
    MosquittoQos0,
    /// mosquitto with QoS 1
    MosquittoQos1,
    /// ejabberd, over XMPP
    Ejabberd,
}

/// Ours in one of its styles, or a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Contestant {
    Ours(Style),
    Theirs(Peer),
}

impl Peer {
    /// How our clients do what this one's do: with QoS 1 both sides acknowledge, and only then.
    pub(super) fn counterpart(self) -> Style {
        match self {
            Self::MosquittoQos1 => Style::Acknowledged,
            _ => Style::Original,
        }
    }
}

impl Contestant {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Ours(Style::Original) => "ChatServer",
            Self::Ours(Style::Acknowledged) => "ChatServer, ack",
            Self::Theirs(Peer::BareEcho) => "bare epoll loop",
            Self::Theirs(Peer::Ngircd) => "ngircd",
            Self::Theirs(Peer::Nats) => "nats-server",
            Self::Theirs(Peer::MosquittoQos0) => "mosquitto, QoS 0",
            Self::Theirs(Peer::MosquittoQos1) => "mosquitto, QoS 1",
            Self::Theirs(Peer::Ejabberd) => "ejabberd",
        }
    }

    /// The bare loop moves dozens of blocks at once: no floor for what a server has to look at. And
    /// nobody logs in to it.
    pub(super) fn is_in(self, shape: Shape) -> bool {
        self != Self::Theirs(Peer::BareEcho) || shape == Shape::OneEach
    }

    /// Starts it on the servers' processor.
    pub(super) fn start(self, plan: &Plan) -> io::Result<Box<dyn Server>> {
        let before = pin_thread(plan.server_cpu)?;
        let started = self.start_here(plan);
        unpin_thread(&before)?;
        started
    }

    fn start_here(self, plan: &Plan) -> io::Result<Box<dyn Server>> {
        let cpu = plan.server_cpu;
        Ok(match self {
            Self::Ours(style) => Box::new(ChatServer::start(&plan.server, cpu, style)?),
            Self::Theirs(Peer::BareEcho) => Box::new(BareEcho::start(&plan.echo, cpu)?),
            Self::Theirs(Peer::Ngircd) => Box::new(Ngircd::start()?),
            Self::Theirs(Peer::Nats) => Box::new(Nats::start()?),
            Self::Theirs(Peer::MosquittoQos0) => Box::new(Mosquitto::start(Qos::AtMostOnce)?),
            Self::Theirs(Peer::MosquittoQos1) => Box::new(Mosquitto::start(Qos::AtLeastOnce)?),
            Self::Theirs(Peer::Ejabberd) => Box::new(Ejabberd::start()?),
        })
    }
}
