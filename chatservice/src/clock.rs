//! The only place where the wall clock is read.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::chat::Now;

/// The time now, by both clocks.
pub fn now() -> Now {
    now_at(Instant::now())
}

/// `instant`, which is about now, with the wall clock's time.
pub fn now_at(instant: Instant) -> Now {
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Now { instant, unix_ms: wall.as_millis() as u64 }
}
