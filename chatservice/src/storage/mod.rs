//! What outlives processes: accounts, friends, groups, and messages that wait for their
//! recipients. The trait [`Store`] is the contract, [`memory`] its oracle, [`sqlite`] the
//! embedded implementation, [`mysql`] the one that several nodes may share; [`conformance`] is the
//! suite that every implementation passes.
//!
//! Calls block, so they are made on the threads of [`workers`] only, never on a loop.

mod request;

pub use request::{Answer, Request};

#[doc(hidden)]
pub mod conformance;
pub mod memory;
pub mod mysql;
pub mod password;
pub mod sqlite;
pub mod workers;

use std::sync::Arc;

use chatproto::{GroupId, UserId};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use crate::message::Message;

/// Identifies a waiting message. Ids are unique in a store; those of one recipient ascend in the
/// order of delivery.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct RowId(pub i64);

/// Why a call failed. A failed call may or may not have taken effect; every write can be repeated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The store cannot take it now (locked, full disk, connection lost). Try again later.
    #[error("the store is not available: {0}")]
    Unavailable(String),
    /// What is stored makes no sense. Trying again will not help; an operator must look.
    #[error("the stored data is damaged: {0}")]
    Corrupt(String),
}

/// SHA-256 of a resume token; the token itself is never stored.
pub type TokenHash = [u8; 32];

/// What a login is checked against.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The account's name.
    pub name: String,
    /// The password's hash as a PHC string; the password itself in a database that the original
    /// server filled, until its owner logs in.
    pub password: String,
    /// The account's live resume token, if it has one.
    pub token: Option<TokenHash>,
}

impl Credentials {
    /// The account's name if its token has this hash, in a time that does not tell where they differ.
    pub fn name_by_token(self, given: &TokenHash) -> Option<String> {
        let is_right = self.token.is_some_and(|stored| given.ct_eq(&stored).into());
        is_right.then_some(self.name)
    }
}

/// A user as others see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The account.
    pub id: UserId,
    /// Its name.
    pub name: String,
}

/// What somebody may do in a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Made the group.
    Creator,
    /// Joined it.
    Normal,
}

/// A group as one of its members sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The group.
    pub id: GroupId,
    /// Its name.
    pub name: String,
    /// What it is for; may be empty.
    pub description: String,
    /// Its members by ascending id; empty when the profile's member budget ran out before it.
    pub members: Vec<(Person, Role)>,
}

/// What a login answer lists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// By ascending id.
    pub friends: Vec<Person>,
    /// By ascending id.
    pub groups: Vec<Group>,
}

/// What a login by token needs, once the token is found right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resumed {
    /// The account's name.
    pub name: String,
    /// See [`Store::profile`].
    pub profile: Profile,
}

/// A message that waits for its recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its place in the recipient's queue.
    pub id: RowId,
    /// The message.
    pub message: Arc<Message>,
}

/// That a message waits, without the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// For whom.
    pub recipient: UserId,
    /// Where in the queue.
    pub row: RowId,
}

/// Where a page of rows ends: at the row that reaches either bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageLimit {
    /// Rows; with 0 a page is empty.
    pub rows: usize,
    /// Bytes by [`Message::size`]; the row that reaches it is the last one.
    pub bytes: usize,
}

impl PageLimit {
    /// At most `rows`, whatever their size.
    pub fn rows(rows: usize) -> Self {
        Self { rows, bytes: usize::MAX }
    }

    /// Whether `page` is as large as it may be, so that there may be more behind it.
    pub fn is_reached_by(self, page: &[Row]) -> bool {
        let bytes: usize = page.iter().map(|row| row.message.size()).sum();
        page.len() >= self.rows || bytes >= self.bytes
    }
}

/// A change. Each is atomic by itself; a batch of them shares one commit.
#[derive(Clone)]
pub enum Write {
    /// New account. → [`Outcome::Registered`] or [`Outcome::NameTaken`].
    Register {
        /// Unique among accounts, byte for byte.
        name: String,
        /// PHC string.
        password: String,
    },
    /// Replaces the stored password. → [`Outcome::Done`], [`Outcome::NoSuchUser`].
    SetPassword {
        /// Whose.
        user: UserId,
        /// PHC string.
        password: String,
    },
    /// Replaces (`Some`) or ends (`None`) the account's resume token. → [`Outcome::Done`],
    /// [`Outcome::NoSuchUser`].
    SetToken {
        /// Whose.
        user: UserId,
        /// The new one.
        token: Option<TokenHash>,
    },
    /// Puts `friend` on the list of `user`; twice changes nothing. → [`Outcome::Done`],
    /// [`Outcome::NoSuchUser`] (either), [`Outcome::LimitReached`].
    AddFriend {
        /// Whose list.
        user: UserId,
        /// Who is put on it.
        friend: UserId,
    },
    /// New group with one member, its creator. → [`Outcome::GroupCreated`],
    /// [`Outcome::NoSuchUser`], [`Outcome::NameTaken`], [`Outcome::LimitReached`].
    CreateGroup {
        /// Becomes [`Role::Creator`].
        creator: UserId,
        /// Unique among groups, byte for byte.
        name: String,
        /// May be empty.
        description: String,
    },
    /// New member with [`Role::Normal`]; twice changes nothing. → [`Outcome::Done`],
    /// [`Outcome::NoSuchUser`], [`Outcome::NoSuchGroup`], [`Outcome::LimitReached`].
    JoinGroup {
        /// Who joins.
        user: UserId,
        /// What.
        group: GroupId,
    },
    /// Appends messages to the recipient's queue, in this order. A message that (recipient,
    /// sender, mid) says is there already is not appended again. All or none of one `Deposit`
    /// is appended. → [`Outcome::Deposited`], [`Outcome::NoSuchUser`], [`Outcome::LimitReached`].
    Deposit {
        /// Whose queue.
        recipient: UserId,
        /// At least one.
        messages: Vec<Arc<Message>>,
    },
    /// Takes rows out of the recipient's queue; rows that are gone already are no error.
    /// No client waits for it, so that it may be carried out after writes that were submitted later,
    /// but not after those of the same [`Write::queue`] nor after [`Write::Barrier`].
    /// → [`Outcome::Done`].
    Remove {
        /// Whose queue.
        recipient: UserId,
        /// Which.
        rows: Vec<RowId>,
    },
    /// Takes out the rows that deposits of these messages made, for one who does not know their
    /// ids yet. → [`Outcome::Done`].
    Withdraw {
        /// Whose queue.
        recipient: UserId,
        /// Found by (recipient, sender, mid); those that are not there are no error.
        messages: Vec<Arc<Message>>,
    },
    /// Changes nothing; its answer says that all writes before it are committed.
    /// → [`Outcome::Done`].
    Barrier,
    /// Changes nothing; its answer says that all writes before it that concern this user's queue
    /// are committed. → [`Outcome::Done`].
    UserBarrier {
        /// Whose queue.
        user: UserId,
    },
}

impl Write {
    /// Whose queue of messages it changes, or must find as the writes before it leave it.
    pub fn queue(&self) -> Option<UserId> {
        match self {
            Self::SetToken { user, .. }
            | Self::UserBarrier { user }
            | Self::Deposit { recipient: user, .. }
            | Self::Remove { recipient: user, .. }
            | Self::Withdraw { recipient: user, .. } => Some(*user),
            _ => None,
        }
    }
}

/// What became of one [`Write`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is so now.
    Done,
    /// The new account's id, counted from 1.
    Registered(UserId),
    /// The new group's id, counted from 1.
    GroupCreated(GroupId),
    /// The rows that hold the messages, in the order of the deposit, new or found.
    Deposited(Vec<RowId>),
    /// Nothing changed: another account or group has the name.
    NameTaken,
    /// Nothing changed: there is no such account.
    NoSuchUser,
    /// Nothing changed: there is no such group.
    NoSuchGroup,
    /// Nothing changed: one of the [`StoreLimits`] would be exceeded.
    LimitReached,
}

/// How much one account may make the store keep.
#[derive(Clone, Copy, Debug)]
pub struct StoreLimits {
    /// Friends on one list.
    pub friends_max: usize,
    /// Groups that one account is a member of.
    pub groups_max: usize,
    /// Members of one group.
    pub members_max: usize,
    /// Messages that wait for one account.
    pub rows_max: usize,
}

/// Durable state. Any thread; calls block.
///
/// Contract of every implementation:
/// 1. `commit` carries out its writes in order. When it returns `Ok`, all that the outcomes
///    say holds even if the machine loses power at once; `Err` says nothing about any of them.
/// 2. A write that is refused ([`Outcome::NameTaken`] and the like) changes nothing and does not
///    disturb its neighbours in the batch.
/// 3. What a `commit` that returned has done is seen by every read that starts later.
/// 4. Row ids of one recipient ascend in the order of commits and are never used again.
/// 5. Names and texts come out byte for byte as they went in.
/// 6. Ids of different recipients may become visible in another order than they ascend in, where
///    several processes write: whoever watches all arrivals asks again from an id that it saw
///    longer ago than a commit takes, see [`Store::arrivals`].
pub trait Store: Send + Sync {
    /// What a login of `user` is checked against; `None` when there is no such account.
    fn credentials(&self, user: UserId) -> Result<Option<Credentials>, StoreError>;

    /// Friends and groups of `user`; an unknown user has none. At most `members_max` members are
    /// listed over all groups: the group that would exceed it and those after it list none.
    fn profile(&self, user: UserId, members_max: usize) -> Result<Profile, StoreError>;

    /// Name and profile of `user` if the account's token has the hash `token`, else `None`.
    fn resume(
        &self,
        user: UserId,
        token: &TokenHash,
        members_max: usize,
    ) -> Result<Option<Resumed>, StoreError> {
        let name = self.credentials(user)?.and_then(|account| account.name_by_token(token));
        let Some(name) = name else { return Ok(None) };
        Ok(Some(Resumed { name, profile: self.profile(user, members_max)? }))
    }

    /// Members of `group` by ascending id; `None` when there is no such group.
    fn members(&self, group: GroupId) -> Result<Option<Vec<UserId>>, StoreError>;

    /// Waiting messages of `recipient` with ids above `after`, ascending, until `limit` is
    /// reached. A page that does not reach it is the last one.
    fn rows(
        &self,
        recipient: UserId,
        after: RowId,
        limit: PageLimit,
    ) -> Result<Vec<Row>, StoreError>;

    /// Rows of all recipients with ids above `after`, ascending, at most `limit`: what came lately,
    /// and for whom. Reads no messages, and costs by what it returns, not by what is stored.
    ///
    /// A row with a lower id may still appear behind one that was returned, until the commit that
    /// makes it ends (contract, 6). A caller that must miss none moves `after` on to an id only
    /// when it has seen it for longer than a commit may take, and counts the time in which the
    /// store answered: while a database server stands still, its transactions do so as well. A
    /// deposit that finds its message stored already makes no row, however long ago that was.
    fn arrivals(&self, after: RowId, limit: usize) -> Result<Vec<Arrival>, StoreError>;

    /// The highest id of a waiting row, [`RowId::default`] when none waits: where one who wants
    /// to know of later arrivals only begins.
    fn newest_row(&self) -> Result<RowId, StoreError>;

    /// Carries out `writes` in one transaction; one outcome for each, in order.
    fn commit(&self, writes: &[Write]) -> Result<Vec<Outcome>, StoreError>;
}
