//! Decodes requests, in one pass that borrows what it can.

use super::field::Field;
use crate::codes::msgid;
use crate::limits::{
    GROUP_DESCRIPTION_CHARACTERS_MAX, GROUP_NAME_CHARACTERS_MAX, MID_CHARACTERS_MAX,
    PASSWORD_BYTES_MAX, TIME_CHARACTERS_MAX, is_within,
};
use crate::{Credentials, DecodeError, Envelope, GroupId, Login, Request, UserId};
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::borrow::Cow;

/// Every field that some request has.
#[derive(Default, Deserialize)]
#[serde(default)]
struct RequestFields<'a> {
    #[serde(borrow)]
    msgid: Field<'a>,
    mid: Field<'a>,
    id: Field<'a>,
    name: Field<'a>,
    password: Field<'a>,
    token: Field<'a>,
    ack: Field<'a>,
    force: Field<'a>,
    toid: Field<'a>,
    msg: Field<'a>,
    time: Field<'a>,
    friendid: Field<'a>,
    groupid: Field<'a>,
    groupname: Field<'a>,
    groupdesc: Field<'a>,
    seq: Field<'a>,
}

/// What an error answer needs of a request that is wrong elsewhere.
#[derive(Default, Deserialize)]
#[serde(default)]
struct AddressFields<'a> {
    #[serde(borrow)]
    msgid: Field<'a>,
    mid: Field<'a>,
}

/// Reads one request from the text of one object.
///
/// Fields that the request does not use are ignored, whatever they hold; null is the same as a
/// field left out. How deep `text` is nested is for the [`Framer`](crate::Framer) to bound.
///
/// ```
/// use chatproto::{decode, DecodeError, Request, UserId};
///
/// let envelope = decode(br#"{"msgid":1005,"toid":2,"msg":"hi","mid":"a1"}"#)?;
/// assert_eq!(envelope.mid.as_deref(), Some("a1"));
/// assert!(matches!(envelope.request, Request::Chat { to: UserId(2), .. }));
/// # Ok::<(), DecodeError>(())
/// ```
pub fn decode(text: &[u8]) -> Result<Envelope<'_>, DecodeError> {
    let text = object_text(text)?;
    let mut fields: RequestFields<'_> =
        serde_json::from_str(text).map_err(|error| blame(text, &error))?;
    let msgid = fields.msgid.integer("msgid").ok();
    let mid = checked_mid(std::mem::take(&mut fields.mid)).map_err(|why| DecodeError::Wrong {
        mid: None,
        msgid,
        why,
    })?;
    match fields.into_request() {
        Ok(request) => Ok(Envelope { mid, request }),
        Err(why) => Err(DecodeError::Wrong { mid: mid.map(Cow::into_owned), msgid, why }),
    }
}

/// `text` as a string that starts as an object does; a struct could also be read from an array.
pub(super) fn object_text(text: &[u8]) -> Result<&str, DecodeError> {
    str::from_utf8(text)
        .ok()
        .filter(|text| text.trim_ascii_start().starts_with('{'))
        .ok_or(DecodeError::Malformed)
}

/// Tells malformed text, for which the connection is closed, from a request that is only wrong.
pub(super) fn blame(text: &str, error: &serde_json::Error) -> DecodeError {
    if serde_json::from_str::<IgnoredAny>(text).is_err() {
        return DecodeError::Malformed;
    }
    let address: AddressFields<'_> = serde_json::from_str(text).unwrap_or_default();
    let mid = checked_mid(address.mid).ok().flatten().map(Cow::into_owned);
    let msgid = address.msgid.integer("msgid").ok();
    DecodeError::Wrong { mid, msgid, why: error.to_string() }
}

fn checked_mid(mid: Field<'_>) -> Result<Option<Cow<'_, str>>, String> {
    if mid.is_missing() {
        return Ok(None);
    }
    ranged_text(mid, "mid", 1, MID_CHARACTERS_MAX).map(Some)
}

fn ranged_text<'a>(
    field: Field<'a>,
    name: &str,
    min: usize,
    max: usize,
) -> Result<Cow<'a, str>, String> {
    let text = field.text(name)?;
    if is_within(&text, min, max) {
        Ok(text)
    } else {
        Err(format!("{name} must have {min} to {max} characters"))
    }
}

impl<'a> RequestFields<'a> {
    fn into_request(self) -> Result<Request<'a>, String> {
        Ok(match self.msgid.integer("msgid")? {
            msgid::LOGIN => Request::Login(self.into_login()?),
            msgid::LOGOUT => Request::Logout { id: self.sender()? },
            msgid::REGISTER => Request::Register {
                name: self.name.text("name")?,
                password: checked_password(self.password)?,
            },
            msgid::CHAT => Request::Chat {
                id: self.sender()?,
                to: UserId(self.toid.integer("toid")?),
                msg: self.msg.text("msg")?,
                time: relayed_time(self.time),
            },
            msgid::ADD_FRIEND => Request::AddFriend {
                id: self.sender()?,
                friend: UserId(self.friendid.integer("friendid")?),
            },
            msgid::CREATE_GROUP => self.into_create_group()?,
            msgid::JOIN_GROUP => Request::JoinGroup { id: self.sender()?, group: self.group()? },
            msgid::GROUP_CHAT => Request::GroupChat {
                id: self.sender()?,
                group: self.group()?,
                msg: self.msg.text("msg")?,
                time: relayed_time(self.time),
            },
            msgid::RECEIVED => {
                let seq = u64::try_from(self.seq.integer("seq")?);
                Request::Received { seq: seq.map_err(|_| "seq must not be negative")? }
            }
            msgid::PING => Request::Ping,
            msgid::PONG => Request::Pong,
            unknown => return Err(format!("{unknown} is no request's msgid")),
        })
    }

    fn into_login(self) -> Result<Login<'a>, String> {
        let credentials = if self.token.is_missing() {
            Credentials::Password {
                id: UserId(self.id.integer("id")?),
                password: checked_password(self.password)?,
            }
        } else {
            Credentials::Token(self.token.text("token")?)
        };
        Ok(Login { credentials, ack: self.ack.flag("ack")?, force: self.force.flag("force")? })
    }

    fn into_create_group(self) -> Result<Request<'a>, String> {
        let id = self.sender()?;
        let name = ranged_text(self.groupname, "groupname", 1, GROUP_NAME_CHARACTERS_MAX)?;
        if name.chars().any(char::is_control) {
            return Err("groupname must not have control characters".to_owned());
        }
        let description = if self.groupdesc.is_missing() {
            Cow::Borrowed("")
        } else {
            ranged_text(self.groupdesc, "groupdesc", 0, GROUP_DESCRIPTION_CHARACTERS_MAX)?
        };
        Ok(Request::CreateGroup { id, name, description })
    }

    fn sender(&self) -> Result<Option<UserId>, String> {
        Ok(self.id.optional_integer("id")?.map(UserId))
    }

    fn group(&self) -> Result<GroupId, String> {
        self.groupid.integer("groupid").map(GroupId)
    }
}

fn checked_password(password: Field<'_>) -> Result<Cow<'_, str>, String> {
    let password = password.text("password")?;
    if (1..=PASSWORD_BYTES_MAX).contains(&password.len()) {
        Ok(password)
    } else {
        Err(format!("password must have 1 to {PASSWORD_BYTES_MAX} bytes"))
    }
}

/// A time that cannot be relayed is no error: the server writes its own.
fn relayed_time(time: Field<'_>) -> Option<Cow<'_, str>> {
    time.text("time").ok().filter(|time| is_within(time, 0, TIME_CHARACTERS_MAX))
}

#[cfg(test)]
mod tests;
