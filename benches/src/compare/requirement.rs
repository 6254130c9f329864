//! What must come out of a comparison.

use std::fmt;

/// A figure that has a bound.
#[derive(Clone, Debug)]
pub struct Requirement {
    what: &'static str,
    bound: Bound,
    /// NaN if it could not be measured.
    found: f64,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

impl Requirement {
    pub(super) fn new(what: &'static str, bound: Bound, found: f64) -> Self {
        Self { what, bound, found }
    }

    /// Whether it is met; what was not measured is not.
    pub fn is_met(&self) -> bool {
        match self.bound {
            Bound::AtLeast(least) => self.found >= least,
            Bound::AtMost(most) => self.found <= most,
        }
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, found, .. } = self;
        let verdict = if self.is_met() { "met" } else { "MISSED" };
        let (words, bound) = match self.bound {
            Bound::AtLeast(least) => ("at least", least),
            Bound::AtMost(most) => ("at most", most),
        };
        if found.is_nan() {
            write!(f, "- {verdict}: {what}: not measured, {words} {bound} is required")
        } else {
            let decimals = if *found < 100.0 { 2 } else { 0 };
            write!(f, "- {verdict}: {what}: {found:.decimals$}, {words} {bound} is required")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_met_or_missed() {
        let check = |bound, found, is_met, text: &str| {
            let requirement = Requirement::new("x", bound, found);
            assert_eq!(requirement.is_met(), is_met);
            assert_eq!(requirement.to_string(), text);
        };
        check(Bound::AtLeast(1.5), 1.5, true, "- met: x: 1.50, at least 1.5 is required");
        check(Bound::AtLeast(1.5), 1.49, false, "- MISSED: x: 1.49, at least 1.5 is required");
        check(Bound::AtMost(1000.0), 999.9, true, "- met: x: 1000, at most 1000 is required");
        check(
            Bound::AtMost(1.0),
            f64::NAN,
            false,
            "- MISSED: x: not measured, at most 1 is required",
        );
    }
}
