//! What can be wrong with an object, by what becomes of the connection.

use thiserror::Error;

/// Why an object was not understood.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// Not JSON, not UTF-8 or not an object: the connection is to be closed.
    #[error("malformed")]
    Malformed,
    /// A well-formed object that is no request: it is answered with an error, and the connection
    /// lives on.
    #[error("{why}")]
    Wrong {
        /// The object's `mid`, to be repeated in the answer, when it has a usable one.
        mid: Option<String>,
        /// The object's `msgid`, which tells the kind of answer, when it has a usable one.
        msgid: Option<i64>,
        /// What is wrong, as a sentence for the one who wrote the client.
        why: String,
    },
}
