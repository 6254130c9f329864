//! mosquitto, with queues that are long enough and nothing on disk.

use super::conversation::Conversation;
use super::daemon::Daemon;
use super::server::{Seat, Server};
use crate::player::mqtt::{Qos, packet, string};
use crate::player::{Dialogue, Player, Subjects};
use std::io;
use std::net::TcpStream;
use std::ops::Range;
use std::time::Duration;

/// It takes milliseconds.
const STARTS_WITHIN: Duration = Duration::from_secs(20);

/// See the module.
pub(super) struct Mosquitto {
    daemon: Daemon,
    qos: Qos,
}

impl Mosquitto {
    /// With clients that publish and subscribe with `qos`.
    pub(super) fn start(qos: Qos) -> io::Result<Self> {
        let daemon = Daemon::start("mosquitto", STARTS_WITHIN, |folder, port| {
            let file = folder.join("mosquitto.conf");
            std::fs::write(&file, configuration(port))?;
            let mut command = testbed::system("mosquitto", "mosquitto");
            command.arg("-c").arg(file);
            Ok(command)
        })?;
        Ok(Self { daemon, qos })
    }

    fn connect(&self, number: usize, topic: &str) -> io::Result<TcpStream> {
        let mut client = Conversation::begin(self.daemon.address)?;
        client.ask(&connect(&format!("c{number}")), &[0x20, 2, 0, 0], b"")?;
        let qos = match self.qos {
            Qos::AtMostOnce => 0,
            Qos::AtLeastOnce => 1,
        };
        client.ask(&subscribe(topic, qos), &[0x90, 3, 0, 1, qos], b"")?;
        Ok(client.into_stream())
    }
}

impl Server for Mosquitto {
    fn pid(&self) -> u32 {
        self.daemon.pid()
    }

    fn players(&mut self, numbers: Range<usize>, in_flight: u64) -> io::Result<Vec<Seat>> {
        let topic = |number: usize| format!("player/{number}");
        let seat = |number: usize| {
            let topics = Subjects { own: topic(number), partner: topic(number ^ 1) };
            let stream = self.connect(number, &topics.own)?;
            Ok((stream, Player::of_pair(Dialogue::Mqtt(topics, self.qos), number, in_flight)))
        };
        numbers.map(seat).collect()
    }
}

/// Without a limit for what is under way, and without Nagle's delay. Only warnings are logged.
fn configuration(port: u16) -> String {
    format!(
        "listener {port} 127.0.0.1
allow_anonymous true
persistence false
set_tcp_nodelay true
max_inflight_messages 0
max_queued_messages 0
log_type error
log_type warning
connection_messages false
"
    )
}

/// CONNECT of MQTT 3.1.1: a clean session, and no pings while others have their turn.
fn connect(client: &str) -> Vec<u8> {
    let (level, clean_session, keep_alive) = (4, 2, [0, 0]);
    let head = [string("MQTT"), vec![level, clean_session], keep_alive.to_vec()].concat();
    packet(0x10, &[head, string(client)].concat())
}

/// SUBSCRIBE number 1.
fn subscribe(topic: &str, qos: u8) -> Vec<u8> {
    packet(0x82, &[vec![0, 1], string(topic), vec![qos]].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_as_the_standard_has_them() {
        assert_eq!(connect("c1"), b"\x10\x0e\0\x04MQTT\x04\x02\0\0\0\x02c1");
        assert_eq!(subscribe("a/b", 1), b"\x82\x08\0\x01\0\x03a/b\x01");
    }
}
