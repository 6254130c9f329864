//! What a failed accept means for the listener. Pure. The numbers are Linux's, see accept(2).

use std::io;

/// What to do after a failed accept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AcceptError {
    /// Nobody waits.
    Drained,
    /// This one connection failed, or a signal came: take the next at once.
    Next,
    /// No descriptor is left: refuse those who wait, and try again later.
    NoDescriptor,
    /// The system is short of something else, or broken: try again later.
    Later,
}

const EINTR: i32 = 4;
const ENOMEM: i32 = 12;
const ENFILE: i32 = 23;
const EMFILE: i32 = 24;
const ENOBUFS: i32 = 105;
/// Errors of the waiting connection that Linux hands to the accept, and EPERM of a firewall.
const OF_THE_CONNECTION: [i32; 12] = [
    1,   // EPERM
    64,  // ENONET
    71,  // EPROTO
    92,  // ENOPROTOOPT
    95,  // EOPNOTSUPP
    100, // ENETDOWN
    101, // ENETUNREACH
    103, // ECONNABORTED
    104, // ECONNRESET
    110, // ETIMEDOUT
    112, // EHOSTDOWN
    113, // EHOSTUNREACH
];

/// Sorts an error of accept into its class.
pub(crate) fn classify(error: &io::Error) -> AcceptError {
    if error.kind() == io::ErrorKind::WouldBlock {
        return AcceptError::Drained;
    }
    match error.raw_os_error() {
        Some(EINTR) => AcceptError::Next,
        Some(EMFILE | ENFILE) => AcceptError::NoDescriptor,
        Some(ENOBUFS | ENOMEM) => AcceptError::Later,
        Some(number) if OF_THE_CONNECTION.contains(&number) => AcceptError::Next,
        // A listener never dies of an error nobody thought of.
        _ => AcceptError::Later,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::io::Errno;

    #[test]
    fn errors_are_sorted_by_whose_fault_they_are() {
        let cases = [
            (Errno::AGAIN, AcceptError::Drained),
            (Errno::INTR, AcceptError::Next),
            (Errno::CONNABORTED, AcceptError::Next),
            (Errno::CONNRESET, AcceptError::Next),
            (Errno::PROTO, AcceptError::Next),
            (Errno::NOPROTOOPT, AcceptError::Next),
            (Errno::OPNOTSUPP, AcceptError::Next),
            (Errno::NONET, AcceptError::Next),
            (Errno::NETDOWN, AcceptError::Next),
            (Errno::NETUNREACH, AcceptError::Next),
            (Errno::HOSTDOWN, AcceptError::Next),
            (Errno::HOSTUNREACH, AcceptError::Next),
            (Errno::TIMEDOUT, AcceptError::Next),
            (Errno::PERM, AcceptError::Next),
            (Errno::MFILE, AcceptError::NoDescriptor),
            (Errno::NFILE, AcceptError::NoDescriptor),
            (Errno::NOBUFS, AcceptError::Later),
            (Errno::NOMEM, AcceptError::Later),
            (Errno::INVAL, AcceptError::Later),
        ];
        for (errno, class) in cases {
            let error = io::Error::from_raw_os_error(errno.raw_os_error());
            assert_eq!(classify(&error), class, "{errno:?}");
        }
    }

    #[test]
    fn an_error_without_a_number_pauses() {
        assert_eq!(classify(&io::Error::other("odd")), AcceptError::Later);
    }
}
