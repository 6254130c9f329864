//! What kind of run it is: how many clients, how they behave, and what goes wrong.

use crate::fault::Fault;
use crate::schedule::{MILLISECOND, Micros, SECOND};

/// How clients acknowledge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Acknowledging {
    /// Well within the server's patience.
    Prompt,
    /// At once, late, in lumps, or not at all for a while.
    Mixed,
}

/// How clients leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leaving {
    /// They stay.
    Never,
    /// In every way that there is, once in so many turns.
    OnceIn(u32),
}

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Profile {
    pub(crate) name: &'static str,
    pub(crate) clients: usize,
    /// Messages that each client sends.
    pub(crate) messages: usize,
    /// Messages sent in one turn, at most.
    pub(crate) burst: usize,
    /// How long clients send and faults happen.
    pub(crate) span: Micros,
    /// One client in so many is an original one.
    pub(crate) plain_one_in: usize,
    /// Whether some messages go to a group, which clients join meanwhile.
    pub(crate) groups: bool,
    pub(crate) acknowledging: Acknowledging,
    pub(crate) leaving: Leaving,
    /// Spans in which the store fails.
    pub(crate) store_failures: usize,
    /// More than one are joined by a bus.
    pub(crate) nodes: usize,
    /// What else goes wrong, and how often.
    pub(crate) faults: (&'static [Fault], usize),
    /// The longest that the store takes for one call.
    pub(crate) store_delay: Micros,
    /// The longest pause of a client's kernel between taking bytes.
    pub(crate) kernel_delay: Micros,
}

const CALM: Profile = Profile {
    name: "calm",
    clients: 5,
    messages: 12,
    burst: 4,
    span: 3 * SECOND,
    plain_one_in: 4,
    groups: false,
    acknowledging: Acknowledging::Prompt,
    leaving: Leaving::Never,
    store_failures: 0,
    nodes: 1,
    faults: (&[], 0),
    store_delay: 20 * MILLISECOND,
    kernel_delay: 5 * MILLISECOND,
};

/// All of them; a seed runs each.
pub(crate) const PROFILES: [Profile; 8] = [
    CALM,
    Profile { name: "groups", groups: true, ..CALM },
    Profile { name: "cuts", span: 10 * SECOND, leaving: Leaving::OnceIn(8), groups: true, ..CALM },
    Profile {
        name: "slow recipients",
        messages: 25,
        span: 12 * SECOND,
        acknowledging: Acknowledging::Mixed,
        kernel_delay: SECOND,
        leaving: Leaving::OnceIn(25),
        ..CALM
    },
    Profile {
        name: "slow store",
        messages: 20,
        span: 15 * SECOND,
        store_delay: 4 * SECOND,
        acknowledging: Acknowledging::Mixed,
        leaving: Leaving::OnceIn(25),
        ..CALM
    },
    Profile {
        name: "store failures",
        messages: 20,
        span: 12 * SECOND,
        store_failures: 3,
        acknowledging: Acknowledging::Mixed,
        leaving: Leaving::OnceIn(15),
        groups: true,
        ..CALM
    },
    Profile {
        name: "crashes",
        messages: 20,
        span: 12 * SECOND,
        faults: (&[Fault::NodeDies], 3),
        leaving: Leaving::OnceIn(20),
        groups: true,
        ..CALM
    },
    Profile {
        name: "storm",
        clients: 3,
        messages: 700,
        burst: 350,
        span: 6 * SECOND,
        plain_one_in: 3,
        acknowledging: Acknowledging::Mixed,
        leaving: Leaving::OnceIn(40),
        ..CALM
    },
];

const CLUSTER: Profile = Profile { name: "cluster", nodes: 2, span: 10 * SECOND, ..CALM };

const FAULTY: Profile = Profile {
    nodes: 2,
    messages: 20,
    span: 24 * SECOND,
    leaving: Leaving::OnceIn(20),
    groups: true,
    ..CALM
};

/// Runs of several nodes.
pub(crate) const CLUSTERS: [Profile; 10] = [
    CLUSTER,
    Profile { name: "cluster groups", nodes: 3, groups: true, ..CLUSTER },
    Profile {
        name: "cluster cuts",
        nodes: 3,
        leaving: Leaving::OnceIn(8),
        groups: true,
        acknowledging: Acknowledging::Mixed,
        ..CLUSTER
    },
    Profile { name: "node crashes", nodes: 3, faults: (&[Fault::NodeDies], 4), ..FAULTY },
    Profile { name: "node freezes", faults: (&[Fault::NodeFreezes], 3), ..FAULTY },
    Profile { name: "redis crashes", faults: (&[Fault::RedisDies], 3), ..FAULTY },
    Profile {
        name: "bus breaks",
        faults: (&[Fault::RedisFreezes, Fault::SubscriptionEnds, Fault::TalkEnds], 6),
        ..FAULTY
    },
    Profile {
        name: "bus cuts",
        nodes: 3,
        faults: (
            &[Fault::RequestsCut, Fault::RepliesCut, Fault::SubscriptionStuck, Fault::NodeCut],
            4,
        ),
        ..FAULTY
    },
    Profile {
        name: "cluster store failures",
        store_failures: 3,
        faults: (&[Fault::NodeDies], 2),
        acknowledging: Acknowledging::Mixed,
        ..FAULTY
    },
    Profile {
        name: "cluster trouble",
        nodes: 3,
        faults: (
            &[
                Fault::NodeDies,
                Fault::NodeFreezes,
                Fault::RedisDies,
                Fault::RedisFreezes,
                Fault::NodeCut,
                Fault::SubscriptionEnds,
                Fault::TalkEnds,
            ],
            6,
        ),
        acknowledging: Acknowledging::Mixed,
        ..FAULTY
    },
];

impl Profile {
    /// Whether nothing goes wrong in such a run.
    pub(crate) fn is_faultless(&self) -> bool {
        self.leaving == Leaving::Never
            && self.acknowledging == Acknowledging::Prompt
            && self.store_failures == 0
            && self.faults.1 == 0
    }
}
