//! The only user of `mio::Poll`, and the maker of wakers: registering sockets and waiting for them.
//!
//! Here is the seam between a loop and what drives it: the kernel, or a simulation of sockets and
//! of the clock. What the loop does is the same with both.

use crate::connection::options::ConnectionOptions;
use crate::driver::address::Address;
use crate::driver::channel::Readiness;
use crate::driver::clock::Clock;
use crate::driver::listening::ListeningSocket;
#[cfg(feature = "simulation")]
use crate::driver::simulation::{SimulatedAlarm, SimulatedPoller};
use crate::driver::socket::{self, ListenOptions};
use crate::driver::stream::Stream;
use crate::event_loop::token::{Key, WAKE_TOKEN, pack, unpack};
use mio::event::Event;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token, Waker};
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, RawFd};
use std::time::{Duration, Instant};

/// Events fetched in one wait at first, as in muduo; doubled whenever a wait fills them.
const EVENTS_START: usize = 16;

/// The interest list of one loop.
#[derive(Debug)]
pub(crate) enum Poller {
    System(Poll),
    #[cfg(feature = "simulation")]
    Simulated(SimulatedPoller),
}

/// Ends the wait of a poller from any thread.
#[derive(Debug)]
pub(crate) enum PollerAlarm {
    System(Waker),
    #[cfg(feature = "simulation")]
    Simulated(SimulatedAlarm),
}

impl PollerAlarm {
    /// One system call; many before the next wait end it once.
    pub(crate) fn ring(&self) -> io::Result<()> {
        match self {
            Self::System(waker) => waker.wake(),
            #[cfg(feature = "simulation")]
            Self::Simulated(alarm) => {
                alarm.ring();
                Ok(())
            }
        }
    }
}

/// The events of one wait.
#[derive(Debug)]
pub(crate) struct EventBatch {
    events: Events,
    #[cfg(feature = "simulation")]
    simulated: Vec<(u64, Readiness)>,
}

/// Input, urgent data included.
const INPUT: Interest = Interest::READABLE.add(Interest::PRIORITY);

/// Which events of a connection are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Watch {
    Input,
    /// Room to write as well. Where large blocks are sent this costs an event each, for the kernel
    /// tells whenever a part of its buffer is free again.
    InputAndRoom,
}

impl Watch {
    fn interest(self) -> Interest {
        match self {
            Self::Input => INPUT,
            Self::InputAndRoom => INPUT.add(Interest::WRITABLE),
        }
    }
}

impl Poller {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self::System(Poll::new()?))
    }

    /// The alarm of this poller; at most one.
    pub(crate) fn alarm(&self) -> io::Result<PollerAlarm> {
        match self {
            Self::System(poll) => {
                let waker = Waker::new(poll.registry(), Token(WAKE_TOKEN as usize))?;
                Ok(PollerAlarm::System(waker))
            }
            #[cfg(feature = "simulation")]
            Self::Simulated(poller) => Ok(PollerAlarm::Simulated(poller.alarm())),
        }
    }

    /// The clock that the loop goes by.
    pub(crate) fn clock(&self) -> Clock {
        match self {
            Self::System(_) => Clock::System,
            #[cfg(feature = "simulation")]
            Self::Simulated(poller) => poller.clock(),
        }
    }

    /// What another poller can watch this one by.
    pub(crate) fn descriptor(&self) -> Option<RawFd> {
        match self {
            Self::System(poll) => Some(poll.as_raw_fd()),
            #[cfg(feature = "simulation")]
            Self::Simulated(_) => None,
        }
    }

    /// A listening socket; `options` are those of what it accepts.
    pub(crate) fn listen(
        &self,
        address: &Address,
        listening: &ListenOptions,
        options: &ConnectionOptions,
    ) -> io::Result<ListeningSocket> {
        match self {
            Self::System(_) => {
                socket::listen(address, listening, options).map(ListeningSocket::System)
            }
            #[cfg(feature = "simulation")]
            Self::Simulated(poller) => poller.listen(address).map(ListeningSocket::Simulated),
        }
    }

    /// A socket on its way to `address`.
    pub(crate) fn connect(
        &self,
        address: &Address,
        local: Option<SocketAddr>,
        options: &ConnectionOptions,
    ) -> io::Result<Stream> {
        match self {
            Self::System(_) => socket::connect(address, local, options).map(Stream::System),
            #[cfg(feature = "simulation")]
            Self::Simulated(poller) => poller.connect(address).map(Stream::Simulated),
        }
    }

    /// Watches a connection. Closing the descriptor ends the watch, for no descriptor here is ever
    /// duplicated.
    pub(crate) fn watch_connection(
        &self,
        stream: &Stream,
        source: u16,
        key: Key,
        watch: Watch,
    ) -> io::Result<()> {
        match stream {
            Stream::System(socket) => {
                self.watch_descriptor(socket.as_raw_fd(), source, key, watch.interest())
            }
            #[cfg(feature = "simulation")]
            Stream::Simulated(stream) => {
                let Self::Simulated(poller) = self else { return unsupported() };
                poller.watch(stream, pack(source, key));
                Ok(())
            }
        }
    }

    /// Watches a connection for other events than before. One that is there already is told anew. A
    /// simulation tells all in any case.
    pub(crate) fn watch_otherwise(
        &self,
        stream: &Stream,
        source: u16,
        key: Key,
        watch: Watch,
    ) -> io::Result<()> {
        match (self, stream) {
            (Self::System(poll), Stream::System(socket)) => {
                let token = Token(pack(source, key) as usize);
                let descriptor = socket.as_raw_fd();
                let interest = watch.interest();
                poll.registry().reregister(&mut SourceFd(&descriptor), token, interest)
            }
            #[cfg(feature = "simulation")]
            _ => Ok(()),
        }
    }

    /// Watches a listener.
    pub(crate) fn watch_listener(
        &self,
        listener: &ListeningSocket,
        source: u16,
        key: Key,
    ) -> io::Result<()> {
        match listener {
            ListeningSocket::System(socket) => {
                self.watch_descriptor(socket.as_raw_fd(), source, key, Interest::READABLE)
            }
            #[cfg(feature = "simulation")]
            ListeningSocket::Simulated(listener) => {
                let Self::Simulated(poller) = self else { return unsupported() };
                poller.watch_listener(listener, pack(source, key));
                Ok(())
            }
        }
    }

    /// Forgets a socket that is to be watched under another key. An event of the present batch may
    /// still come.
    pub(crate) fn unwatch(&self, stream: &Stream) -> io::Result<()> {
        match (self, stream) {
            (Self::System(poll), Stream::System(socket)) => {
                poll.registry().deregister(&mut SourceFd(&socket.as_raw_fd()))
            }
            #[cfg(feature = "simulation")]
            (Self::Simulated(poller), Stream::Simulated(stream)) => {
                poller.unwatch(stream);
                Ok(())
            }
            #[cfg(feature = "simulation")]
            _ => unsupported(),
        }
    }

    /// Waits for events until `timeout` (`None`: for ever). A signal does not cut it short.
    pub(crate) fn wait(
        &mut self,
        batch: &mut EventBatch,
        timeout: Option<Duration>,
    ) -> io::Result<()> {
        let poll = match self {
            Self::System(poll) => poll,
            #[cfg(feature = "simulation")]
            Self::Simulated(poller) => {
                poller.wait(&mut batch.simulated, timeout);
                return Ok(());
            }
        };
        let mut remaining = timeout;
        let mut deadline = None;
        while let Err(error) = poll.poll(&mut batch.events, remaining) {
            if error.kind() != io::ErrorKind::Interrupted {
                return Err(error);
            }
            if let Some(timeout) = timeout {
                // Signals are rare: the wait may get longer by the part before the first.
                let now = Instant::now();
                let deadline = deadline.get_or_insert_with(|| now + timeout);
                remaining = Some(deadline.saturating_duration_since(now));
            }
        }
        Ok(())
    }

    /// Watches a descriptor of the system, which its owner closes to end the watch.
    pub(crate) fn watch_descriptor(
        &self,
        descriptor: RawFd,
        source: u16,
        key: Key,
        interest: Interest,
    ) -> io::Result<()> {
        match self {
            Self::System(poll) => {
                let token = Token(pack(source, key) as usize);
                poll.registry().register(&mut SourceFd(&descriptor), token, interest)
            }
            #[cfg(feature = "simulation")]
            Self::Simulated(_) => unsupported(),
        }
    }
}

impl EventBatch {
    pub(crate) fn new() -> Self {
        Self {
            events: Events::with_capacity(EVENTS_START),
            #[cfg(feature = "simulation")]
            simulated: Vec::new(),
        }
    }

    /// Who is ready for what; wake-ups are left out.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u16, Key, Readiness)> {
        let events = self.events.iter().map(|event| (event.token().0 as u64, readiness(event)));
        #[cfg(feature = "simulation")]
        let events = events.chain(self.simulated.iter().copied());
        events.filter(|&(token, _)| token != WAKE_TOKEN).map(|(token, readiness)| {
            let (source, key) = unpack(token);
            (source, key, readiness)
        })
    }

    /// Makes room for more events next time, if this batch was full; returns whether it was.
    pub(crate) fn grow_if_full(&mut self) -> bool {
        let capacity = self.events.capacity();
        let is_full = self.events.iter().count() == capacity;
        if is_full {
            self.events = Events::with_capacity(capacity * 2);
        }
        is_full
    }
}

/// A socket of the system on a simulated loop, or the other way round.
#[cfg(feature = "simulation")]
fn unsupported() -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

fn readiness(event: &Event) -> Readiness {
    Readiness {
        readable: event.is_readable(),
        writable: event.is_writable(),
        read_closed: event.is_read_closed(),
        error: event.is_error(),
        urgent: event.is_priority(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: Key = Key { slot: 3, generation: 4 };

    fn listen(poller: &Poller) -> ListeningSocket {
        let address = SocketAddr::from(([127, 0, 0, 1], 0)).into();
        let listening = ListenOptions { backlog: 64, reuse_port: false, only_ipv6: false };
        poller.listen(&address, &listening, &ConnectionOptions::default()).unwrap()
    }

    #[test]
    fn events_carry_source_and_key() {
        let mut poller = Poller::new().unwrap();
        let mut batch = EventBatch::new();
        let listener = listen(&poller);
        poller.watch_listener(&listener, 7, KEY).unwrap();
        let _client =
            poller.connect(&listener.local_addr().unwrap(), None, &Default::default()).unwrap();
        poller.wait(&mut batch, Some(Duration::from_secs(5))).unwrap();
        let events: Vec<_> = batch.iter().collect();
        assert_eq!(events.len(), 1);
        assert_eq!((events[0].0, events[0].1), (7, KEY));
        assert!(events[0].2.readable);
    }

    #[test]
    fn wakeups_are_not_events() {
        let mut poller = Poller::new().unwrap();
        let mut batch = EventBatch::new();
        let alarm = poller.alarm().unwrap();
        alarm.ring().unwrap();
        poller.wait(&mut batch, Some(Duration::from_secs(5))).unwrap();
        assert_eq!(batch.events.iter().count(), 1);
        assert_eq!(batch.iter().count(), 0);
    }

    #[test]
    fn a_full_batch_doubles() {
        let mut poller = Poller::new().unwrap();
        let mut batch = EventBatch::new();
        let address = listen(&poller).local_addr().unwrap();
        let connect = || poller.connect(&address, None, &ConnectionOptions::default());
        let streams: Vec<_> = (0..EVENTS_START).map(|_| connect().unwrap()).collect();
        for stream in &streams {
            poller.watch_connection(stream, 0, KEY, Watch::InputAndRoom).unwrap();
        }
        while batch.iter().count() < EVENTS_START {
            poller.wait(&mut batch, Some(Duration::from_millis(10))).unwrap();
            for stream in &streams {
                // Registering anew makes the kernel report what it already told.
                poller.unwatch(stream).unwrap();
                poller.watch_connection(stream, 0, KEY, Watch::InputAndRoom).unwrap();
            }
        }
        assert!(batch.grow_if_full());
        assert_eq!(batch.events.capacity(), 2 * EVENTS_START);
    }
}
