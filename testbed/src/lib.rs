//! Real servers as private processes on loopback, for tests and suites: ChatServer, MariaDB, Redis,
//! nginx, HAProxy. Each has a folder and a port of its own and ends with the process that started
//! it, however that ended.
//!
//! What goes wrong here is a fault of the machine or of the test: everything panics with the end of
//! the server's log rather than returning errors.

mod ending;
mod guard;
mod haproxy;
mod launch;
mod log;
mod mariadb;
mod nginx;
mod node;
mod port;
mod process;
mod program;
mod redis;
mod waiting;

pub use ending::{Ended, wait_for_exit};
pub use haproxy::HaProxy;
pub use launch::Launch;
pub use log::log_tail;
pub use mariadb::{Database, MariaDb};
pub use nginx::Nginx;
pub use node::Node;
pub use port::free_port;
pub use process::Process;
pub use program::{build_chat_server, chat_server, system};
pub use redis::Redis;
pub use waiting::wait_until;
