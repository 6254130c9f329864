//! What the server says unasked, chat messages apart; a client may send the first two as well.

use crate::Errno;
use crate::codes::msgid;
use crate::json::ObjectWriter;

/// 1012: appends a ping and a newline.
pub fn ping(out: &mut Vec<u8>) {
    ObjectWriter::message(out, msgid::PING).end_line();
}

/// 1013: appends the answer to a ping and a newline.
pub fn pong(out: &mut Vec<u8>) {
    ObjectWriter::message(out, msgid::PONG).end_line();
}

/// 1014: why the server is about to close the connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Goodbye<'a> {
    /// The reason.
    pub errno: Errno,
    /// The words for it; the default ones unless told.
    pub errmsg: Option<&'a str>,
    /// Milliseconds to wait before coming back.
    pub retry_ms: Option<u64>,
}

impl Goodbye<'_> {
    /// Appends the object and a newline.
    pub fn write(&self, out: &mut Vec<u8>) {
        ObjectWriter::message(out, msgid::GOODBYE)
            .outcome(self.errno, self.errmsg, self.retry_ms)
            .end_line();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_one_line() {
        let mut out = Vec::new();
        ping(&mut out);
        pong(&mut out);
        Goodbye { errno: Errno::TakenOver, errmsg: None, retry_ms: None }.write(&mut out);
        Goodbye { errno: Errno::ShuttingDown, errmsg: Some("bye"), retry_ms: Some(1500) }
            .write(&mut out);
        let expected = concat!(
            "{\"msgid\":1012}\n",
            "{\"msgid\":1013}\n",
            "{\"msgid\":1014,\"errno\":109,\"errmsg\":\"taken over by another login\"}\n",
            "{\"msgid\":1014,\"errno\":111,\"errmsg\":\"bye\",\"retry_ms\":1500}\n",
        );
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
