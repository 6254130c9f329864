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
mod stats;
mod server_stats;
mod options;

mod token;
mod channel;
mod poller;
mod wake_signal;
mod mailbox;
mod timer_queue;
mod source;
mod loop_core;
mod event_loop;
mod loop_handle;
mod event_loop_thread;
mod event_loop_thread_pool;

mod buffer;
mod output_queue;
mod connection_state;
mod connection_id;
mod socket;
mod tcp_connection;
mod connection_table;
mod connection_set;
mod service;
mod service_handle;
mod connection;
mod connections;
mod connection_handle;

mod accept_error;
mod warning_limit;
mod listener;
mod acceptor;
mod tcp_server;

mod backoff;
mod link;
mod connect_schedule;
mod connect_failure;
mod connector;
mod client_source;
mod client_handle;
mod tcp_client;

pub use buffer::{Buffer, CHEAP_PREPEND};
pub use bytes::Bytes;
pub use client_handle::ClientHandle;
pub use connect_failure::ConnectFailure;
pub use connection::Connection;
pub use connection_handle::ConnectionHandle;
pub use connection_id::ConnectionId;
pub use connection_state::CloseReason;
pub use connections::Connections;
pub use error::{Closed, Error, Result};
pub use event_loop::EventLoop;
pub use event_loop_thread::EventLoopThread;
pub use event_loop_thread_pool::EventLoopThreadPool;
pub use loop_handle::LoopHandle;
pub use options::ConnectionOptions;
pub use server_stats::ServerStats;
pub use service::{Seat, SendStatus, Service};
pub use service_handle::ServiceHandle;
pub use stats::LoopStats;
pub use tcp_client::{TcpClient, TcpClientBuilder};
pub use tcp_server::{TcpServer, TcpServerBuilder};
pub use timer_queue::{PERIOD_MIN, TimerId, TimerQueue};
