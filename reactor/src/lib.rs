//! muduo's reactor in Rust: one event loop a thread, connections bound to a loop.
//!
//! ```text
//!              main loop                     sub loops, one a thread
//!  clients --> listener -- accepted -------> service + its connections
//!                          in turn     `---> service + its connections
//!                                       posts, from loop to loop
//! ```
//!
//! It is not an async runtime, knows no protocol, and touches nothing global: no signal
//! dispositions, no logger, no environment. The guide below shows a server, the rules of threads,
//! and muduo's names.
#![doc = include_str!("../docs/guide.md")]

mod error;
mod buffer;
pub mod codec;
mod driver;
mod event_loop;
mod connection;
#[cfg(feature = "tls")]
mod tls;
#[cfg(not(feature = "tls"))]
#[path = "tls/absent.rs"]
mod tls;
mod server;
mod datagram;
mod client;

pub use buffer::{Buffer, CHEAP_PREPEND};
pub use bytes::Bytes;
pub use client::connect_failure::ConnectFailure;
pub use client::handle::ClientHandle;
pub use client::{TcpClient, TcpClientBuilder};
pub use connection::Connection;
pub use connection::connections::Connections;
pub use connection::deadlines::Deadline;
pub use connection::handle::ConnectionHandle;
pub use connection::id::ConnectionId;
pub use connection::options::ConnectionOptions;
pub use connection::service::{Seat, SendStatus, Service};
pub use connection::service_handle::ServiceHandle;
pub use connection::state::CloseReason;
pub use datagram::service::DatagramService;
pub use datagram::socket::UdpSocket;
pub use datagram::{UdpServer, UdpServerBuilder};
pub use driver::address::Address;
#[cfg(feature = "simulation")]
pub mod simulation {
    //! The same loop on a seeded simulation of sockets and of the clock, to test services with.
    pub use crate::driver::simulation::{Faults, Received, SimulatedPeer, Simulation};
}
pub use driver::affinity::pin_current_thread;
pub use driver::descriptors::reserve_descriptors;
pub use error::{Closed, Error, Result};
pub use event_loop::EventLoop;
pub use event_loop::activity::Callback;
pub use event_loop::handle::LoopHandle;
pub use event_loop::observer::{CallReport, LoopObserver, TurnReport};
pub use event_loop::stall_detector::{Stall, StallDetector};
pub use event_loop::stats::LoopStats;
pub use event_loop::thread::EventLoopThread;
pub use event_loop::thread_pool::EventLoopThreadPool;
pub use event_loop::timer_queue::{PERIOD_MIN, TimerId, TimerQueue};
#[cfg(feature = "tls")]
pub use rustls;
pub use server::TcpServer;
pub use server::builder::TcpServerBuilder;
pub use server::placement::{Newcomer, Placement};
pub use server::stats::ServerStats;
#[cfg(feature = "tls")]
pub use tls::Tls;
