//! What the relay bench found.

use crate::comparison::Comparison;
use crate::round::Round;
use std::fmt;

/// All rounds.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The ChatServer's beside the bare loop's.
    pub comparison: Comparison,
}

impl Report {
    /// Whether something else had the processors: neither the server nor the load was busy nearly
    /// all the time, though one of them always has something to do. The rates then tell more of
    /// the scheduler than of the servers; the CPU time of a message stays meaningful.
    pub fn is_disturbed(&self) -> bool {
        let busiest = |round: &Round| round.server_share.max(round.load_share);
        self.comparison.least(busiest) < 0.9
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.comparison)?;
        if self.is_disturbed() {
            let text = "other work had the processors: only the ratio by CPU time is sound";
            write!(f, "\n{text}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::round::tests::round;

    #[test]
    fn a_round_in_which_nobody_was_busy_is_disturbed() {
        let with_share = |share| Round { server_share: share, ..round(100.0, 4.0) };
        let report = |share| Report {
            comparison: Comparison {
                reference: vec![with_share(1.0)],
                chat: vec![with_share(share)],
            },
        };
        assert!(!report(0.97).is_disturbed());
        assert!(report(0.6).is_disturbed());
    }
}
