//! What loops ask of the worker threads, and what comes back: plain data, no I/O.

use chatproto::{GroupId, UserId};

use super::{
    Arrival, Credentials, Outcome, PageLimit, Profile, Resumed, Row, RowId, StoreError, TokenHash,
    Write,
};

/// Work that may block or take long.
#[derive(Clone)]
pub enum Request {
    /// → [`Answer::Credentials`].
    Credentials(UserId),
    /// → [`Answer::Profile`].
    Profile {
        /// Whose.
        user: UserId,
        /// See [`super::Store::profile`].
        members_max: usize,
    },
    /// → [`Answer::Resumed`].
    Resume {
        /// Whose.
        user: UserId,
        /// Of the token that is offered.
        token: TokenHash,
        /// See [`super::Store::profile`].
        members_max: usize,
    },
    /// → [`Answer::Members`].
    Members(GroupId),
    /// → [`Answer::Rows`].
    Rows {
        /// Whose queue.
        recipient: UserId,
        /// Only rows above this one.
        after: RowId,
        /// Where the page ends.
        limit: PageLimit,
    },
    /// → [`Answer::Arrivals`].
    Arrivals {
        /// Only rows above this one.
        after: RowId,
        /// At most so many.
        limit: usize,
    },
    /// → [`Answer::NewestRow`].
    NewestRow,
    /// → [`Answer::Written`], after the commit.
    Write(Write),
    /// Makes the hash of a new password. → [`Answer::Hashed`].
    Hash {
        /// The password itself; never logged.
        password: String,
    },
    /// Checks a password. → [`Answer::Verified`].
    Verify {
        /// The password itself; never logged.
        password: String,
        /// What is stored, see [`PasswordHasher::verify`](super::password::PasswordHasher::verify);
        /// `None` takes as long and says no.
        hash: Option<String>,
    },
}

/// The answer to a [`Request`].
#[derive(Clone)]
pub enum Answer {
    /// See [`super::Store::credentials`].
    Credentials(Result<Option<Credentials>, StoreError>),
    /// See [`super::Store::profile`].
    Profile(Result<Profile, StoreError>),
    /// See [`super::Store::resume`].
    Resumed(Result<Option<Resumed>, StoreError>),
    /// See [`super::Store::members`].
    Members(Result<Option<Vec<UserId>>, StoreError>),
    /// See [`super::Store::rows`].
    Rows(Result<Vec<Row>, StoreError>),
    /// See [`super::Store::arrivals`].
    Arrivals(Result<Vec<Arrival>, StoreError>),
    /// See [`super::Store::newest_row`].
    NewestRow(Result<RowId, StoreError>),
    /// See [`super::Store::commit`].
    Written(Result<Outcome, StoreError>),
    /// A PHC string.
    Hashed(Result<String, StoreError>),
    /// Whether the password is the right one.
    Verified(bool),
}

impl Request {
    /// The answer when it cannot even be queued.
    pub fn unavailable(&self) -> Answer {
        self.failed(StoreError::Unavailable("too much is waiting for it".to_owned()))
    }

    /// The answer when it cannot be carried out.
    pub fn failed(&self, error: StoreError) -> Answer {
        match self {
            Self::Credentials(_) => Answer::Credentials(Err(error)),
            Self::Profile { .. } => Answer::Profile(Err(error)),
            Self::Resume { .. } => Answer::Resumed(Err(error)),
            Self::Members(_) => Answer::Members(Err(error)),
            Self::Rows { .. } => Answer::Rows(Err(error)),
            Self::Arrivals { .. } => Answer::Arrivals(Err(error)),
            Self::NewestRow => Answer::NewestRow(Err(error)),
            Self::Write(_) => Answer::Written(Err(error)),
            Self::Hash { .. } | Self::Verify { .. } => Answer::Hashed(Err(error)),
        }
    }
}
