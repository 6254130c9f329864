//! A connection on which a login is under way: asks, and reads up to what it waits for.

use memchr::memmem;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// A server that needs longer is not working.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);
/// No greeting is longer.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// See the module.
pub(super) struct Conversation {
    stream: TcpStream,
}

impl Conversation {
    pub(super) fn begin(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(ANSWER_WITHIN))?;
        Ok(Self { stream })
    }

    /// Says `request` and reads until `sign` has come, and `end` somewhere after it as the last
    /// thing of all.
    pub(super) fn ask(&mut self, request: &[u8], sign: &[u8], end: &[u8]) -> io::Result<()> {
        self.stream.write_all(request)?;
        let mut answer = Vec::new();
        while !is_complete(&answer, sign, end) {
            let mut bytes = [0; 4096];
            let failed = |what: &dyn std::fmt::Display| {
                let (sign, answer) =
                    (String::from_utf8_lossy(sign), String::from_utf8_lossy(&answer));
                io::Error::other(format!("{what} while waiting for {sign:?}; it said {answer:?}"))
            };
            match self.stream.read(&mut bytes) {
                Ok(0) => return Err(failed(&"the server hung up")),
                Ok(count) => answer.extend_from_slice(&bytes[..count]),
                Err(error) => return Err(failed(&error)),
            }
            if answer.len() > ANSWER_BYTES_MAX {
                return Err(io::Error::other("the server does not stop talking"));
            }
        }
        Ok(())
    }

    /// When all has been said.
    pub(super) fn into_stream(self) -> TcpStream {
        self.stream
    }
}

fn is_complete(answer: &[u8], sign: &[u8], end: &[u8]) -> bool {
    let Some(at) = memmem::find(answer, sign) else { return false };
    answer.ends_with(end) && at + sign.len() <= answer.len() - end.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_complete_with_sign_and_end() {
        assert!(is_complete(b"<a id='b'>c</a>", b"id='b'", b">"));
        assert!(is_complete(b"OK", b"OK", b""));
        for part in ["", "x>", "<a id='b'", "<a id='b'>c"] {
            assert!(!is_complete(part.as_bytes(), b"id='b'", b">"), "{part}");
        }
        assert!(!is_complete(b"OK\r\nmore", b"OK", b"\n"));
        assert!(!is_complete(b"OK", b"OK", b"K"), "the end is the sign's own");
    }
}
