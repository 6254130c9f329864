//! Decodes what a server sends, for clients; owned, since no client is short of time.

use super::request_fields::{blame, object_text};
use crate::codes::msgid;
use crate::entries::ONLINE;
use crate::{
    Chat, DecodeError, Delivery, Event, FriendEntry, GroupEntry, GroupId, LoginOutcome,
    MemberEntry, Role, Status, Target, UserId,
};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use std::borrow::Cow;

/// Every field that a server sends, in the stream or in a text within an object.
#[derive(Default, Deserialize)]
#[serde(default)]
struct EventFields {
    msgid: Option<i64>,
    mid: Option<String>,
    errno: Option<i64>,
    errmsg: Option<String>,
    retry_ms: Option<u64>,
    id: Option<i64>,
    name: Option<String>,
    state: Option<String>,
    role: Option<String>,
    toid: Option<i64>,
    msg: Option<String>,
    time: Option<String>,
    seq: Option<u64>,
    sid: Option<String>,
    token: Option<String>,
    groupid: Option<i64>,
    groupname: Option<String>,
    groupdesc: Option<String>,
    friends: Vec<String>,
    groups: Vec<String>,
    offlinemsg: Vec<String>,
    users: Vec<String>,
}

/// The fields that make a message a stored one, or one recipient's own.
#[derive(Deserialize)]
struct StoredFields {
    msgid: i64,
    #[serde(default, deserialize_with = "is_present")]
    seq: bool,
    #[serde(default, deserialize_with = "is_present")]
    sid: bool,
    #[serde(default, deserialize_with = "is_present")]
    mid: bool,
}

fn is_present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| true)
}

/// Reads one object that a server sent.
///
/// Fields that this version does not know are ignored.
///
/// ```
/// use chatproto::{decode_event, DecodeError, Event};
///
/// assert_eq!(decode_event(br#"{"msgid":1012,"new":[1]}"#)?, Event::Ping);
/// # Ok::<(), DecodeError>(())
/// ```
pub fn decode_event(text: &[u8]) -> Result<Event, DecodeError> {
    let fields: EventFields = parse(object_text(text)?)?;
    Ok(match required(fields.msgid, "msgid")? {
        msgid::LOGIN_ACK => Event::LoginAnswer(fields.into_login_outcome()?),
        msgid::REGISTER_ACK => Event::RegisterAnswer {
            id: fields.id.map(UserId),
            status: fields.status()?,
            mid: fields.mid,
        },
        msgid::CHAT | msgid::GROUP_CHAT => Event::Chat(fields.into_chat()?),
        msgid::ANSWER => Event::Answer {
            group: fields.groupid.map(GroupId),
            state: fields.delivery(),
            status: fields.status()?,
            mid: fields.mid,
        },
        msgid::PING => Event::Ping,
        msgid::PONG => Event::Pong,
        msgid::GOODBYE => Event::Goodbye { status: fields.status()? },
        unknown => Event::Unknown(unknown),
    })
}

/// `text` if it is a relayed message that is no recipient's own yet, else made into such a one.
pub(crate) fn stored_chat(text: &str) -> Option<Cow<'_, str>> {
    let object = object_text(text.as_bytes()).ok()?;
    let stored: StoredFields = serde_json::from_str(object).ok()?;
    if !matches!(stored.msgid, msgid::CHAT | msgid::GROUP_CHAT) {
        return None;
    }
    if !(stored.seq || stored.sid || stored.mid) {
        return Some(Cow::Borrowed(object));
    }
    let mut fields: Map<String, Value> = serde_json::from_str(object).ok()?;
    fields.retain(|name, _| !matches!(name.as_str(), "seq" | "sid" | "mid"));
    serde_json::to_string(&fields).ok().map(Cow::Owned)
}

fn parse<T: DeserializeOwned>(text: &str) -> Result<T, DecodeError> {
    serde_json::from_str(text).map_err(|error| blame(text, &error))
}

fn required<T>(field: Option<T>, name: &str) -> Result<T, DecodeError> {
    field.ok_or_else(|| DecodeError::Wrong {
        mid: None,
        msgid: None,
        why: format!("{name} is missing"),
    })
}

/// Reads an array of strings, each the text of an object.
fn entries<T>(
    texts: &[String],
    read: impl Fn(EventFields) -> Result<T, DecodeError>,
) -> Result<Vec<T>, DecodeError> {
    texts.iter().map(|text| read(parse(object_text(text.as_bytes())?)?)).collect()
}

impl EventFields {
    fn status(&self) -> Result<Status, DecodeError> {
        Ok(Status {
            code: required(self.errno, "errno")?,
            errmsg: self.errmsg.clone(),
            retry_ms: self.retry_ms,
        })
    }

    fn delivery(&self) -> Option<Delivery> {
        match self.state.as_deref() {
            Some(Delivery::DELIVERED) => Some(Delivery::Delivered),
            Some(Delivery::STORED) => Some(Delivery::Stored),
            _ => None,
        }
    }

    fn is_online(&self) -> bool {
        self.state.as_deref() == Some(ONLINE)
    }

    fn into_login_outcome(self) -> Result<LoginOutcome, DecodeError> {
        Ok(LoginOutcome {
            status: self.status()?,
            id: self.id.map(UserId),
            friends: entries(&self.friends, Self::into_friend)?,
            groups: entries(&self.groups, Self::into_group)?,
            offline: entries(&self.offlinemsg, Self::into_chat)?,
            mid: self.mid,
            name: self.name,
            token: self.token,
        })
    }

    fn into_friend(self) -> Result<FriendEntry, DecodeError> {
        Ok(FriendEntry {
            id: UserId(required(self.id, "id")?),
            online: self.is_online(),
            name: required(self.name, "name")?,
        })
    }

    fn into_group(self) -> Result<GroupEntry, DecodeError> {
        Ok(GroupEntry {
            id: GroupId(required(self.id, "id")?),
            name: required(self.groupname, "groupname")?,
            description: self.groupdesc.unwrap_or_default(),
            users: entries(&self.users, Self::into_member)?,
        })
    }

    fn into_member(self) -> Result<MemberEntry, DecodeError> {
        Ok(MemberEntry {
            id: UserId(required(self.id, "id")?),
            online: self.is_online(),
            role: match self.role.as_deref() {
                Some(Role::CREATOR) => Role::Creator,
                _ => Role::Normal,
            },
            name: required(self.name, "name")?,
        })
    }

    fn into_chat(self) -> Result<Chat, DecodeError> {
        let target = match required(self.msgid, "msgid")? {
            msgid::GROUP_CHAT => Target::Group(GroupId(required(self.groupid, "groupid")?)),
            _ => Target::User(UserId(required(self.toid, "toid")?)),
        };
        Ok(Chat {
            from: UserId(required(self.id, "id")?),
            name: required(self.name, "name")?,
            target,
            msg: required(self.msg, "msg")?,
            time: self.time.unwrap_or_default(),
            seq: self.seq,
            sid: self.sid,
            mid: self.mid,
        })
    }
}

#[cfg(test)]
mod tests;
