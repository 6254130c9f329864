//! ngircd, told not to slow its users down.

use super::conversation::Conversation;
use super::daemon::Daemon;
use super::server::{Seat, Server};
use crate::player::{Dialogue, Player, Subjects};
use std::io;
use std::ops::Range;
use std::time::Duration;

/// It takes milliseconds.
const STARTS_WITHIN: Duration = Duration::from_secs(20);

/// See the module.
pub(super) struct Ngircd {
    daemon: Daemon,
}

impl Ngircd {
    pub(super) fn start() -> io::Result<Self> {
        let daemon = Daemon::start("ngircd", STARTS_WITHIN, |folder, port| {
            let file = folder.join("ngircd.conf");
            std::fs::write(&file, configuration(port))?;
            let mut command = testbed::system("ngircd", "ngircd");
            command.arg("--nodaemon").arg("--config").arg(file);
            Ok(command)
        })?;
        Ok(Self { daemon })
    }
}

impl Server for Ngircd {
    fn pid(&self) -> u32 {
        self.daemon.pid()
    }

    fn players(&mut self, numbers: Range<usize>, in_flight: u64) -> io::Result<Vec<Seat>> {
        let nickname = |number: usize| format!("p{number}");
        let seat = |number: usize| {
            let names = Subjects { own: nickname(number), partner: nickname(number ^ 1) };
            let mut client = Conversation::begin(self.daemon.address)?;
            let own = &names.own;
            let request = format!("NICK {own}\r\nUSER {own} 0 * :{own}\r\n");
            // The end of the message of the day, which is the end of the greeting.
            client.ask(request.as_bytes(), format!(" 376 {own} ").as_bytes(), b"\r\n")?;
            let player = Player::of_pair(Dialogue::Irc(names), number, in_flight);
            Ok((client.into_stream(), player))
        };
        numbers.map(seat).collect()
    }
}

/// No penalties for many messages, no limits of connections, no look-ups, and no pings while
/// others have their turn.
fn configuration(port: u16) -> String {
    format!(
        "[Global]
Name = irc.bench.local
Info = bench
AdminInfo1 = bench
Listen = 127.0.0.1
Ports = {port}
MotdPhrase = bench
[Limits]
MaxConnections = 0
MaxConnectionsIP = 0
MaxPenaltyTime = 0
PingTimeout = 3600
PongTimeout = 3600
[Options]
DNS = no
Ident = no
PAM = no
"
    )
}
