//! The border to the kernel: sockets, what they are ready for, and the wait for them.

pub(crate) mod channel;
pub(crate) mod poller;
pub(crate) mod socket;
