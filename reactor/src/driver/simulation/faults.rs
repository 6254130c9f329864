//! What a simulated network does to those who use it.

use std::ops::Range;
use std::time::Duration;

/// How a simulation behaves; all of it by the seed.
#[derive(Clone, Debug)]
pub struct Faults {
    /// Room in the buffers of one direction of a connection, in bytes. A small one makes short writes.
    pub buffer_bytes: Range<usize>,
    /// Length of the pieces in which bytes arrive. Small ones make short reads.
    pub segment_bytes: Range<usize>,
    /// How long each piece takes.
    pub delay: Range<Duration>,
    /// Share of accepts that fail for want of descriptors, or with an error of the client, from 0 to 1.
    pub accept_errors: f64,
    /// Share of waits that also report a readiness which is not there, or which belongs to a socket
    /// that was closed before, from 0 to 1.
    pub false_events: f64,
    /// The most events that one wait reports.
    pub events_max: usize,
}

impl Faults {
    /// A fast and friendly network.
    pub fn none() -> Self {
        Self {
            buffer_bytes: 65_536..65_537,
            segment_bytes: 65_536..65_537,
            delay: Duration::from_micros(50)..Duration::from_micros(51),
            accept_errors: 0.0,
            false_events: 0.0,
            events_max: 1024,
        }
    }

    /// One that does all that networks and kernels may do.
    pub fn harsh() -> Self {
        Self {
            buffer_bytes: 16..20_000,
            segment_bytes: 1..3_000,
            delay: Duration::ZERO..Duration::from_millis(3),
            accept_errors: 0.2,
            false_events: 0.2,
            events_max: 4,
        }
    }
}
