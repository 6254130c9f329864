//! What can be chosen for the connections of a server, with the reason of each default.

use std::time::Duration;

/// Limits and socket options of connections. All sizes are in bytes.
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
    /// The most that may be queued; a send beyond it closes the connection. Default 8 MiB:
    /// a thousand stuck peers then cost at most 8 GiB rather than all there is.
    pub output_cap: usize,
    /// The most a service may leave unread; more closes the connection. Default 8 MiB.
    pub input_cap: usize,
    /// Bytes read from one connection before the others get their turn. Default 256 KiB, four
    /// full reads.
    pub read_budget: usize,
    /// Time from `shutdown` or `close_after_flush` to the end of the connection; then it is cut.
    /// Default 60 s, as Linux waits in FIN-WAIT-2. `None` waits for ever.
    pub closing_timeout: Option<Duration>,
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

impl Default for ConnectionOptions {
    fn default() -> Self {
        Self {
            high_water: 1 << 20,
            low_water: 256 << 10,
            output_cap: 8 << 20,
            input_cap: 8 << 20,
            read_budget: 256 << 10,
            closing_timeout: Some(Duration::from_secs(60)),
            tcp_no_delay: true,
            keep_alive: Some(Duration::from_secs(2 * 60 * 60)),
            user_timeout: None,
        }
    }
}
