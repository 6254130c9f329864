//! Which of the two kinds of database servers it is, where one can do more than the other.

/// A kind of server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// An INSERT can return the ids of its rows.
    MariaDb,
    /// It cannot.
    MySql,
}

impl Dialect {
    /// By what the server says its version is.
    pub(super) fn of(version: &str) -> Self {
        if version.contains("MariaDB") { Self::MariaDb } else { Self::MySql }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_told_by_the_version() {
        assert_eq!(Dialect::of("10.11.14-MariaDB-0+deb12u2"), Dialect::MariaDb);
        assert_eq!(Dialect::of("8.0.40"), Dialect::MySql);
    }
}
