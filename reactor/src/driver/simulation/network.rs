//! The sockets of a simulation, and what happens between them.

use super::clock::VirtualClock;
use super::faults::Faults;
use super::pipe::Pipe;
use crate::driver::channel::Readiness;
use slab::Slab;
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::ops::Range;
use std::time::Duration;

// Linux's numbers, see accept(2).
const EMFILE: i32 = 24;
const ECONNABORTED: i32 = 103;

/// Ports that clients get, as Linux gives them.
const CLIENT_PORTS_START: u16 = 32_768;

/// Everything, behind one lock.
#[derive(Debug)]
pub(super) struct Network {
    pub(super) clock: VirtualClock,
    pub(super) faults: Faults,
    random: fastrand::Rng,
    sockets: Slab<Socket>,
    listeners: BTreeMap<SocketAddr, Listener>,
    /// By number of the poller.
    ready: Vec<VecDeque<Ready>>,
    /// Tokens of sockets that were closed, for events that come too late.
    stale: Vec<(usize, u64)>,
    client_port: u16,
}

/// Who is to be told of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ready {
    Socket(usize),
    Listener(SocketAddr),
    /// A listener that was stopped, by its token.
    HangUp(u64),
    Alarm,
}

/// Where a poller wants events of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Watch {
    pub(super) poller: usize,
    pub(super) token: u64,
}

#[derive(Debug)]
pub(super) struct Socket {
    pub(super) local: SocketAddr,
    pub(super) remote: SocketAddr,
    phase: Phase,
    /// What it receives; the other direction is its partner's.
    input: Pipe,
    error: Option<io::ErrorKind>,
    watch: Option<Watch>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Until then it is on its way.
    Connecting(Duration),
    /// With this socket at the other end.
    Open(usize),
    /// Reset, or never connected.
    Dead,
}

#[derive(Debug)]
struct Listener {
    waiting: VecDeque<usize>,
    watch: Option<Watch>,
}

impl Network {
    pub(super) fn new(seed: u64, faults: Faults) -> Self {
        Self {
            clock: VirtualClock::new(),
            faults,
            random: fastrand::Rng::with_seed(seed),
            sockets: Slab::new(),
            listeners: BTreeMap::new(),
            ready: Vec::new(),
            stale: Vec::new(),
            client_port: CLIENT_PORTS_START,
        }
    }

    pub(super) fn add_poller(&mut self) -> usize {
        self.ready.push(VecDeque::new());
        self.ready.len() - 1
    }

    pub(super) fn listen(&mut self, address: SocketAddr) -> io::Result<SocketAddr> {
        let mut address = address;
        if address.port() == 0 {
            address.set_port(1 + self.listeners.len() as u16);
        }
        if self.listeners.contains_key(&address) {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        self.listeners.insert(address, Listener { waiting: VecDeque::new(), watch: None });
        Ok(address)
    }

    /// Whoever waits is reset.
    pub(super) fn stop_listening(&mut self, address: SocketAddr) {
        let Some(listener) = self.listeners.remove(&address) else { return };
        for socket in listener.waiting {
            self.reset(socket);
            self.close(socket);
        }
        if let Some(watch) = listener.watch {
            self.push_ready(watch.poller, Ready::HangUp(watch.token));
        }
    }

    pub(super) fn accept(&mut self, address: SocketAddr) -> io::Result<(usize, SocketAddr)> {
        let fails = self.random.f64() < self.faults.accept_errors;
        let listener = self.listeners.get_mut(&address);
        let listener = listener.ok_or(io::ErrorKind::InvalidInput)?;
        if listener.waiting.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        if fails {
            // A lack of descriptors leaves the client waiting, and no event tells when it is over.
            let number = if self.random.bool() { EMFILE } else { ECONNABORTED };
            if number == ECONNABORTED
                && let Some(socket) = listener.waiting.pop_front()
            {
                self.reset(socket);
                self.close(socket);
            }
            return Err(io::Error::from_raw_os_error(number));
        }
        let socket = listener.waiting.pop_front().ok_or(io::ErrorKind::WouldBlock)?;
        Ok((socket, self.sockets[socket].remote))
    }

    /// A socket on its way to `address`.
    pub(super) fn connect(&mut self, address: SocketAddr) -> usize {
        self.client_port = self.client_port.checked_add(1).unwrap_or(CLIENT_PORTS_START);
        let local = SocketAddr::new(address.ip(), self.client_port);
        let arrives = self.clock.elapsed() + self.delay();
        self.add_socket(local, address, Phase::Connecting(arrives))
    }

    fn add_socket(&mut self, local: SocketAddr, remote: SocketAddr, phase: Phase) -> usize {
        let capacity = pick(&mut self.random, &self.faults.buffer_bytes);
        let input = Pipe::new(capacity.max(1));
        self.sockets.insert(Socket { local, remote, phase, input, error: None, watch: None })
    }

    pub(super) fn socket(&self, socket: usize) -> &Socket {
        &self.sockets[socket]
    }

    pub(super) fn read(&mut self, socket: usize, space: &mut [u8]) -> io::Result<usize> {
        let this = &mut self.sockets[socket];
        if matches!(this.phase, Phase::Connecting(_)) {
            return Err(io::ErrorKind::NotConnected.into());
        }
        // What arrived before a reset can still be read, and then the reset.
        let ended = this.input.has_ended();
        let count = match (this.input.read(space), this.error) {
            (Some(0) | None, Some(error)) if !space.is_empty() => {
                this.error = None;
                return Err(error.into());
            }
            (None, _) => return Err(io::ErrorKind::WouldBlock.into()),
            (Some(count), _) => count,
        };
        let has_room = !ended && this.input.take_room();
        if has_room && let Phase::Open(partner) = this.phase {
            self.tell(partner);
        }
        Ok(count)
    }

    pub(super) fn write(&mut self, socket: usize, bytes: &[u8]) -> io::Result<usize> {
        let this = &mut self.sockets[socket];
        if let Some(error) = this.error.take() {
            return Err(error.into());
        }
        let Phase::Open(partner) = this.phase else {
            return Err(io::ErrorKind::BrokenPipe.into());
        };
        let now = self.clock.elapsed();
        let Self { sockets, faults, random, .. } = self;
        let Some(partner) = sockets.get_mut(partner) else {
            return Err(io::ErrorKind::BrokenPipe.into());
        };
        let cut = |left: usize| {
            (pick(random, &faults.segment_bytes).clamp(1, left), pick_time(random, &faults.delay))
        };
        partner.input.write(bytes, now, cut).ok_or_else(|| io::ErrorKind::WouldBlock.into())
    }

    pub(super) fn shut_down(&mut self, socket: usize) -> io::Result<()> {
        let Phase::Open(partner) = self.sockets[socket].phase else {
            return Err(io::ErrorKind::NotConnected.into());
        };
        let arrives = self.clock.elapsed() + self.delay();
        self.sockets[partner].input.end(arrives);
        Ok(())
    }

    /// Breaks a connection at once, in both directions.
    pub(super) fn reset(&mut self, socket: usize) {
        let Phase::Open(partner) = self.sockets[socket].phase else { return };
        for (end, error) in [(socket, None), (partner, Some(io::ErrorKind::ConnectionReset))] {
            let end = &mut self.sockets[end];
            end.phase = Phase::Dead;
            end.error = error;
            end.input.cut_off();
        }
        self.tell(partner);
    }

    /// The descriptor is closed: in order, or by a reset if something was left unread.
    pub(super) fn close(&mut self, socket: usize) {
        if let Some(watch) = self.sockets[socket].watch.take() {
            self.stale.push((watch.poller, watch.token));
        }
        match self.sockets[socket].phase {
            Phase::Open(_) if self.sockets[socket].input.has_unread() => self.reset(socket),
            Phase::Open(partner) => {
                let arrives = self.clock.elapsed() + self.delay();
                self.sockets[partner].input.end(arrives);
                // What the partner writes from now on is answered by a reset.
                self.sockets[partner].phase = Phase::Dead;
            }
            Phase::Connecting(_) | Phase::Dead => {}
        }
        self.ready.iter_mut().for_each(|ready| ready.retain(|&who| who != Ready::Socket(socket)));
        self.sockets.remove(socket);
    }

    pub(super) fn take_error(&mut self, socket: usize) -> Option<io::Error> {
        self.sockets[socket].error.take().map(Into::into)
    }

    pub(super) fn is_connecting(&self, socket: usize) -> bool {
        matches!(self.sockets[socket].phase, Phase::Connecting(_))
    }

    pub(super) fn is_open(&self, socket: usize) -> bool {
        matches!(self.sockets[socket].phase, Phase::Open(_))
    }

    /// Watching reports at once what is there already, as epoll does.
    pub(super) fn watch(&mut self, socket: usize, watch: Option<Watch>) {
        self.sockets[socket].watch = watch;
        if watch.is_some() && !self.is_connecting(socket) {
            self.tell(socket);
        }
    }

    pub(super) fn watch_listener(&mut self, address: SocketAddr, watch: Watch) {
        if let Some(listener) = self.listeners.get_mut(&address) {
            listener.watch = Some(watch);
            self.push_ready(watch.poller, Ready::Listener(address));
        }
    }

    pub(super) fn ring(&mut self, poller: usize) {
        self.push_ready(poller, Ready::Alarm);
    }

    /// Lets everything happen that is due.
    pub(super) fn proceed(&mut self) {
        let now = self.clock.elapsed();
        let all: Vec<usize> = self.sockets.iter().map(|(socket, _)| socket).collect();
        for socket in all {
            match self.sockets[socket].phase {
                Phase::Connecting(arrives) if arrives <= now => self.complete(socket),
                Phase::Connecting(_) => {}
                Phase::Open(_) | Phase::Dead => {
                    if self.sockets[socket].input.arrive(now) {
                        self.tell(socket);
                    }
                }
            }
        }
    }

    /// When the next thing happens by itself.
    pub(super) fn next_event(&self) -> Option<Duration> {
        let due = self.sockets.iter().filter_map(|(_, socket)| match socket.phase {
            Phase::Connecting(arrives) => Some(arrives),
            Phase::Open(_) | Phase::Dead => socket.input.next_arrival(),
        });
        due.min()
    }

    /// The events for one wait of a poller.
    pub(super) fn take_events(&mut self, poller: usize, events: &mut Vec<(u64, Readiness)>) {
        events.clear();
        while events.len() < self.faults.events_max.max(1) {
            let Some(who) = self.ready[poller].pop_front() else { break };
            events.extend(self.event_of(who));
        }
        if self.random.f64() < self.faults.false_events {
            events.extend(self.false_event(poller));
        }
    }

    pub(super) fn has_ready(&self, poller: usize) -> bool {
        !self.ready[poller].is_empty()
    }

    /// Puts the socket and its server's end together, or refuses it.
    fn complete(&mut self, socket: usize) {
        let Socket { local, remote, .. } = self.sockets[socket];
        if !self.listeners.contains_key(&remote) {
            let this = &mut self.sockets[socket];
            this.phase = Phase::Dead;
            this.error = Some(io::ErrorKind::ConnectionRefused);
            this.input.cut_off();
            return self.tell(socket);
        }
        let server = self.add_socket(remote, local, Phase::Open(socket));
        self.sockets[socket].phase = Phase::Open(server);
        self.tell(socket);
        let listener = self.listeners.get_mut(&remote);
        if let Some(listener) = listener {
            listener.waiting.push_back(server);
            if let Some(watch) = listener.watch {
                self.push_ready(watch.poller, Ready::Listener(remote));
            }
        }
    }

    /// An edge: something changed at a socket.
    fn tell(&mut self, socket: usize) {
        if let Some(watch) = self.sockets.get(socket).and_then(|socket| socket.watch) {
            self.push_ready(watch.poller, Ready::Socket(socket));
        }
    }

    fn push_ready(&mut self, poller: usize, who: Ready) {
        if !self.ready[poller].contains(&who) {
            self.ready[poller].push_back(who);
        }
    }

    /// What is reported is how things are at the wait, not when it was noticed.
    fn event_of(&self, who: Ready) -> Option<(u64, Readiness)> {
        match who {
            Ready::Alarm => Some((crate::event_loop::token::WAKE_TOKEN, Readiness::default())),
            Ready::Listener(address) => {
                let token = self.listeners.get(&address)?.watch?.token;
                Some((token, Readiness { readable: true, ..Readiness::default() }))
            }
            Ready::HangUp(token) => Some((token, Readiness::END)),
            Ready::Socket(socket) => {
                let socket = self.sockets.get(socket)?;
                let readiness = self.readiness(socket);
                let token = socket.watch?.token;
                (readiness != Readiness::default()).then_some((token, readiness))
            }
        }
    }

    fn readiness(&self, socket: &Socket) -> Readiness {
        let error = socket.error.is_some();
        let has_room = match socket.phase {
            Phase::Connecting(_) => false,
            Phase::Open(partner) => self.sockets[partner].input.room() > 0,
            Phase::Dead => true,
        };
        Readiness {
            readable: socket.input.has_input() || error,
            writable: has_room || error,
            read_closed: socket.input.has_ended(),
            error,
            urgent: false,
        }
    }

    fn false_event(&mut self, poller: usize) -> Option<(u64, Readiness)> {
        let readiness = Readiness { readable: true, writable: true, ..Readiness::default() };
        let watched = self.sockets.iter().filter_map(|(_, socket)| socket.watch);
        let mut tokens: Vec<u64> =
            watched.filter(|watch| watch.poller == poller).map(|watch| watch.token).collect();
        tokens.extend(self.stale.iter().filter(|&&(at, _)| at == poller).map(|&(_, token)| token));
        (!tokens.is_empty()).then(|| (tokens[self.random.usize(..tokens.len())], readiness))
    }

    fn delay(&mut self) -> Duration {
        pick_time(&mut self.random, &self.faults.delay)
    }

    /// Some microseconds, for work that takes time.
    pub(super) fn pass_time(&mut self) {
        let passed = Duration::from_micros(self.random.u64(..20));
        self.clock.advance_to(self.clock.elapsed() + passed);
    }
}

fn pick(random: &mut fastrand::Rng, range: &Range<usize>) -> usize {
    if range.is_empty() { range.start } else { random.usize(range.clone()) }
}

fn pick_time(random: &mut fastrand::Rng, range: &Range<Duration>) -> Duration {
    if range.is_empty() {
        return range.start;
    }
    let (start, end) = (range.start.as_nanos() as u64, range.end.as_nanos() as u64);
    Duration::from_nanos(random.u64(start..end))
}
