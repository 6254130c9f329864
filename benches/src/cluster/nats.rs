//! nats-servers, alone or two joined by a route, and connections to them.

use crate::player::{Dialogue, Player, SUBSCRIPTION, Subjects};
use crate::turn::Member;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::ops::Range;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use testbed::{Process, free_port};

/// A server starts, and hears of a subscription on the other one, in milliseconds.
const READY_WITHIN: Duration = Duration::from_secs(10);
/// How long to wait before the next try.
const TRY_AFTER: Duration = Duration::from_millis(10);

/// Killed when dropped.
pub(super) struct NatsServers {
    first: NatsServer,
    second: NatsServer,
}

/// One of them, or one alone. Killed when dropped.
pub(crate) struct NatsServer {
    process: Process,
    port: u16,
    /// Where other servers connect.
    route_port: u16,
    folder: TempDir,
}

/// To other servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Links {
    None,
    Awaited,
    To(u16),
}

impl NatsServers {
    /// Starts both; that the route stands is known when [`Self::players`] returns.
    pub(super) fn start(program: &Path) -> io::Result<Self> {
        let first = NatsServer::start(program, Links::Awaited)?;
        let second = NatsServer::start(program, Links::To(first.route_port))?;
        Ok(Self { first, second })
    }

    pub(super) fn members(&self) -> [Member; 2] {
        [("first", &self.first), ("second", &self.second)]
            .map(|(name, server)| Member { name, pid: server.process.pid() })
    }

    /// Players on subjects with these numbers, neighbours being partners on different servers;
    /// both servers know of all subscriptions.
    pub(super) fn players(
        &self,
        numbers: Range<usize>,
        in_flight: u64,
    ) -> io::Result<Vec<(TcpStream, Player)>> {
        let addresses = [self.first.address(), self.second.address()];
        let players =
            numbers.clone().map(|number| player(addresses[number % 2], number, in_flight));
        let players = players.collect::<io::Result<_>>()?;
        // A route tells of subscriptions in the order in which they were made.
        let [first, second] = addresses;
        wait_for_interest(first, second, &format!("ready.{}.first", numbers.end))?;
        wait_for_interest(second, first, &format!("ready.{}.second", numbers.end))?;
        Ok(players)
    }
}

impl NatsServer {
    /// Starts one that knows of no other.
    pub(crate) fn start_alone(program: &Path) -> io::Result<Self> {
        Self::start(program, Links::None)
    }

    fn start(program: &Path, links: Links) -> io::Result<Self> {
        let answer = Command::new(program).arg("--version").output();
        answer.map_err(|error| {
            let name = program.display();
            io::Error::other(format!("{name}: {error}: apt-get install nats-server"))
        })?;
        let folder = tempfile::tempdir()?;
        let (port, route_port) = (free_port(), free_port());
        let log = File::create(folder.path().join("log"))?;
        let mut command = Command::new(program);
        command.args(["--addr", "127.0.0.1", "--port", &port.to_string()]);
        if links != Links::None {
            command.args(["--cluster_name", "bench", "--cluster", &url(route_port)]);
        }
        if let Links::To(other) = links {
            command.args(["--routes", &url(other)]);
        }
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let process = Process::spawn(&mut command, folder.path());
        let mut server = Self { process, port, route_port, folder };
        server.wait_until_ready()?;
        Ok(server)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.pid()
    }

    pub(crate) fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    fn wait_until_ready(&mut self) -> io::Result<()> {
        let deadline = Instant::now() + READY_WITHIN;
        loop {
            let Err(error) = NatsClient::connect(self.address()) else { return Ok(()) };
            if self.process.ended().is_some() || Instant::now() >= deadline {
                let log = testbed::log_tail(&self.folder.path().join("log"));
                return Err(io::Error::other(format!("nats-server: {error}\n{log}")));
            }
            thread::sleep(TRY_AFTER);
        }
    }
}

/// Player `number`, whose subject is subscribed to.
pub(crate) fn player(
    address: SocketAddr,
    number: usize,
    in_flight: u64,
) -> io::Result<(TcpStream, Player)> {
    let subject = |number: usize| format!("player.{number}");
    let subjects = Subjects { own: subject(number), partner: subject(number ^ 1) };
    let mut client = NatsClient::connect(address)?;
    client.subscribe(&subjects.own)?;
    let player = Player::of_pair(Dialogue::Nats(subjects), number, in_flight);
    Ok((client.into_stream(), player))
}

/// A connection to a NATS server.
struct NatsClient {
    stream: BufReader<TcpStream>,
}

impl NatsClient {
    fn connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(READY_WITHIN))?;
        let mut client = Self { stream: BufReader::new(stream) };
        client.expect_line("INFO ")?;
        client.send("CONNECT {\"verbose\":false}\r\n")?;
        Ok(client)
    }

    /// Returns when the server has done it.
    fn subscribe(&mut self, subject: &str) -> io::Result<()> {
        self.send(&format!("SUB {subject} {SUBSCRIPTION}\r\nPING\r\n"))?;
        self.expect_line("PONG\r\n")
    }

    fn send(&mut self, text: &str) -> io::Result<()> {
        self.stream.get_ref().write_all(text.as_bytes())
    }

    fn expect_line(&mut self, start: &str) -> io::Result<()> {
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        if line.starts_with(start) {
            return Ok(());
        }
        Err(io::Error::other(format!("nats-server said {line:?} for {start:?}")))
    }

    /// Whether anything comes soon.
    fn hears(&mut self) -> io::Result<bool> {
        self.stream.get_ref().set_read_timeout(Some(TRY_AFTER))?;
        match self.stream.fill_buf() {
            Ok([]) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn into_stream(self) -> TcpStream {
        self.stream.into_inner()
    }
}

/// Subscribes at `here` and publishes at `there` until a message comes across.
fn wait_for_interest(here: SocketAddr, there: SocketAddr, subject: &str) -> io::Result<()> {
    let deadline = Instant::now() + READY_WITHIN;
    let mut receiver = NatsClient::connect(here)?;
    receiver.subscribe(subject)?;
    let mut sender = NatsClient::connect(there)?;
    while Instant::now() < deadline {
        sender.send(&format!("PUB {subject} 0\r\n\r\n"))?;
        if receiver.hears()? {
            return Ok(());
        }
    }
    Err(io::Error::other("the route between the nats-servers does not stand"))
}

fn url(port: u16) -> String {
    format!("nats://127.0.0.1:{port}")
}
