//! Between this node's loops and the others: questions about users are answered from this node
//! alone when it has no neighbours, and with their help when it has.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant};

use chatproto::UserId;

use super::chat_loop::{ChatLoop, random};
use super::{Asker, Handles, Post, Shared, post_lists};
use crate::chat::{
    ConnId, LaneKey, Located, LoginId, NodeId, Now, PeerMessage, Place, Shard, ShardId,
};
use crate::cluster::redis::{Handle, Outlet, Running, Threads};
use crate::cluster::{Audience, Command, Found, Look, Notice, Parcels, Standing, arrivals};
use crate::config::Config;
use crate::storage::{Answer, Request};

/// How long a start waits for other nodes, which takes some milliseconds when Redis is there.
const HEARD_WITHIN: Duration = Duration::from_secs(3);

/// The other nodes. Any thread.
#[derive(Clone)]
pub(super) struct Neighbours {
    own: NodeId,
    handle: Handle,
    standing: Arc<Standing>,
}

/// What a start of a server with neighbours needs.
pub(super) fn prepare(config: &Config) -> (Option<Neighbours>, Option<Threads>) {
    let Some(target) = config.redis.clone() else { return (None, None) };
    let [a, b, c, d, e, f, g, h, ..] = random();
    let own = NodeId(u64::from_le_bytes([a, b, c, d, e, f, g, h]));
    let (handle, threads) = crate::cluster::redis::prepare(target, own);
    let standing = Arc::new(Standing::new(Instant::now()));
    (Some(Neighbours { own, handle, standing }), Some(threads))
}

/// Starts the threads of the cluster, now that there are loops for their notices.
pub(super) fn join(
    threads: Threads,
    shared: &Arc<Shared>,
    handles: Arc<OnceLock<Handles>>,
) -> io::Result<Running> {
    let neighbours = shared.neighbours.as_ref().expect("threads are prepared with them");
    let standing = Arc::clone(&neighbours.standing);
    let outlet = ByLoop { handles, shared: Arc::downgrade(shared) };
    threads.start(Arc::clone(&shared.directory), standing, Arc::new(outlet))
}

impl Neighbours {
    /// The name of this node.
    pub(super) fn own(&self) -> NodeId {
        self.own
    }

    /// Whether the way to them is open.
    pub(super) fn are_heard(&self) -> bool {
        self.standing.period(Instant::now()).is_some()
    }

    /// Waits for a moment until the way to them is open, so that the first clients find it so. The
    /// node starts in any case.
    pub(super) fn wait_until_heard(&self) {
        let deadline = Instant::now() + HEARD_WITHIN;
        while !self.are_heard() {
            if Instant::now() >= deadline {
                return log::warn!("other nodes are not heard: this one starts by itself");
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// A worker's answer to a [`Look`].
    pub(super) fn looked(&self, answer: Answer) {
        let found = match answer {
            Answer::NewestRow(newest) => newest.map(Found::Newest),
            Answer::Arrivals(arrivals) => arrivals.map(Found::Rows),
            _ => return,
        };
        self.handle.command(Command::Looked(found.map_err(|error| {
            log::debug!("the store was not looked at for new rows: {error}");
        })));
    }
}

/// Takes what the cluster's threads have to say to where it belongs, one post for each loop.
struct ByLoop {
    handles: Arc<OnceLock<Handles>>,
    shared: Weak<Shared>,
}

impl Outlet for ByLoop {
    fn tell(&self, notices: impl ExactSizeIterator<Item = (Audience, Notice)>) {
        let handles = self.handles.get().expect("loops were made before");
        let room = notices.len().div_ceil(handles.len());
        let mut by_loop: Vec<_> = handles.iter().map(|_| Vec::with_capacity(room)).collect();
        for (audience, notice) in notices {
            match audience {
                // A shard that is not there was never told to anybody.
                Audience::Shard(shard) => {
                    if let Some(list) = by_loop.get_mut(usize::from(shard)) {
                        list.push(notice);
                    }
                }
                Audience::Everyone => by_loop.iter_mut().for_each(|it| it.push(notice.clone())),
            }
        }
        post_lists(handles, &mut by_loop, Post::Notices);
    }

    fn look(&self, Look(after): Look) {
        let Some(shared) = self.shared.upgrade() else { return };
        let request = match after {
            None => Request::NewestRow,
            Some(after) => Request::Arrivals { after, limit: arrivals::PAGE },
        };
        if let Err((_, request)) = shared.workers.submit(Asker::Cluster, request)
            && let Some(neighbours) = &shared.neighbours
        {
            neighbours.looked(request.unavailable());
        }
    }
}

/// What one turn of a loop has to say to another node.
#[derive(Default)]
struct Outbox {
    /// See [`Command::Send`].
    epoch: u32,
    parcels: Parcels,
}

/// What a loop has to say to other nodes.
pub(super) struct Away {
    neighbours: Neighbours,
    /// One for each start of a node that was ever spoken to; some bytes each.
    outboxes: HashMap<NodeId, Outbox>,
    /// Those with something in them.
    filled: Vec<NodeId>,
    /// See [`Standing::period`].
    period: Option<u64>,
}

impl Away {
    pub(super) fn new(neighbours: Neighbours, shard: &mut Shard) -> Self {
        shard.handle_standing(crate::clock::now(), false);
        Self { neighbours, outboxes: HashMap::new(), filled: Vec::new(), period: None }
    }

    /// Tells the shard when what it heard of other nodes may not be all.
    pub(super) fn check_standing(&mut self, now: Now, shard: &mut Shard) {
        let period = self.neighbours.standing.period(now.instant);
        if period != self.period {
            if self.period.is_some() {
                shard.handle_standing(now, false);
            }
            if period.is_some() {
                shard.handle_standing(now, true);
            }
            self.period = period;
        }
    }

    /// Hands over what this turn has brought, one command for each node.
    pub(super) fn send(&mut self) {
        for node in self.filled.drain(..) {
            let Some(outbox) = self.outboxes.get_mut(&node) else { continue };
            let (epoch, parcels) = (outbox.epoch, std::mem::take(&mut outbox.parcels));
            if !parcels.is_empty() {
                self.neighbours.handle.send(node, epoch, parcels);
            }
        }
    }

    fn push(&mut self, to: ShardId, message: PeerMessage) {
        let outbox = self.outboxes.entry(to.node).or_default();
        if outbox.parcels.is_empty() {
            self.filled.push(to.node);
        }
        outbox.parcels.push(to.index, message);
    }

    /// What is sent to `node` from now on belongs to another epoch. What waits was meant for the
    /// one before; its shard says it again.
    fn restart(&mut self, node: NodeId, epoch: u32) {
        self.outboxes.insert(node, Outbox { epoch, ..Outbox::default() });
    }
}

impl ChatLoop {
    pub(super) fn claim(&mut self, now: Now, login: LoginId, user: UserId, force: bool) {
        let place = self.place(login);
        match &self.away {
            Some(away) => away.neighbours.handle.command(Command::Claim { place, user, force }),
            None => {
                let claim = self.shared.directory.claim(user, place, now.unix_ms, force);
                self.shard.handle_claim(now, login, user, claim);
            }
        }
    }

    pub(super) fn release(&mut self, login: LoginId, user: UserId, owing: bool) {
        let place = self.place(login);
        self.shared.directory.release(user, place, owing);
        if let Some(away) = &self.away {
            away.neighbours.handle.command(Command::Release { place, user, owing });
        }
    }

    pub(super) fn settled(&mut self, login: LoginId, user: UserId) {
        let place = self.place(login);
        self.shared.directory.settled(user, place);
        if let Some(away) = &self.away {
            away.neighbours.handle.command(Command::Release { place, user, owing: false });
        }
    }

    pub(super) fn locate(&mut self, now: Now, lane: LaneKey) {
        let here = self.shared.directory.locate(lane.recipient).map(Located::At);
        let found = match (&self.away, here) {
            (_, Some(here)) => here,
            (None, None) => Located::Offline,
            (Some(away), None) if away.neighbours.handle.is_up() => {
                let shard = self.id.index;
                return away.neighbours.handle.command(Command::Locate { shard, lane });
            }
            (Some(_), None) => Located::Unknown,
        };
        self.shard.handle_located(now, lane, found);
    }

    pub(super) fn ask_presence(&mut self, now: Now, conn: ConnId, users: Vec<UserId>) {
        match &self.away {
            Some(away) => {
                let shard = self.id.index;
                away.neighbours.handle.command(Command::Presence { shard, conn, users });
            }
            None => {
                let online = self.shared.directory.online(users);
                self.shard.handle_presence(now, conn, online);
            }
        }
    }

    pub(super) fn announce(&mut self, now: Now, login: LoginId, join: u64, message: PeerMessage) {
        match &self.away {
            Some(away) => {
                let shard = self.id.index;
                away.neighbours.handle.command(Command::Announce { shard, login, join, message });
            }
            None => self.shard.handle_announced(now, login, join, 0),
        }
    }

    pub(super) fn post(&mut self, to: ShardId, message: PeerMessage) {
        if to.node == self.id.node {
            self.outboxes[usize::from(to.index)].push(message);
        } else if let Some(away) = &mut self.away {
            away.push(to, message);
        }
    }

    pub(super) fn handle_notice(&mut self, now: Now, notice: Notice) {
        match notice {
            Notice::Located(lane, found) => self.shard.handle_located(now, lane, found),
            Notice::Claimed(login, user, claim) => self.shard.handle_claim(now, login, user, claim),
            Notice::Present(conn, online) => self.shard.handle_presence(now, conn, online),
            Notice::Announced { login, join, nodes } => {
                self.shard.handle_announced(now, login, join, nodes);
            }
            Notice::Looked(began) => self.shard.handle_looked(began),
            Notice::Peer(message) => self.shard.handle_peer(now, message),
            Notice::LinkLost { node, epoch } => {
                self.restart(node, epoch);
                self.shard.handle_link_lost(now, node);
            }
            Notice::Unreachable { node, epoch } => {
                self.restart(node, Some(epoch));
                self.shard.handle_unreachable(now, node);
            }
        }
    }

    fn restart(&mut self, node: NodeId, epoch: Option<u32>) {
        if let (Some(away), Some(epoch)) = (&mut self.away, epoch) {
            away.restart(node, epoch);
        }
    }

    fn place(&self, login: LoginId) -> Place {
        Place { shard: self.id, login }
    }
}
