//! What the measurements share: the bare epoll loop that is the floor of every comparison, the
//! relay bench, which puts a ChatServer beside it, and the cluster bench, which puts two beside NATS.
//!
//! ```text
//!  bin relay-bench   ──► relay (load, on one core) ──┬──► ChatServer   (another core, its turn)
//!                                                    └──► bare-echo    (the same core, its turn)
//!  bin cluster-bench ──► cluster (the same load)   ──┬──► 2 ChatServer, Redis, MariaDB  (its turn)
//!                                                    └──► 2 nats-server                 (its turn)
//!  bin compare-bench ──► compare (the same load) ──► ChatServer, ngircd, NATS, mosquitto, ejabberd
//!  bin echo-bench    ──► echo (its own load)       ──► the reactor, tokio, bare-echo (in turn)
//!  bin reactor-bench ──► measures              ──► the reactor, and what each claim is beside
//!  bin chatbench     ──► chatbench (its own load) ──► a ChatServer, or servers that run already
//!  benches/suite     ──► one part at a time, by criterion
//! ```
//!
//! Not a library for anything else. The README beside it says how to read the figures.

pub mod affinity;
pub mod arguments;
pub mod audience;
pub mod bare_epoll;
pub mod chatbench;
pub mod cluster;
pub mod compare;
pub mod echo;
pub mod kernel_calls;
pub mod measures;
pub mod relay;

mod accounts;
mod comparison;
mod contender;
mod crowd;
mod load;
mod numbered_text;
mod player;
mod process_memory;
mod processor_time;
mod round;
mod tally;
mod turn;

pub use comparison::Comparison;
pub use player::{IN_FLIGHT_MAX, TEXT_BYTES};
pub use round::{Cost, Round};
pub use turn::Timing;
