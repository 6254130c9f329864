//! What is spoken on a connection.

use super::chat::Chat;
use super::echo::Echo;
use super::irc::Irc;
use super::mqtt::{Mqtt, Qos};
use super::nats::Nats;
use super::wire::Wire;
use super::xmpp::Xmpp;
use crate::accounts::Style;

/// Two accounts that send to each other, seen from one of them.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) partner: i64,
}

/// Two names on a server, or subjects, of which each partner hears one.
#[derive(Clone, Debug)]
pub(crate) struct Subjects {
    pub(crate) own: String,
    pub(crate) partner: String,
}

/// See the module.
#[derive(Clone, Debug)]
pub(crate) enum Dialogue {
    /// Blocks that come back.
    Echo,
    /// 1005 as the original client sends it.
    Original(Account),
    /// 1005 with a mid, 1011 for what was pushed; the next message waits for the 1010.
    Acknowledged(Account),
    /// PUB and MSG of the NATS protocol; the own subject is subscribed to already.
    Nats(Subjects),
    /// PRIVMSG of IRC from nickname to nickname.
    Irc(Subjects),
    /// PUBLISH of MQTT 3.1.1; the own topic is subscribed to already, with the same QoS.
    Mqtt(Subjects, Qos),
    /// Message stanzas of XMPP between full addresses.
    Xmpp(Subjects),
}

impl Dialogue {
    /// From its beginning.
    pub(super) fn wire(self) -> Box<dyn Wire> {
        match self {
            Self::Echo => Box::new(Echo::new()),
            Self::Original(account) => Box::new(Chat::new(account, Style::Original)),
            Self::Acknowledged(account) => Box::new(Chat::new(account, Style::Acknowledged)),
            Self::Nats(subjects) => Box::new(Nats::new(subjects)),
            Self::Irc(names) => Box::new(Irc::new(names)),
            Self::Mqtt(topics, qos) => Box::new(Mqtt::new(topics, qos)),
            Self::Xmpp(addresses) => Box::new(Xmpp::new(addresses)),
        }
    }
}
