//! Several nodes as one server: which node has which user, and the way from one to the other.
//!
//! ```text
//!  loops ──Command──► Member ──Call──► Redis ──frames──► Listener ──► loops of another node
//!    ▲                 │   ▲            │                   │
//!    └─────Notice──────┘   └───Reply────┘                   └──Command──► its Member
//! ```
//!
//! [`Member`] and [`Listener`] are pure and know no socket, thread or clock; `redis` gives each a
//! connection and a thread. Redis keeps nothing that matters: holdings are put there again when
//! it has lost them, and what is lost on the way is owed until the store has it.

pub mod arrivals;
pub mod call;
pub mod command;
pub mod frame;
pub mod holding;
pub mod links;
pub mod listener;
pub mod member;
pub mod parcel;
pub mod standing;
pub mod redis;
mod roster;
mod streams;

pub use command::{Audience, Command, Found, Look, Notice};
pub use listener::Listener;
pub use member::Member;
pub use parcel::Parcels;
pub use standing::Standing;
