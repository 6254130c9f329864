//! The only user of `mio::Poll`, and the maker of wakers: registering sources and waiting for them.

use crate::driver::channel::Readiness;
use crate::event_loop::token::{Key, WAKE_TOKEN, pack, unpack};
use mio::event::{Event, Source};
use mio::{Events, Interest, Poll, Token, Waker};
use std::io;
use std::time::{Duration, Instant};

/// Events fetched in one wait at first, as in muduo; doubled whenever a wait fills them.
const EVENTS_START: usize = 16;

/// The kernel's interest list of one loop.
#[derive(Debug)]
pub(crate) struct Poller {
    poll: Poll,
}

/// Ends the wait of a poller from any thread.
#[derive(Debug)]
pub(crate) struct PollerAlarm(Waker);

impl PollerAlarm {
    /// One system call; many before the next wait end it once.
    pub(crate) fn ring(&self) -> io::Result<()> {
        self.0.wake()
    }
}

/// The events of one wait.
#[derive(Debug)]
pub(crate) struct EventBatch {
    events: Events,
}

impl Poller {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self { poll: Poll::new()? })
    }

    /// The alarm of this poller; at most one.
    pub(crate) fn alarm(&self) -> io::Result<PollerAlarm> {
        Waker::new(self.poll.registry(), Token(WAKE_TOKEN as usize)).map(PollerAlarm)
    }

    /// Watches a connection in both directions, urgent data included; never changed afterwards.
    /// Closing the descriptor ends the watch, for no descriptor here is ever duplicated.
    pub(crate) fn watch_connection(
        &self,
        socket: &mut impl Source,
        source: u16,
        key: Key,
    ) -> io::Result<()> {
        let interest = Interest::READABLE | Interest::WRITABLE | Interest::PRIORITY;
        self.watch(socket, source, key, interest)
    }

    /// Watches a listener.
    pub(crate) fn watch_listener(
        &self,
        socket: &mut impl Source,
        source: u16,
        key: Key,
    ) -> io::Result<()> {
        self.watch(socket, source, key, Interest::READABLE)
    }

    /// Forgets a socket that is to be watched under another key. An event of the present batch may
    /// still come.
    pub(crate) fn unwatch(&self, socket: &mut impl Source) -> io::Result<()> {
        self.poll.registry().deregister(socket)
    }

    /// Waits for events until `timeout` (`None`: for ever). A signal does not cut it short.
    pub(crate) fn wait(
        &mut self,
        batch: &mut EventBatch,
        timeout: Option<Duration>,
    ) -> io::Result<()> {
        let mut remaining = timeout;
        let mut deadline = None;
        while let Err(error) = self.poll.poll(&mut batch.events, remaining) {
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

    fn watch(
        &self,
        socket: &mut impl Source,
        source: u16,
        key: Key,
        interest: Interest,
    ) -> io::Result<()> {
        self.poll.registry().register(socket, Token(pack(source, key) as usize), interest)
    }
}

impl EventBatch {
    pub(crate) fn new() -> Self {
        Self { events: Events::with_capacity(EVENTS_START) }
    }

    /// Who is ready for what; wake-ups are left out.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u16, Key, Readiness)> {
        self.events.iter().filter(|event| event.token().0 as u64 != WAKE_TOKEN).map(|event| {
            let (source, key) = unpack(event.token().0 as u64);
            (source, key, readiness(event))
        })
    }

    /// Makes room for more events next time, if this batch was full.
    pub(crate) fn grow_if_full(&mut self) {
        let capacity = self.events.capacity();
        if self.events.iter().count() == capacity {
            self.events = Events::with_capacity(capacity * 2);
        }
    }
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
    use mio::net::{TcpListener, TcpStream};

    const KEY: Key = Key { slot: 3, generation: 4 };

    #[test]
    fn events_carry_source_and_key() {
        let mut poller = Poller::new().unwrap();
        let mut batch = EventBatch::new();
        let mut listener = TcpListener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        poller.watch_listener(&mut listener, 7, KEY).unwrap();
        let _client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
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
        let listener = TcpListener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        let mut streams: Vec<_> =
            (0..EVENTS_START).map(|_| TcpStream::connect(address).unwrap()).collect();
        for stream in &mut streams {
            poller.watch_connection(stream, 0, KEY).unwrap();
        }
        while batch.iter().count() < EVENTS_START {
            poller.wait(&mut batch, Some(Duration::from_millis(10))).unwrap();
            for stream in &mut streams {
                // Registering anew makes the kernel report what it already told.
                let interest = Interest::READABLE | Interest::WRITABLE;
                poller.poll.registry().reregister(stream, Token(1), interest).unwrap();
            }
        }
        batch.grow_if_full();
        assert_eq!(batch.events.capacity(), 2 * EVENTS_START);
    }
}
