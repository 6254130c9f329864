//! ejabberd with accounts in its own database, and nothing beyond messages.

use super::conversation::Conversation;
use super::daemon::Daemon;
use super::server::{Seat, Server};
use crate::player::{Dialogue, Player, Subjects};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use std::io;
use std::net::TcpStream;
use std::ops::Range;
use std::process::Command;
use std::time::Duration;

/// It takes 5 to 10 seconds of a processor that it may have to share.
const STARTS_WITHIN: Duration = Duration::from_secs(120);
const PASSWORD: &str = "secret";
const STREAM: &[u8] = b"<stream:stream xmlns='jabber:client' \
    xmlns:stream='http://etherx.jabber.org/streams' to='localhost' version='1.0'>";
const FEATURES: &[u8] = b"</stream:features>";
const BIND: &[u8] = b"<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
    <resource>bench</resource></bind></iq>";

/// See the module.
pub(super) struct Ejabberd {
    daemon: Daemon,
    /// How many accounts there are.
    registered: usize,
}

impl Ejabberd {
    pub(super) fn start() -> io::Result<Self> {
        let daemon = Daemon::start("ejabberd", STARTS_WITHIN, |folder, port| {
            let file = folder.join("ejabberd.yml");
            std::fs::write(&file, configuration(port))?;
            // As ejabberdctl does it, without a name: nobody else needs to find this node.
            let mut command = testbed::system("erl", "ejabberd");
            command.args(["+K", "true", "+P", "250000", "-noinput", "-mnesia", "dir"]);
            command.arg(format!("{:?}", folder.join("spool"))).args(["-s", "ejabberd"]);
            command.env("ERL_LIBS", libraries()?).env("HOME", folder);
            command.env("ERL_CRASH_DUMP", folder.join("crash"));
            command.env("EJABBERD_CONFIG_PATH", file);
            command.env("EJABBERD_LOG_PATH", folder.join("ejabberd.log"));
            Ok(command)
        })?;
        Ok(Self { daemon, registered: 0 })
    }

    fn log_in(&self, number: usize) -> io::Result<TcpStream> {
        let mut client = Conversation::begin(self.daemon.address)?;
        client.ask(STREAM, FEATURES, b"")?;
        let secret = BASE64_STANDARD.encode(format!("\0p{number}\0{PASSWORD}"));
        let auth = format!(
            "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{secret}</auth>"
        );
        client.ask(auth.as_bytes(), b"<success", b"/>")?;
        client.ask(STREAM, FEATURES, b"")?;
        client.ask(BIND, address(number).as_bytes(), b"</iq>")?;
        // Its own presence comes back when the server has it.
        client.ask(b"<presence/>", b"<presence", b"/>")?;
        Ok(client.into_stream())
    }
}

impl Server for Ejabberd {
    fn pid(&self) -> u32 {
        self.daemon.pid()
    }

    fn register(&mut self, count: usize) -> io::Result<()> {
        if self.registered >= count {
            return Ok(());
        }
        let mut client = Conversation::begin(self.daemon.address)?;
        client.ask(STREAM, FEATURES, b"")?;
        for number in self.registered..count {
            let request = format!(
                "<iq type='set' id='r{number}'><query xmlns='jabber:iq:register'>\
                 <username>p{number}</username><password>{PASSWORD}</password></query></iq>"
            );
            let sign = format!("type='result' id='r{number}'");
            client.ask(request.as_bytes(), sign.as_bytes(), b"/>")?;
        }
        self.registered = count;
        Ok(())
    }

    fn players(&mut self, numbers: Range<usize>, in_flight: u64) -> io::Result<Vec<Seat>> {
        self.register(numbers.end)?;
        let seat = |number: usize| {
            let addresses = Subjects { own: address(number), partner: address(number ^ 1) };
            let player = Player::of_pair(Dialogue::Xmpp(addresses), number, in_flight);
            Ok((self.log_in(number)?, player))
        };
        numbers.map(seat).collect()
    }
}

fn address(number: usize) -> String {
    format!("p{number}@localhost/bench")
}

/// No shaper, no TLS, and no modules but the one that registers accounts.
fn configuration(port: u16) -> String {
    format!(
        "hosts: [localhost]
loglevel: warning
listen:
  - port: {port}
    ip: 127.0.0.1
    module: ejabberd_c2s
    shaper: none
    access: all
    starttls: false
auth_method: [internal]
registration_timeout: infinity
modules:
  mod_register:
    ip_access: all
    access: all
"
    )
}

/// Where its compiled modules are, which depends on the kind of processor.
fn libraries() -> io::Result<String> {
    let control: Command = testbed::system("ejabberdctl", "ejabberd");
    let script = std::fs::read_to_string(control.get_program())?;
    let path = libraries_in(&script);
    path.ok_or_else(|| io::Error::other("ejabberdctl does not say where ejabberd's modules are"))
}

fn libraries_in(script: &str) -> Option<String> {
    let path = script.lines().find_map(|line| line.strip_prefix("ERL_LIBS="))?;
    Some(path.trim_matches(['\'', '"']).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_are_where_the_script_says() {
        let script = "ERL=/usr/bin/erl\nERL_LIBS='/usr/lib/some-linux-gnu'\nexport ERL_LIBS\n";
        assert_eq!(libraries_in(script).as_deref(), Some("/usr/lib/some-linux-gnu"));
        assert_eq!(libraries_in("export ERL_LIBS"), None);
    }
}
