//! The names of the fields, for writing.

/// A field, written as `"name":`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Key(pub(super) &'static str);

impl Key {
    pub(crate) const ACK: Self = Self("\"ack\":");
    pub(crate) const ERRMSG: Self = Self("\"errmsg\":");
    pub(crate) const ERRNO: Self = Self("\"errno\":");
    pub(crate) const FORCE: Self = Self("\"force\":");
    pub(crate) const FRIEND_ID: Self = Self("\"friendid\":");
    pub(crate) const FRIENDS: Self = Self("\"friends\":");
    pub(crate) const GROUP_DESCRIPTION: Self = Self("\"groupdesc\":");
    pub(crate) const GROUP_ID: Self = Self("\"groupid\":");
    pub(crate) const GROUP_NAME: Self = Self("\"groupname\":");
    pub(crate) const GROUPS: Self = Self("\"groups\":");
    pub(crate) const ID: Self = Self("\"id\":");
    pub(crate) const MID: Self = Self("\"mid\":");
    pub(crate) const MSG: Self = Self("\"msg\":");
    pub(crate) const MSGID: Self = Self("\"msgid\":");
    pub(crate) const NAME: Self = Self("\"name\":");
    pub(crate) const OFFLINE: Self = Self("\"offlinemsg\":");
    pub(crate) const PASSWORD: Self = Self("\"password\":");
    pub(crate) const RETRY_MS: Self = Self("\"retry_ms\":");
    pub(crate) const ROLE: Self = Self("\"role\":");
    pub(crate) const SEQ: Self = Self("\"seq\":");
    pub(crate) const SID: Self = Self("\"sid\":");
    pub(crate) const STATE: Self = Self("\"state\":");
    pub(crate) const TIME: Self = Self("\"time\":");
    pub(crate) const TO_ID: Self = Self("\"toid\":");
    pub(crate) const TOKEN: Self = Self("\"token\":");
    pub(crate) const USERS: Self = Self("\"users\":");
}
