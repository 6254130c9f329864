//! What can fail for the operator: an operation of the system, and on what.

use std::{fmt, io};

/// The result of operations on loops and servers.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An operation of the operating system that failed, with its subject.
#[derive(Debug)]
pub struct Error {
    operation: &'static str,
    subject: String,
    source: io::Error,
}

impl Error {
    pub(crate) fn new(
        operation: &'static str,
        subject: impl fmt::Display,
        source: io::Error,
    ) -> Self {
        Self { operation, subject: subject.to_string(), source }
    }

    /// What was attempted, for example `"bind"`.
    pub fn operation(&self) -> &'static str {
        self.operation
    }

    /// What it was attempted on, for example an address.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The kind of the cause.
    pub fn kind(&self) -> io::ErrorKind {
        self.source.kind()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "cannot {} {}: {}", self.operation, self.subject, self.source)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

/// The loop that should have received this has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed;

impl fmt::Display for Closed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the event loop has ended")
    }
}

impl std::error::Error for Closed {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_names_operation_subject_and_cause() {
        let error = Error::new("bind", "127.0.0.1:80", io::ErrorKind::PermissionDenied.into());
        assert_eq!(error.to_string(), "cannot bind 127.0.0.1:80: permission denied");
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
    }
}
