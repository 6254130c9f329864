//! What the suite tells its clients, and what it hears of them while they run.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use crate::history::{ClientNumber, History, What};

/// What clients do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Send, receive, move about.
    Load,
    /// Send nothing new, stay, receive.
    Drain,
    /// Leave.
    End,
}

/// An order to one client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Neither reads nor writes for so long.
    StandStill(Duration),
    /// Drops its connection without reading from it, and comes back another way.
    Leave,
}

/// What one client tells of itself. One writer, any reader.
#[derive(Debug, Default)]
pub struct Tally {
    /// Messages answered with errno 0.
    pub answered: AtomicU64,
    /// Messages received.
    pub received: AtomicU64,
    /// When the last one was, in the history's microseconds.
    pub last_received: AtomicU64,
    /// Messages without an answer.
    pub unanswered: AtomicUsize,
    /// Whether it is logged in.
    pub online: AtomicBool,
}

/// One client's place.
pub struct Seat {
    /// Which client.
    pub number: ClientNumber,
    /// Where it writes what it sees.
    pub history: History,
    /// What it tells.
    pub tally: Arc<Tally>,
    /// What all do.
    phase: Arc<AtomicU8>,
    orders: Receiver<Order>,
}

/// The suite's side of all seats.
pub struct Control {
    history: History,
    phase: Arc<AtomicU8>,
    clients: Vec<(Arc<Tally>, Sender<Order>)>,
}

impl Control {
    /// No clients, under load.
    pub fn new(history: &History) -> Self {
        Self { history: history.clone(), phase: Arc::default(), clients: Vec::new() }
    }

    /// A place for one more client.
    pub fn seat(&mut self) -> Seat {
        let (sender, orders) = channel();
        let tally = Arc::new(Tally::default());
        self.clients.push((Arc::clone(&tally), sender));
        Seat {
            number: self.clients.len() - 1,
            history: self.history.clone(),
            tally,
            phase: Arc::clone(&self.phase),
            orders,
        }
    }

    /// What all clients do from now on.
    pub fn enter(&self, phase: Phase) {
        if phase == Phase::Drain {
            self.history.record(None, What::LoadEnded);
        }
        self.phase.store(phase as u8, Ordering::Release);
    }

    /// Gives an order to one client.
    pub fn order(&self, client: ClientNumber, order: Order) {
        // A client that has ended does nothing any more.
        let _ = self.clients[client].1.send(order);
    }

    /// The sum of a number over all clients.
    pub fn sum(&self, number: impl Fn(&Tally) -> u64) -> u64 {
        self.clients.iter().map(|(tally, _)| number(tally)).sum()
    }

    /// How many clients there are.
    pub fn clients(&self) -> usize {
        self.clients.len()
    }

    /// Whether everybody is there, has every answer, and nothing came for `quiet`.
    pub fn is_quiet(&self, quiet: Duration) -> bool {
        let since = self.history.now().saturating_sub(crate::history::micros(quiet));
        self.clients.iter().all(|(tally, _)| {
            tally.online.load(Ordering::Relaxed)
                && tally.unanswered.load(Ordering::Relaxed) == 0
                && tally.last_received.load(Ordering::Relaxed) < since
        })
    }
}

impl Seat {
    /// What all do now.
    pub fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Acquire) {
            phase if phase == Phase::Load as u8 => Phase::Load,
            phase if phase == Phase::Drain as u8 => Phase::Drain,
            _ => Phase::End,
        }
    }

    /// An order, if one came.
    pub fn order(&self) -> Option<Order> {
        self.orders.try_recv().ok()
    }

    /// Writes what this client saw or did.
    pub fn record(&self, what: What) {
        match &what {
            What::Answered { errno: 0, .. } => {
                self.tally.answered.fetch_add(1, Ordering::Relaxed);
            }
            What::Pushed(_) => {
                self.tally.received.fetch_add(1, Ordering::Relaxed);
                self.tally.last_received.store(self.history.now(), Ordering::Relaxed);
            }
            What::Opened { .. } => self.tally.online.store(true, Ordering::Relaxed),
            What::Closed { .. } | What::Left => self.tally.online.store(false, Ordering::Relaxed),
            _ => {}
        }
        self.history.record(Some(self.number), what);
    }
}
