//! TLS under a connection, by rustls; the rest of the library is the same with it and without.
//!
//! ```text
//!            records                      bytes
//!  kernel -----------> open (rustls) -----------> service
//!         <----------- seal (rustls) <----------- output queue
//! ```
//!
//! The unbuffered interface of rustls keeps no bytes: what is read goes through the loop's memory,
//! and an idle connection holds its keys alone. Output stays in the queue as plain bytes until the
//! kernel has taken the records made of it, so marks, caps and counters speak of the service's bytes.

#[cfg(test)]
mod localhost;
mod records;
mod session;

pub(crate) use session::TlsSession;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ServerConfig};
use std::io;
use std::sync::Arc;

/// Which side of TLS a connection is to be, and how.
///
/// Sides are not bound to who connected: a client may be asked to be the server of TLS.
#[derive(Clone, Debug)]
pub enum Tls {
    /// Shows certificates. Early data is not supported, for it can be replayed:
    /// `max_early_data_size` must be 0, as it is by default.
    Server(Arc<ServerConfig>),
    /// Checks the certificate of the other side for this name.
    Client(Arc<ClientConfig>, ServerName<'static>),
}

impl Tls {
    /// Refuses what is not supported.
    pub(crate) fn check(&self) -> io::Result<()> {
        match self {
            Self::Server(config) if config.max_early_data_size > 0 => Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "max_early_data_size must be 0: early data is not supported",
            )),
            _ => Ok(()),
        }
    }
}

/// What rustls says, for those who know errors of sockets.
fn invalid_data(error: rustls::Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
