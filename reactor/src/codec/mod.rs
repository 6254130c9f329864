//! How messages are told apart in a stream. Pure: bytes in, frames out.
//!
//! A decoder lives in [`Service::State`](crate::Service::State) or the service, one for each
//! connection, and is given the connection's input whenever there is some:
//!
//! ```
//! use reactor::codec::LineDecoder;
//! use reactor::{Buffer, Connection, Service};
//!
//! struct Shout;
//!
//! impl Service for Shout {
//!     type State = LineDecoder;
//!     type Post = ();
//!
//!     fn on_message(&mut self, connection: &mut Connection<'_, LineDecoder>, input: &mut Buffer) {
//!         loop {
//!             match connection.state_mut().decode(input) {
//!                 Ok(Some(line)) => {
//!                     let mut answer = line.to_ascii_uppercase();
//!                     answer.push(b'\n');
//!                     connection.send(&answer);
//!                 }
//!                 Ok(None) => return, // the rest of the line has not come
//!                 Err(_too_long) => return connection.force_close(),
//!             }
//!         }
//!     }
//! }
//! ```
//!
//! After an error a stream makes no sense any more, so a decoder goes on to return it.

mod length_prefixed;
mod line;
mod delimited;

pub use delimited::DelimiterDecoder;
pub use length_prefixed::{LengthDecoder, Prefix};
pub use line::LineDecoder;

use std::fmt;

/// The most that a frame may have unless told otherwise, as in muduo's codec.
pub const FRAME_BYTES_MAX: usize = 65_536;

/// A frame has more bytes than it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameTooLong {
    /// The bytes that it has, or has at least.
    pub bytes: usize,
    /// The bytes that it may have.
    pub bytes_max: usize,
}

impl fmt::Display for FrameTooLong {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "a frame of {} bytes, where {} are allowed", self.bytes, self.bytes_max)
    }
}

impl std::error::Error for FrameTooLong {}

#[cfg(test)]
mod tests;
