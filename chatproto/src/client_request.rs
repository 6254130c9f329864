//! Writes requests, for clients.

use crate::codes::msgid;
use crate::json::{Key, ObjectWriter};
use crate::{Credentials, Envelope, Login, Request, UserId};

impl Envelope<'_> {
    /// Appends the request as one object and a newline.
    ///
    /// [`decode`](crate::decode) makes an equal one of it, provided that it keeps the limits.
    ///
    /// ```
    /// use chatproto::{Envelope, Request};
    ///
    /// let mut out = Vec::new();
    /// Envelope { mid: None, request: Request::Received { seq: 3 } }.write(&mut out);
    /// assert_eq!(out, b"{\"msgid\":1011,\"seq\":3}\n");
    /// ```
    pub fn write(&self, out: &mut Vec<u8>) {
        let mut object = ObjectWriter::message(out, self.request.msgid());
        object.optional_text(Key::MID, self.mid.as_deref());
        self.request.write_fields(&mut object);
        object.end_line();
    }
}

impl Request<'_> {
    /// The request's number on the wire.
    pub fn msgid(&self) -> i64 {
        match self {
            Self::Login(_) => msgid::LOGIN,
            Self::Logout { .. } => msgid::LOGOUT,
            Self::Register { .. } => msgid::REGISTER,
            Self::Chat { .. } => msgid::CHAT,
            Self::AddFriend { .. } => msgid::ADD_FRIEND,
            Self::CreateGroup { .. } => msgid::CREATE_GROUP,
            Self::JoinGroup { .. } => msgid::JOIN_GROUP,
            Self::GroupChat { .. } => msgid::GROUP_CHAT,
            Self::Received { .. } => msgid::RECEIVED,
            Self::Ping => msgid::PING,
            Self::Pong => msgid::PONG,
        }
    }

    fn write_fields(&self, object: &mut ObjectWriter<'_>) {
        match self {
            Self::Login(login) => login.write_fields(object),
            Self::Logout { id } => write_sender(object, *id),
            Self::Register { name, password } => {
                object.text(Key::NAME, name).text(Key::PASSWORD, password);
            }
            Self::Chat { id, to, msg, time } => {
                write_sender(object, *id);
                object
                    .integer(Key::TO_ID, to.0)
                    .text(Key::MSG, msg)
                    .optional_text(Key::TIME, time.as_deref());
            }
            Self::AddFriend { id, friend } => {
                write_sender(object, *id);
                object.integer(Key::FRIEND_ID, friend.0);
            }
            Self::CreateGroup { id, name, description } => {
                write_sender(object, *id);
                object.text(Key::GROUP_NAME, name).text(Key::GROUP_DESCRIPTION, description);
            }
            Self::JoinGroup { id, group } => {
                write_sender(object, *id);
                object.integer(Key::GROUP_ID, group.0);
            }
            Self::GroupChat { id, group, msg, time } => {
                write_sender(object, *id);
                object
                    .integer(Key::GROUP_ID, group.0)
                    .text(Key::MSG, msg)
                    .optional_text(Key::TIME, time.as_deref());
            }
            Self::Received { seq } => {
                object.unsigned(Key::SEQ, *seq);
            }
            Self::Ping | Self::Pong => {}
        }
    }
}

impl Login<'_> {
    fn write_fields(&self, object: &mut ObjectWriter<'_>) {
        match &self.credentials {
            Credentials::Password { id, password } => {
                object.integer(Key::ID, id.0).text(Key::PASSWORD, password);
            }
            Credentials::Token(token) => {
                object.text(Key::TOKEN, token);
            }
        }
        object.flag(Key::ACK, self.ack).flag(Key::FORCE, self.force);
    }
}

fn write_sender(object: &mut ObjectWriter<'_>, id: Option<UserId>) {
    object.optional_integer(Key::ID, id.map(|id| id.0));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{GroupId, decode};
    use proptest::prelude::*;
    use std::borrow::Cow;

    fn any_text() -> impl Strategy<Value = Cow<'static, str>> {
        any::<String>().prop_map(Cow::Owned)
    }

    fn any_time() -> impl Strategy<Value = Option<Cow<'static, str>>> {
        prop::option::of("\\PC{0,32}".prop_map(Cow::Owned))
    }

    fn any_sender() -> impl Strategy<Value = Option<UserId>> {
        prop::option::of(any::<i64>().prop_map(UserId))
    }

    fn any_password() -> impl Strategy<Value = Cow<'static, str>> {
        any_text().prop_filter("one to 1024 bytes", |text| (1..=1024).contains(&text.len()))
    }

    fn any_login() -> impl Strategy<Value = Request<'static>> {
        let password = (any::<i64>(), any_password())
            .prop_map(|(id, password)| Credentials::Password { id: UserId(id), password });
        let credentials = prop_oneof![password, any_text().prop_map(Credentials::Token)];
        (credentials, any::<bool>(), any::<bool>())
            .prop_map(|(credentials, ack, force)| Request::Login(Login { credentials, ack, force }))
    }

    fn any_request() -> impl Strategy<Value = Request<'static>> {
        let chat = || (any_sender(), any::<i64>(), any_text(), any_time());
        prop_oneof![
            any_login(),
            any_sender().prop_map(|id| Request::Logout { id }),
            (any_text(), any_password())
                .prop_map(|(name, password)| Request::Register { name, password }),
            chat().prop_map(|(id, to, msg, time)| Request::Chat { id, to: UserId(to), msg, time }),
            chat().prop_map(|(id, group, msg, time)| Request::GroupChat {
                id,
                group: GroupId(group),
                msg,
                time
            }),
            (any_sender(), any::<i64>())
                .prop_map(|(id, friend)| Request::AddFriend { id, friend: UserId(friend) }),
            (any_sender(), any::<i64>())
                .prop_map(|(id, group)| Request::JoinGroup { id, group: GroupId(group) }),
            (any_sender(), "\\PC{1,50}", ".{0,200}").prop_map(|(id, name, description)| {
                Request::CreateGroup { id, name: name.into(), description: description.into() }
            }),
            (0..=i64::MAX as u64).prop_map(|seq| Request::Received { seq }),
            Just(Request::Ping),
            Just(Request::Pong),
        ]
    }

    proptest! {
        #[test]
        fn a_request_is_read_as_it_was_written(
            mid in prop::option::of(".{1,64}".prop_map(Cow::Owned)),
            request in any_request(),
        ) {
            let envelope = Envelope { mid, request };
            let mut line = Vec::new();
            envelope.write(&mut line);
            prop_assert!(!line.contains(&0));
            prop_assert!(line.ends_with(b"\n"));
            prop_assert_eq!(decode(&line), Ok(envelope));
        }
    }
}
