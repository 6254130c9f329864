//! How long something took.

use std::io;
use std::time::{Duration, Instant};

/// By the clock, and by that of the processors.
pub(super) struct Spent {
    pub(super) wall: Duration,
    pub(super) cpu: Duration,
}

impl Spent {
    /// What `work` takes; `computed` tells what has been computed so far by those who count.
    pub(super) fn by<T>(
        computed: impl Fn() -> io::Result<Duration>,
        work: impl FnOnce() -> io::Result<T>,
    ) -> io::Result<(T, Self)> {
        let (start, before) = (Instant::now(), computed()?);
        let result = work()?;
        let wall = start.elapsed();
        Ok((result, Self { wall, cpu: computed()?.saturating_sub(before) }))
    }
}
