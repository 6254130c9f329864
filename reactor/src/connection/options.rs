//! What can be chosen for the connections of a server, with the reason of each default.

use std::io;
use std::time::Duration;

/// Limits and socket options of connections. All sizes are in bytes.
///
/// A server does not start (`InvalidInput`) unless `low_water < high_water <= output_cap` and
/// `read_budget > 0`.
///
/// ```
/// let options = reactor::ConnectionOptions { output_cap: 1 << 20, ..Default::default() };
/// assert!(options.tcp_no_delay);
/// ```
#[derive(Clone, Debug)]
pub struct ConnectionOptions {
    /// `on_high_water` is called when a flush leaves this much or more in the output queue.
    /// Default 1 MiB: a peer this far behind is slow, not merely busy.
    pub high_water: usize,
    /// After that, `on_low_water` is called when the queue has shrunk to this. Default 256 KiB,
    /// well below the high mark, so that a producer is not switched on and off at every write.
    pub low_water: usize,
    /// The most that may be queued; a send beyond it closes the connection. Output waits for the
    /// end of the turn, so what one turn produces counts as well as what a slow peer left: before
    /// the cap is passed, the kernel is offered what is queued. A turn can thus give even a peer
    /// that reads fast no more than the cap and the kernel's send buffer (at most 4 MiB by
    /// Linux's default), and `on_high_water` does not warn of it, for it comes after the turn's
    /// flush. Default 8 MiB: a thousand stuck peers then cost at most 8 GiB rather than all there
    /// is.
    pub output_cap: usize,
    /// The most a service may leave unread; more closes the connection. Default 8 MiB.
    pub input_cap: usize,
    /// Bytes read from one connection in one turn, rounded up to whole reads of 64 KiB. A turn has
    /// no budget of its own: it is as long as all connections with input make it. Default 256 KiB,
    /// four full reads.
    pub read_budget: usize,
    /// Time from `shutdown` or `close_after_flush` to the end of the connection; then it is cut.
    /// Default 60 s, as Linux waits in FIN-WAIT-2. `None` waits for ever.
    pub closing_timeout: Option<Duration>,
    /// Closes a connection when nothing was received, and nothing that was sent was taken by the
    /// kernel, for this long; [`CloseReason::Timeout`](crate::CloseReason::Timeout) says so. Default
    /// `None`: never. For one connection: [`Connection::set_idle_timeout`](crate::Connection).
    ///
    /// This and the next two cost a message the store of four bytes, and a connection one timer that
    /// is armed anew when it finds that something was done; to the millisecond, 24 days at most.
    pub idle_timeout: Option<Duration>,
    /// Closes a connection when nothing was received for this long, unless its reading is stopped
    /// or the peer's end of stream has come. Default `None`: never.
    pub read_timeout: Option<Duration>,
    /// Closes a connection when output is queued and the kernel took none of it for this long, which
    /// means that the peer reads nothing. Alone it costs an idle connection nothing. Default `None`: never; `output_cap` bounds what it costs.
    pub write_timeout: Option<Duration>,
    /// Time to agree on TLS; then the connection is cut. Default 10 s: two round trips and some
    /// arithmetic, over a bad line. `None` waits for ever. Of no meaning without TLS.
    pub handshake_timeout: Option<Duration>,
    /// Send small segments at once (TCP_NODELAY). Default true: output is gathered per turn, so
    /// Nagle's algorithm would only add delay.
    pub tcp_no_delay: bool,
    /// Idle time before the kernel probes the peer (SO_KEEPALIVE); `None` never probes. Default
    /// 2 hours, the kernel's own; muduo has it on too. Probes follow each third of it, at most
    /// 75 s apart; six without an answer end the connection.
    pub keep_alive: Option<Duration>,
    /// How long the peer may leave sent bytes or probes unanswered before the kernel ends the
    /// connection (TCP_USER_TIMEOUT). Default `None`, the kernel's retransmission limit, about 15
    /// minutes.
    pub user_timeout: Option<Duration>,
}

impl ConnectionOptions {
    /// Refuses what would warn never or at every write, or read nothing.
    pub(crate) fn check(&self) -> io::Result<()> {
        let invalid = |what| Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        if self.low_water >= self.high_water {
            return invalid("low_water must be below high_water");
        }
        if self.high_water > self.output_cap {
            return invalid("high_water must not be above output_cap");
        }
        if self.read_budget == 0 {
            return invalid("read_budget must not be 0");
        }
        Ok(())
    }
}

impl Default for ConnectionOptions {
    fn default() -> Self {
        Self {
            high_water: 1 << 20,
            low_water: 256 << 10,
            output_cap: 8 << 20,
            input_cap: 8 << 20,
            read_budget: 256 << 10,
            closing_timeout: Some(Duration::from_secs(60)),
            idle_timeout: None,
            read_timeout: None,
            write_timeout: None,
            handshake_timeout: Some(Duration::from_secs(10)),
            tcp_no_delay: true,
            keep_alive: Some(Duration::from_secs(2 * 60 * 60)),
            user_timeout: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_that_cannot_work_are_refused() {
        let good = ConnectionOptions::default;
        assert!(good().check().is_ok());
        assert!(ConnectionOptions { output_cap: 1 << 20, ..good() }.check().is_ok());
        let bad = [
            ConnectionOptions { low_water: 1 << 20, ..good() },
            ConnectionOptions { high_water: 0, low_water: 0, ..good() },
            ConnectionOptions { output_cap: (1 << 20) - 1, ..good() },
            ConnectionOptions { read_budget: 0, ..good() },
        ];
        for options in bad {
            let error = options.check().unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{options:?}");
        }
    }
}
