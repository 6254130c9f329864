//! Clients, written from the wire contract alone: they know nothing of the server but its port.

mod connection;
mod control;
mod entry;
mod login;
mod messenger;
mod original;
mod outbox;
mod texts;

pub use connection::Connection;
pub use control::{Control, Order, Phase, Seat, Tally};
pub use entry::Entry;
pub use login::{Account, ask, register};
pub use messenger::{Habits, Messenger};
pub use original::OriginalClient;
