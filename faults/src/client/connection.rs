//! One connection: JSON objects, one a line from the server.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::Value;

/// A server that takes no bytes for so long is given up.
const WRITE_WITHIN: Duration = Duration::from_secs(3);
const CHUNK: usize = 64 * 1024;
/// The shortest time that the kernel takes for a time-out.
const SHORTEST: Duration = Duration::from_micros(1);

/// A connection, blocking.
pub struct Connection {
    stream: TcpStream,
    /// Begins after what was taken already.
    unread: Vec<u8>,
    taken: usize,
}

impl Connection {
    /// Speaks over `stream`.
    pub fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_write_timeout(Some(WRITE_WITHIN))?;
        Ok(Self { stream, unread: Vec::new(), taken: 0 })
    }

    /// Sends one object.
    pub fn send(&mut self, object: &Value) -> io::Result<()> {
        let mut line = object.to_string();
        line.push('\n');
        self.stream.write_all(line.as_bytes())
    }

    /// The next object; None when none came until `deadline`. An error when the connection is over.
    pub fn receive(&mut self, deadline: Instant) -> io::Result<Option<Value>> {
        loop {
            if let Some(object) = self.next_line()? {
                return Ok(Some(object));
            }
            let left = deadline.saturating_duration_since(Instant::now()).max(SHORTEST);
            self.stream.set_read_timeout(Some(left))?;
            let mut chunk = [0; CHUNK];
            match self.stream.read(&mut chunk) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(count) => self.unread.extend_from_slice(&chunk[..count]),
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) =>
                {
                    return Ok(None);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn next_line(&mut self) -> io::Result<Option<Value>> {
        let rest = &self.unread[self.taken..];
        let Some(end) = rest.iter().position(|byte| *byte == b'\n') else {
            self.unread.drain(..self.taken);
            self.taken = 0;
            return Ok(None);
        };
        let object = serde_json::from_slice(&rest[..end])?;
        self.taken += end + 1;
        Ok(Some(object))
    }
}
