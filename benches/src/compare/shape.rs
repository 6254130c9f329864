//! Shapes of work.

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Shape {
    /// 100 pairs, one message under way in each
    OneEach,
    /// 20 pairs, 50 under way in each
    Pipelined,
    /// Clients that have logged in and do nothing
    Idle,
    /// Both of the first two, across two nodes, beside two nats-servers
    TwoNodes,
}

impl Shape {
    /// What stands in the table.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::OneEach => "one in flight",
            Self::Pipelined => "pipelined",
            Self::Idle => "idle",
            Self::TwoNodes => "two nodes",
        }
    }

    /// Pairs of clients, and messages of each pair under way, where pairs play.
    pub(super) fn pairs(self) -> Option<(usize, u64)> {
        match self {
            Self::OneEach => Some((100, 1)),
            Self::Pipelined => Some((20, 50)),
            Self::Idle | Self::TwoNodes => None,
        }
    }
}
