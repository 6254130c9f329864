//! What a login answer lists: friends, groups and their members.

use crate::json::{Key, ObjectWriter};
use crate::{GroupId, UserId};

/// A friend, and whether the friend is online now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FriendEntry {
    /// The friend.
    pub id: UserId,
    /// The friend's name.
    pub name: String,
    /// Whether the friend is online.
    pub online: bool,
}

/// A group and its members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupEntry {
    /// The group.
    pub id: GroupId,
    /// The group's name.
    pub name: String,
    /// The group's description.
    pub description: String,
    /// The members.
    pub users: Vec<MemberEntry>,
}

/// A member of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberEntry {
    /// The member.
    pub id: UserId,
    /// The member's name.
    pub name: String,
    /// Whether the member is online.
    pub online: bool,
    /// What the member is in the group.
    pub role: Role,
}

/// What a member is in a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The one who created the group.
    Creator,
    /// Any other.
    Normal,
}

impl Role {
    pub(crate) const CREATOR: &'static str = "creator";
    pub(crate) const NORMAL: &'static str = "normal";

    /// The role's word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Creator => Self::CREATOR,
            Self::Normal => Self::NORMAL,
        }
    }
}

pub(crate) const ONLINE: &str = "online";
pub(crate) const OFFLINE: &str = "offline";

fn state(online: bool) -> &'static str {
    if online { ONLINE } else { OFFLINE }
}

impl FriendEntry {
    pub(crate) fn write(&self, out: &mut String) {
        ObjectWriter::new(out)
            .integer(Key::ID, self.id.0)
            .text(Key::NAME, &self.name)
            .text(Key::STATE, state(self.online))
            .end();
    }
}

impl GroupEntry {
    pub(crate) fn write(&self, out: &mut String) {
        ObjectWriter::new(out)
            .integer(Key::ID, self.id.0)
            .text(Key::GROUP_NAME, &self.name)
            .text(Key::GROUP_DESCRIPTION, &self.description)
            .texts(Key::USERS, &self.users, MemberEntry::write)
            .end();
    }
}

impl MemberEntry {
    fn write(&self, out: &mut String) {
        ObjectWriter::new(out)
            .integer(Key::ID, self.id.0)
            .text(Key::NAME, &self.name)
            .text(Key::STATE, state(self.online))
            .text(Key::ROLE, self.role.as_str())
            .end();
    }
}
