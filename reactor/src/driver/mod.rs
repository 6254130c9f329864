//! The border to the kernel: sockets, what they are ready for, the wait for them, and the time.

pub(crate) mod address;
pub(crate) mod affinity;
pub(crate) mod descriptors;
pub(crate) mod channel;
pub(crate) mod clock;
pub(crate) mod completion;
pub(crate) mod listening;
pub(crate) mod poller;
#[cfg(feature = "simulation")]
pub(crate) mod simulation;
pub(crate) mod socket;
pub(crate) mod stream;
