//! What time it is: the system's monotonic clock, or that of a simulation.

#[cfg(feature = "simulation")]
use crate::driver::simulation::VirtualClock;
use std::time::Instant;

/// Any thread. No timer goes by the wall clock, which may be set.
#[derive(Clone, Debug)]
pub(crate) enum Clock {
    System,
    #[cfg(feature = "simulation")]
    Virtual(VirtualClock),
}

impl Clock {
    pub(crate) fn now(&self) -> Instant {
        match self {
            Self::System => Instant::now(),
            #[cfg(feature = "simulation")]
            Self::Virtual(clock) => clock.now(),
        }
    }
}
