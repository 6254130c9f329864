//! What the checker found.

use std::collections::BTreeMap;

use super::ledger::Ledger;
use super::timing::Timing;

/// Of each kind so many are told in full; the others are counted.
const TOLD_MAX: usize = 20;

/// What a server can do wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Answered with errno 0, and a recipient never got it.
    Lost,
    /// Pushed, and nobody sent it.
    Phantom,
    /// Pushed to somebody whom it was not for.
    Misdelivered,
    /// Pushed with another text or target than it was sent with.
    Altered,
    /// Overtaken by a later one of the same sender for the same target.
    Disordered,
    /// Numbers of pushes are not 1, 2, 3 … on a connection.
    Misnumbered,
    /// One sid for two messages, or, without a fault, two sids for one message.
    Misnamed,
    /// Pushed twice although nothing had gone wrong.
    Repeated,
    /// Came long after its answer to a recipient who was there.
    Late,
    /// Sent, and not answered in the end.
    Unanswered,
    /// An error that no client has earned.
    Refused,
    /// A connection ended although another node than its own was ended.
    CutOff,
    /// Pings took too long.
    SlowPings,
    /// Service was not back in time.
    SlowRecovery,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Of which kind.
    pub kind: Kind,
    /// When, in the history's microseconds.
    pub at: u64,
    /// What exactly.
    pub text: String,
}

/// What happened from a fault's beginning to that of the next one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// The fault; "no fault" for the time before the first.
    pub fault: String,
    /// How often it was injected.
    pub times: u64,
    /// Messages answered with errno 0.
    pub answered: u64,
    /// Messages that a recipient never got.
    pub lost: u64,
    /// Pushes of what the recipient had already; the contract allows them after a fault.
    pub repeated: u64,
    /// Messages that were overtaken.
    pub disordered: u64,
    /// The longest time without an answered message, in microseconds.
    pub silence: u64,
    /// The longest time from the fault's end to the first new answered message, in microseconds.
    pub recovery: u64,
    /// The 99th percentile of pings, in microseconds.
    pub ping: u64,
}

/// The checker's last word.
#[derive(Clone, Debug, Default)]
pub struct Verdict {
    /// Of each kind the first ones, by time.
    pub violations: Vec<Violation>,
    /// How many there are of each kind.
    pub counts: BTreeMap<Kind, usize>,
    /// One for each fault, in the order in which they came first.
    pub rows: Vec<Row>,
    /// Messages sent, repeats left out.
    pub sent: usize,
    /// Those answered with errno 0.
    pub answered: usize,
    /// Messages received, repeats left out.
    pub received: usize,
    /// The 99th percentile of pings, in microseconds.
    pub ping: u64,
    /// The same for the bare echo.
    pub echo: u64,
}

impl Verdict {
    /// Whether nothing was found.
    pub fn is_good(&self) -> bool {
        self.counts.is_empty()
    }
}

/// Findings while they are being made.
#[derive(Debug, Default)]
pub(super) struct Findings {
    violations: Vec<Violation>,
    counts: BTreeMap<Kind, usize>,
    /// When what a table counts happened, told or not.
    pub(super) times: Vec<(Kind, u64)>,
}

impl Findings {
    pub(super) fn add(&mut self, kind: Kind, at: u64, text: impl FnOnce() -> String) {
        let count = self.counts.entry(kind).or_default();
        *count += 1;
        self.times.push((kind, at));
        if *count <= TOLD_MAX {
            self.violations.push(Violation { kind, at, text: text() });
        }
    }
}

pub(super) fn sum_up(ledger: &Ledger, timing: &Timing, mut findings: Findings) -> Verdict {
    findings.violations.sort_by_key(|violation| violation.at);
    Verdict {
        rows: timing.rows(&findings),
        violations: findings.violations,
        counts: findings.counts,
        sent: ledger.sent(),
        answered: ledger.answered(),
        received: ledger.received(),
        ping: timing.ping(),
        echo: timing.echo(),
    }
}
