//! The shell: the only place that knows both the reactor and the chat rules, and the only one
//! where effects become true.

mod admissions;
mod chat_loop;
mod effects;
mod entrance;
mod health;
mod neighbours;
mod proxy_header;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use parking_lot::Mutex;
use reactor::{ConnectionOptions, EventLoop, ServiceHandle, TcpServer};

use crate::chat::throttle::Throttle;
use crate::chat::{NodeId, PeerMessage, Ticket};
use crate::cluster::{self, Notice};
use crate::config::Config;
use crate::presence::Directory;
use crate::storage::mysql::{self, MySqlStore, Sharing};
use crate::storage::password::{HasherError, PasswordHasher};
use crate::storage::sqlite::{self, SqliteStore};
use crate::storage::workers::{Deliver, Options, Workers};
use crate::storage::{Answer, Store};
use admissions::Admissions;
use chat_loop::ChatLoop;
use health::{HealthServer, Sign};
use neighbours::Neighbours;

/// What the threads of chat loops are called, before their number.
pub const LOOP_THREAD: &str = "chat-loop-";

/// Output that a flush left behind and that makes a connection slow: four full reads of a client.
const HIGH_WATER: usize = 64 * 1024;
/// A slow connection is well again when only this is left.
const LOW_WATER: usize = 16 * 1024;
/// Time for goodbyes to be said when shutting down: twice what they are spread over.
const GOODBYES_WITHIN: Duration = Duration::from_secs(4);
/// Time for them to be written.
const GOODBYE_WITHIN: Duration = Duration::from_secs(2);
/// A connection that is being closed has this long to take its last bytes.
const CLOSING_WITHIN: Duration = Duration::from_secs(5);
/// The longest idle time that the kernel takes is 9 hours.
const KEEP_ALIVE_MAX: Duration = Duration::from_secs(2 * 60 * 60);
/// Descriptors besides those of connections: of listeners, loops, the store and its log files.
const OTHER_DESCRIPTORS: usize = 256;
/// Clients that are told to come back do so spread over this time.
const RETURN_SPAN_MS: u64 = 2000;

/// Mail of a chat loop.
pub(crate) enum Post {
    /// From another chat loop, in order.
    Peers(Vec<PeerMessage>),
    /// From workers.
    Answers(Vec<(Ticket, Answer)>),
    /// From other nodes, or about them, in order.
    Notices(Vec<Notice>),
    /// Store what is owed, then say so.
    Settle,
    /// Say goodbye to everybody, some at a time, then say so.
    Goodbye,
    /// Say that this loop turns.
    Ping(ServiceHandle<Sign>),
}

/// Who is waiting for a worker's answer.
pub(crate) enum Asker {
    /// The shard of a loop, under its ticket.
    Shard(u16, Ticket),
    /// The health port.
    Health(ServiceHandle<Sign>),
    /// This node's part in the cluster.
    Cluster,
}

/// What all chat loops of a node share.
pub(crate) struct Shared {
    config: Config,
    directory: Arc<Directory>,
    /// The other nodes, if there may be any.
    neighbours: Option<Neighbours>,
    throttle: Mutex<Throttle>,
    admissions: Arc<Admissions>,
    /// Whether a proxy was reported that does not announce its clients.
    header_missed: AtomicBool,
    workers: Workers<Asker>,
    /// Whether the server is shutting down.
    draining: AtomicBool,
    /// A chat loop that has settled everything, or said all its goodbyes, says so here.
    done: Sender<u16>,
}

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The embedded store.
    #[error(transparent)]
    Store(#[from] sqlite::OpenError),
    /// The database server.
    #[error(transparent)]
    Database(#[from] mysql::OpenError),
    /// The hash's memory.
    #[error("password-kib cannot be used: {0}")]
    Hasher(#[from] HasherError),
    /// Worker threads and those of the cluster.
    #[error("cannot start a thread: {0}")]
    Thread(#[from] std::io::Error),
    /// The listening socket and its loops.
    #[error("{0}")]
    Listen(#[from] reactor::Error),
}

/// A running ChatServer.
pub struct Server {
    tcp: TcpServer<Post>,
    /// Dropped last, so that it tells of the end as long as there is something to tell.
    _health: Option<HealthServer>,
    shared: Arc<Shared>,
    done: Receiver<u16>,
    cluster: Option<cluster::redis::Running>,
}

impl Server {
    /// Starts a server with its main loop on this thread, tells `announce` where it listens, and
    /// shuts it down when `until` returns, which is called on a thread of its own.
    pub fn run(
        config: Config,
        announce: impl FnOnce(SocketAddr),
        until: impl FnOnce() + Send + 'static,
    ) -> Result<(), StartError> {
        let mut event_loop = EventLoop::new()?;
        let server = Self::start(&mut event_loop, config)?;
        announce(server.local_addr());
        let main_loop = event_loop.handle();
        let stopper = thread::Builder::new().name("stopper".to_owned()).spawn(move || {
            until();
            server.shut_down();
            main_loop.quit();
        })?;
        event_loop.run()?;
        // It quit the loop as the last thing that it did.
        let _ended = stopper.join();
        Ok(())
    }

    /// Opens the store, starts workers and loops, and listens. Connections are accepted as the last
    /// thing, on the chat loop if there is one, else on `event_loop`, which the caller runs.
    pub fn start(event_loop: &mut EventLoop, config: Config) -> Result<Self, StartError> {
        let store: Arc<dyn Store> = match &config.mysql {
            Some(target) => {
                // Without a bus two nodes would let one user in twice, and pass messages by no
                // way.
                let sharing =
                    if config.redis.is_some() { Sharing::Shared } else { Sharing::Exclusive };
                Arc::new(MySqlStore::open(target, config.store_limits, sharing)?)
            }
            None => Arc::new(SqliteStore::open(&config.data, config.store_limits)?),
        };
        Self::start_on(event_loop, config, store)
    }

    /// As [`Self::start`], on a store that is open already.
    pub fn start_on(
        event_loop: &mut EventLoop,
        config: Config,
        store: Arc<dyn Store>,
    ) -> Result<Self, StartError> {
        reserve_descriptors(&config);
        let handles = Arc::new(OnceLock::new());
        let hasher = PasswordHasher::new(config.password_kib)?;
        let (neighbours, threads) = neighbours::prepare(&config);
        let deliver = deliver_by_loop(Arc::clone(&handles), neighbours.clone());
        let workers = Workers::start(store, hasher, Options::default(), deliver)?;
        let (sender, done) = crossbeam_channel::unbounded();
        let admissions =
            Arc::new(Admissions::new(config.anonymous_max, config.connections_per_address));
        let shared = Arc::new(Shared {
            directory: Arc::new(Directory::new(
                neighbours.as_ref().map_or(NodeId::ALONE, Neighbours::own),
            )),
            neighbours,
            throttle: Mutex::new(Throttle::new(config.registrations_per_address)),
            admissions: Arc::clone(&admissions),
            header_missed: AtomicBool::new(false),
            workers,
            draining: AtomicBool::new(false),
            done: sender,
            config,
        });
        let config = &shared.config;
        let options = ConnectionOptions {
            high_water: HIGH_WATER,
            low_water: LOW_WATER,
            output_cap: config.output_max,
            // A client may be half way through its largest object when more of it arrives.
            input_cap: config.rules.object_max + (1 << 20),
            // An original client cannot be asked whether it is there; the kernel finds out in the
            // time that an acknowledging one has.
            keep_alive: Some(config.rules.ping_after.min(KEEP_ALIVE_MAX)),
            user_timeout: Some(config.rules.silence),
            closing_timeout: Some(CLOSING_WITHIN),
            write_timeout: Some(config.write_stall),
            ..ConnectionOptions::default()
        };
        let for_loops = Arc::clone(&shared);
        let for_cluster = Arc::clone(&handles);
        let proxies = config.proxy_from.clone();
        let mut tcp = TcpServer::builder(config.listen)
            .threads(config.threads.into())
            // Several deal more evenly than the kernel; one has nothing to deal.
            .listen_on_every_loop(config.threads == 1)
            .accept_later(true)
            .thread_name(LOOP_THREAD)
            .max_connections(config.connections_max)
            .connection_options(options)
            .accept_filter(move |peer| {
                let address = peer.ip();
                admissions.has_room()
                    && (proxies.contains(address) || admissions.has_room_for(address))
            })
            .start(event_loop, move |seat| {
                handles.get_or_init(|| Arc::clone(&seat.handles));
                ChatLoop::new(seat, Arc::clone(&for_loops))
            })?;
        let cluster =
            threads.map(|threads| neighbours::join(threads, &shared, for_cluster)).transpose()?;
        if let Some(neighbours) = &shared.neighbours {
            neighbours.wait_until_heard();
        }
        let health = shared.config.health;
        let start =
            |address| health::start(event_loop, address, Arc::downgrade(&shared), tcp.handles());
        let health = health.map(start).transpose()?;
        tcp.start_accepting();
        Ok(Self { tcp, _health: health, shared, done, cluster })
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.tcp.local_addr()
    }

    /// Ends gracefully: no new connections, everything owed is stored, everybody gets a goodbye.
    /// Blocks; not to be called on a loop.
    pub fn shut_down(mut self) {
        self.shared.draining.store(true, Ordering::Relaxed);
        self.tcp.stop_accepting();
        self.post_to_all(|| Post::Settle);
        if !self.wait_for_loops(self.shared.config.drain) {
            log::warn!("not everything owed could be stored in time; senders were not answered");
        }
        self.post_to_all(|| Post::Goodbye);
        if !self.wait_for_loops(GOODBYES_WITHIN) {
            log::warn!("not everybody could be told in time");
        }
        self.tcp.stop(GOODBYE_WITHIN);
        if let Some(cluster) = self.cluster {
            cluster.end();
        }
        // The last one who shares the workers ends them, after everything that they have taken.
        drop(self.shared);
    }

    fn post_to_all(&self, post: impl Fn() -> Post) {
        for handle in self.tcp.handles().iter() {
            // A loop that has ended has nothing left to do.
            let _ended = handle.post(post());
        }
    }

    /// Whether every loop did what was asked of it in time.
    fn wait_for_loops(&self, within: Duration) -> bool {
        let deadline = Instant::now() + within;
        for _ in self.tcp.handles().iter() {
            match self.done.recv_deadline(deadline) {
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return false,
            }
        }
        true
    }
}

/// Has the kernel make room for the descriptors of all connections, which spares the loops the
/// pauses that this costs once there are threads. What it does not get now comes with those pauses.
fn reserve_descriptors(config: &Config) {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    let limit = limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    let count = config.connections_max.saturating_add(OTHER_DESCRIPTORS).min(limit);
    if let Err(error) = reactor::reserve_descriptors(count) {
        log::debug!("no room for {count} descriptors is made at once: {error}");
    }
}

type Handles = Arc<[ServiceHandle<Post>]>;

/// Sends answers to those who asked, one post for each loop.
fn deliver_by_loop(
    handles: Arc<OnceLock<Handles>>,
    neighbours: Option<Neighbours>,
) -> Deliver<Asker> {
    Arc::new(move |answers| {
        let handles = handles.get().expect("loops ask only after they were made");
        let mut by_loop = vec![Vec::new(); handles.len()];
        for (asker, answer) in answers {
            match asker {
                Asker::Shard(shard, ticket) => by_loop[usize::from(shard)].push((ticket, answer)),
                Asker::Cluster => {
                    if let Some(neighbours) = &neighbours {
                        neighbours.looked(answer);
                    }
                }
                Asker::Health(health) => {
                    // A port that was closed tells nobody.
                    let _ended = health.post(Sign::of_answer(&answer));
                }
            }
        }
        post_lists(handles, &mut by_loop, Post::Answers);
    })
}

/// Empties these lists, one for each loop, into a post each.
fn post_lists<T>(
    handles: &[ServiceHandle<Post>],
    lists: &mut [Vec<T>],
    post: impl Fn(Vec<T>) -> Post,
) {
    for (handle, list) in handles.iter().zip(lists) {
        if !list.is_empty() {
            // A loop that has ended waits for nothing, and holds nobody whom it could be for.
            let _ended = handle.post(post(std::mem::take(list)));
        }
    }
}
