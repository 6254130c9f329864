//! The fault suite: does what the protocol says of an answer with errno 0 hold while parts of the
//! cluster are killed, frozen and cut off?
//!
//! ```text
//!  nemesis ──faults──► cluster (testbed: nodes, MariaDB, Redis, nginx, each behind a fault proxy)
//!                         ▲
//!  clients ──requests─────┘   what they see ──► history ──► checker ──► report
//! ```
//!
//! Clients are written from the wire contract alone; the checker is pure and reads nothing but
//! their history. Neither knows the server's code.

pub mod checker;
pub mod client;
pub mod cluster;
pub mod history;
pub mod losing_store;
pub mod nemesis;
pub mod plan;
pub mod proxy;
pub mod report;
pub mod suite;
