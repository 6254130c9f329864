//! The faults that there are.

use std::time::Duration;

use crate::cluster::Bus;
use crate::plan::Pace;

/// One way in which something can go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// kill -9 of a node, and its restart.
    KillNode,
    /// A node stands still and goes on.
    FreezeNode,
    /// SIGINT of a node, and its restart.
    InterruptNode,
    /// SIGTERM of all nodes, one after the other, and their restarts.
    RollingRestart,
    /// kill -9 of Redis, which comes back empty.
    KillRedis,
    /// Redis stands still and goes on.
    FreezeRedis,
    /// One node's connections to Redis are reset and new ones refused.
    CutRedis,
    /// One node is not heard by Redis, or does not hear it.
    SilenceRedis,
    /// One node and Redis hear each other late.
    DelayRedis,
    /// kill -9 of MariaDB, and its restart.
    KillMariaDb,
    /// MariaDB stands still and goes on.
    FreezeMariaDb,
    /// One node's connections to MariaDB are reset and new ones refused.
    CutMariaDb,
    /// One node is not heard by MariaDB, or does not hear it.
    SilenceMariaDb,
    /// nginx takes new workers.
    ReloadNginx,
    /// Some clients vanish without a FIN and come back another way.
    ClientVanishes,
    /// A client reads nothing, for longer than the server waits in the long form.
    ClientStandsStill,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 16] = [
        Self::KillNode,
        Self::FreezeNode,
        Self::InterruptNode,
        Self::RollingRestart,
        Self::KillRedis,
        Self::FreezeRedis,
        Self::CutRedis,
        Self::SilenceRedis,
        Self::DelayRedis,
        Self::KillMariaDb,
        Self::FreezeMariaDb,
        Self::CutMariaDb,
        Self::SilenceMariaDb,
        Self::ReloadNginx,
        Self::ClientVanishes,
        Self::ClientStandsStill,
    ];

    /// Those that can happen where nodes are joined by `bus`.
    pub fn of(bus: Bus) -> Vec<Self> {
        Self::ALL.into_iter().filter(|fault| bus == Bus::Redis || !fault.needs_redis()).collect()
    }

    fn needs_redis(self) -> bool {
        matches!(
            self,
            Self::KillRedis
                | Self::FreezeRedis
                | Self::CutRedis
                | Self::SilenceRedis
                | Self::DelayRedis
        )
    }

    /// What reports call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::KillNode => "kill -9 of a node",
            Self::FreezeNode => "node frozen",
            Self::InterruptNode => "SIGINT of a node",
            Self::RollingRestart => "rolling restart",
            Self::KillRedis => "kill -9 of Redis, back empty",
            Self::FreezeRedis => "Redis frozen",
            Self::CutRedis => "Redis cut off from a node",
            Self::SilenceRedis => "Redis and a node: one-way silence",
            Self::DelayRedis => "Redis and a node: delay",
            Self::KillMariaDb => "kill -9 of MariaDB",
            Self::FreezeMariaDb => "MariaDB frozen",
            Self::CutMariaDb => "MariaDB cut off from a node",
            Self::SilenceMariaDb => "MariaDB and a node: one-way silence",
            Self::ReloadNginx => "nginx reloaded",
            Self::ClientVanishes => "clients cut without FIN",
            Self::ClientStandsStill => "client that never reads",
        }
    }

    /// How long it lasts, not counting what takes its own time.
    pub fn hold(self, pace: Pace) -> Duration {
        let (short, long) = match self {
            Self::KillNode => (500, 2000),
            // Longer than a lease, which is 4 s.
            Self::FreezeNode => (5000, 10_000),
            Self::InterruptNode | Self::RollingRestart => (100, 1000),
            Self::KillRedis | Self::KillMariaDb => (1000, 3000),
            Self::FreezeRedis | Self::CutRedis | Self::SilenceRedis => (3000, 8000),
            Self::DelayRedis => (2000, 5000),
            Self::FreezeMariaDb | Self::CutMariaDb | Self::SilenceMariaDb => (3000, 8000),
            Self::ReloadNginx => (500, 1000),
            // Clients notice after 2 s.
            Self::ClientVanishes => (2500, 3000),
            // Longer than messages wait for being acknowledged; than the server's 90 s.
            Self::ClientStandsStill => (4000, 95_000),
        };
        Duration::from_millis(match pace {
            Pace::Short => short,
            Pace::Long => long,
        })
    }
}
