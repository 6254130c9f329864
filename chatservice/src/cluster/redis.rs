//! Redis under [`super::Member`] and [`super::Listener`]: one connection each, on threads of their
//! own. All commands are pipelined: what came while one pipeline was on its way is the next one.

mod hearing;
mod scripts;
mod talking;

use std::fmt;
use std::io;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender};
use redis::{Client, Connection, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, RedisResult};

use super::command::{Audience, Command, Look, Notice};
use super::parcel::Parcels;
use super::standing::Standing;
use crate::chat::NodeId;
use crate::clock;
use crate::presence::Directory;

/// For a connection to be made and made known; on a local network it takes a millisecond.
const CONNECT_WITHIN: Duration = Duration::from_millis(300);
/// Bytes of messages that may wait for the talking thread: many times what comes in the second that
/// Redis may take to answer, and little enough to have beside everything else. What comes beyond is
/// dropped; its lanes deposit.
const QUEUED_MAX: usize = 64 << 20;
/// What the threads are called, before what they do.
pub const THREAD: &str = "cluster-";

/// Where Redis is.
#[derive(Clone)]
pub struct RedisTarget(ConnectionInfo);

/// A URL that cannot be used; says what to change.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be redis://[[user]:password@]host[:port][/database], for example redis://127.0.0.1:6379: {0}"
)]
pub struct TargetError(String);

impl FromStr for RedisTarget {
    type Err = TargetError;

    fn from_str(url: &str) -> Result<Self, TargetError> {
        let info = url.into_connection_info();
        let info = info.map_err(|error| TargetError(error.to_string()))?;
        match info.addr() {
            ConnectionAddr::Tcp(..) => Ok(Self(info)),
            other => Err(TargetError(format!("{other} is not supported"))),
        }
    }
}

impl fmt::Display for RedisTarget {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "redis://{}/{}", self.0.addr(), self.0.redis_settings().db())
    }
}

impl fmt::Debug for RedisTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl RedisTarget {
    /// A connection on which nothing takes longer than `patience`, once it is made.
    fn connect(&self, patience: Duration) -> RedisResult<Connection> {
        let tcp = redis::io::tcp::TcpSettings::default().set_nodelay(true);
        let client = Client::open(self.0.clone().set_tcp_settings(tcp))?;
        let connection = client.get_connection_with_timeout(CONNECT_WITHIN)?;
        connection.set_read_timeout(Some(patience))?;
        connection.set_write_timeout(Some(patience))?;
        Ok(connection)
    }

    /// The channel of one node.
    fn channel(&self, node: NodeId) -> String {
        format!("chat:{}:node:{node}", self.0.redis_settings().db())
    }

    /// The channel of all.
    fn channel_of_all(&self) -> String {
        format!("chat:{}:nodes", self.0.redis_settings().db())
    }
}

/// What the threads hand on.
pub trait Outlet: Send + Sync + 'static {
    /// These are for loops, in order. Must not block.
    fn tell(&self, notices: impl ExactSizeIterator<Item = (Audience, Notice)>);

    /// The store is to be asked; the answer comes as [`Command::Looked`].
    fn look(&self, look: Look);
}

/// The way to the member. Any thread; nothing blocks.
#[derive(Clone)]
pub struct Handle {
    commands: Sender<Mail>,
    state: Arc<State>,
}

/// What the threads and the handles share.
struct State {
    /// Bytes of messages that wait for the talking thread.
    queued: AtomicUsize,
    /// Whether Redis answers.
    is_up: AtomicBool,
    /// The node ends: the threads do too.
    is_ending: AtomicBool,
}

/// To the talking thread.
enum Mail {
    Command(Command),
    /// With what it weighs, see [`State::queued`].
    Messages(Command, usize),
    End,
}

impl Handle {
    /// Wants something.
    pub fn command(&self, command: Command) {
        // A node that ends needs nothing any more.
        let _ended = self.commands.send(Mail::Command(command));
    }

    /// Sends messages of an epoch to a node; drops them when too much waits already, of which
    /// everybody will hear.
    pub fn send(&self, node: NodeId, epoch: u32, parcels: Parcels) {
        let bytes = parcels.bytes();
        let mail = if self.state.queued.load(Ordering::Relaxed) + bytes > QUEUED_MAX {
            Mail::Command(Command::Overflowed(node))
        } else {
            self.state.queued.fetch_add(bytes, Ordering::Relaxed);
            Mail::Messages(Command::Send { node, epoch, parcels }, bytes)
        };
        let _ended = self.commands.send(mail);
    }

    /// Whether Redis answered last.
    pub fn is_up(&self) -> bool {
        self.state.is_up.load(Ordering::Relaxed)
    }
}

/// The two threads, not started yet.
pub struct Threads {
    target: RedisTarget,
    own: NodeId,
    state: Arc<State>,
    commands: Sender<Mail>,
    mail: Receiver<Mail>,
}

/// The two threads.
pub struct Running {
    commands: Sender<Mail>,
    state: Arc<State>,
    threads: Vec<JoinHandle<()>>,
}

/// A handle, and what will answer it.
pub fn prepare(target: RedisTarget, own: NodeId) -> (Handle, Threads) {
    let (commands, mail) = crossbeam_channel::unbounded();
    let state = Arc::new(State {
        queued: AtomicUsize::new(0),
        is_up: AtomicBool::new(false),
        is_ending: AtomicBool::new(false),
    });
    let handle = Handle { commands: commands.clone(), state: Arc::clone(&state) };
    (handle, Threads { target, own, state, commands, mail })
}

impl Threads {
    /// Starts them. Redis need not be there.
    pub fn start(
        self,
        directory: Arc<Directory>,
        standing: Arc<Standing>,
        outlet: Arc<impl Outlet>,
    ) -> io::Result<Running> {
        let Self { target, own, state, commands, mail } = self;
        let listener = super::Listener::new(own, Arc::clone(&standing));
        let hearing = hearing::Hearing {
            target: target.clone(),
            own,
            listener,
            commands: commands.clone(),
            state: Arc::clone(&state),
            outlet: Arc::clone(&outlet),
        };
        let member = super::Member::new(clock::now(), own, directory, standing);
        let talking = talking::Talking::new(target, own, member, mail, Arc::clone(&state), outlet);
        let spawn = |name: &str, run: Box<dyn FnOnce() + Send>| {
            std::thread::Builder::new().name(format!("{THREAD}{name}")).spawn(run)
        };
        let threads = vec![
            spawn("talking", Box::new(|| talking.run()))?,
            spawn("hearing", Box::new(|| hearing.run()))?,
        ];
        Ok(Running { commands, state, threads })
    }
}

impl Running {
    /// Carries out what was wanted before, ends the lease, then the threads. Blocks for at most
    /// some seconds.
    pub fn end(self) {
        self.state.is_ending.store(true, Ordering::Relaxed);
        let _ended = self.commands.send(Mail::End);
        for thread in self.threads {
            if thread.join().is_err() {
                log::error!("a thread of the cluster panicked");
            }
        }
    }
}
