//! What the cluster bench found.

use super::Shape;
use crate::comparison::Comparison;
use std::fmt;

/// How busy both processors must have been with servers and load together, of 2.
const BUSY_MIN: f64 = 1.5;

/// The rounds of one shape of work.
#[derive(Clone, Debug)]
pub struct Report {
    /// Which.
    pub shape: Shape,
    /// The ChatServers beside the nats-servers.
    pub comparison: Comparison,
}

impl Report {
    /// Whether the ChatServers are as fast as the shape requires.
    pub fn passed(&self) -> bool {
        self.comparison.rate_ratio() >= self.shape.required
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shape { pairs, in_flight, required, .. } = self.shape;
        writeln!(f, "{pairs} pairs, {in_flight} under way in each")?;
        writeln!(f, "{}", self.comparison)?;
        let verdict = if self.passed() { "passed" } else { "FAILED" };
        write!(f, "{verdict}: a ratio of the median rates of {required} is required")?;
        let busy = self.comparison.least(|round| round.server_share + round.load_share);
        if busy < BUSY_MIN {
            write!(f, "\nonly {busy:.2} processors were busy with it: see the README")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comparison::tests::comparison;

    #[test]
    fn a_shape_passes_with_the_ratio_that_it_requires() {
        let report = |required| {
            let shape = Shape { required, ..Shape::ONE_EACH };
            Report { shape, comparison: comparison() }
        };
        assert!(report(0.5).passed());
        assert!(report(0.5).to_string().contains("passed: a ratio"));
        assert!(!report(0.51).passed());
        assert!(report(0.51).to_string().contains("FAILED: a ratio"));
    }
}
