//! Errors about what a server said.

use chatproto::Status;
use std::io;

/// Bytes of a line that stand in an error.
const SHOWN_MAX: usize = 400;

/// The line that came, and why it should not have.
pub(super) fn surprise(line: &[u8], what: &str) -> io::Error {
    let shown = &line[..line.len().min(SHOWN_MAX)];
    let text = format!("{what}: {}", String::from_utf8_lossy(shown));
    io::Error::new(io::ErrorKind::InvalidData, text)
}

/// What a server did not do, and why it says so.
pub(super) fn refused(what: &str, status: &Status) -> io::Error {
    let reason = status.errmsg.as_deref().unwrap_or("no reason given");
    io::Error::other(format!("the server refused to {what}: errno {}, {reason}", status.code))
}
