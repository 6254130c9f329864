//! ChatServer: the cluster chat server.
//!
//! ```text
//!  reactor ──bytes──► server ──bytes──► chat ──Effects──► server ──┬─► storage (workers)
//!     ▲                                  ▲                         ├─► presence
//!     └───────────bytes──────────────────┴──────answers────────────┴─► other loops
//! ```
//!
//! [`chat`] holds every rule and does no I/O; [`server`] is the only place where things happen.

pub mod message;
pub mod limits;
pub mod clock;
pub mod chat;
pub mod storage;
pub mod presence;
pub mod cluster;
pub mod config;
pub mod server;
