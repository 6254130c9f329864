//! The reactor over real sockets of the loopback interface.
#![allow(clippy::unwrap_used, reason = "clippy spares only the test functions, not their helpers")]

mod child;
mod client_support;
mod puppet;
mod stage;
mod support;
#[cfg(feature = "tls")]
mod tls_support;

mod accepting;
mod back_pressure;
mod callbacks;
mod cancelling;
mod client;
mod client_dropped;
mod client_dropped_inside;
mod client_failing;
mod client_stopped;
mod closing;
mod cross_thread;
mod datagram;
mod deadlines;
mod descriptors;
mod echo;
mod echo_client;
mod examples;
mod fairness;
mod half_close;
mod leftovers;
mod loops;
mod observing;
mod panics;
mod panics_everywhere;
mod placing;
mod proxy;
mod quitting;
mod reading;
mod reconnecting;
mod reentrancy;
mod resets;
mod reading_in_turns;
mod resting;
mod server_dropped;
mod server_stop;
mod signals;
mod tests_page;
mod timers;
#[cfg(feature = "tls")]
mod tls;
#[cfg(feature = "tls")]
mod tls_client;
#[cfg(feature = "tls")]
mod tls_ends;
#[cfg(feature = "tls")]
mod tls_starting;
mod unix;
