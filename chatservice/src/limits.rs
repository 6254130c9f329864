//! Every bound that an operator may set, in one place: its default, where the number comes from,
//! and what happens beyond it.

use std::time::Duration;

/// Bounds that the chat rules keep. A session that exceeds one is told so, see each field.
#[derive(Clone, Debug)]
pub struct Rules {
    /// An acknowledging client that said nothing for so long is asked whether it is there.
    pub ping_after: Duration,
    /// One that said nothing for so long is closed.
    pub silence: Duration,
    /// A connection that has not logged in for so long is closed; waiting for the server does
    /// not count.
    pub login_within: Duration,
    /// A recipient that has not acknowledged a message for so long gets a row for it. A second or
    /// two: longer than any healthy round trip, shorter than a sender's patience.
    pub patience: Duration,
    /// Bytes in one object of a session that is logged in; beyond it 105 and close.
    pub object_max: usize,
    /// The same before login.
    pub anonymous_object_max: usize,
    /// Members listed in one login answer, over all groups, so that no answer exceeds a few
    /// megabytes; groups beyond it are listed without members.
    pub login_members_max: usize,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            ping_after: Duration::from_secs(30),
            silence: Duration::from_secs(90),
            login_within: Duration::from_secs(30),
            patience: Duration::from_millis(1500),
            object_max: 64 * 1024,
            anonymous_object_max: 4 * 1024,
            login_members_max: 10_000,
        }
    }
}
