//! What the measurements share: the bare epoll loop that is the floor of every comparison, and
//! the relay bench, which puts a ChatServer beside it.
//!
//! ```text
//!  bin relay-bench ──► relay (load, on one core) ──┬──► ChatServer   (another core, its turn)
//!                                                  └──► bare-echo    (the same core, its turn)
//!  benches/suite   ──► one part at a time, by criterion
//! ```
//!
//! Not a library for anything else. The README beside it says how to read the figures.

pub mod affinity;
pub mod arguments;
pub mod bare_epoll;
pub mod relay;

mod accounts;
mod comparison;
mod load;
mod numbered_text;
mod player;
mod processor_time;
mod round;
mod tally;
mod turn;

pub use comparison::Comparison;
pub use player::{IN_FLIGHT_MAX, TEXT_BYTES};
pub use round::{Cost, Round};
pub use turn::Timing;
