//! Sending: a chat becomes a message that is owed to its recipients.

use std::sync::Arc;

use chatproto::{Answer, ChatObject, Delivery, Errno, GroupId, UserId};

use super::core::Core;
use super::effect::{Settlement, Ticket};
use super::groups::Lookup;
use super::ledger::{Asker, Resolved};
use super::mids::MidState;
use super::session::{Online, Pending, Session};
use crate::message::{Audience, Message};
use crate::storage::{Request, StoreError};

/// A group chat that waits for the members to be known.
#[derive(Debug)]
pub(super) struct GroupChat {
    mid: Option<String>,
    group: GroupId,
    msg: String,
    time: Option<String>,
}

/// 1005
pub(super) fn chat(
    session: &mut Session,
    mid: Option<&str>,
    to: UserId,
    msg: &str,
    time: Option<&str>,
    core: &mut Core,
) {
    let make = |sender: &Online, time: &str| {
        let object = ChatObject::direct(sender.user, &sender.name, to, msg, time);
        (Audience::One, object)
    };
    send(session, mid, time, make, &[to], core);
}

/// 1009
pub(super) fn group_chat(
    session: &mut Session,
    mid: Option<&str>,
    group: GroupId,
    msg: &str,
    time: Option<&str>,
    core: &mut Core,
) {
    let conn = session.conn;
    let Some(online) = session.online() else { return };
    let user = online.user;
    match core.groups.look_up(group, conn) {
        Lookup::Members(members) => {
            if members.binary_search(&user).is_err() {
                let text = "you are no member of this group";
                return core.fail(conn, mid, Errno::Forbidden, text);
            }
            let others: Vec<_> = members.iter().copied().filter(|id| *id != user).collect();
            let make = |sender: &Online, time: &str| {
                let object = ChatObject::group(sender.user, &sender.name, group, msg, time);
                (Audience::Group, object)
            };
            send(session, mid, time, make, &others, core);
        }
        Lookup::Wait { ask } => {
            session.pending = Some(Pending::GroupChat(Box::new(GroupChat {
                mid: mid.map(str::to_owned),
                group,
                msg: msg.to_owned(),
                time: time.map(str::to_owned),
            })));
            if ask {
                core.work(Ticket::Group(group), Request::Members(group));
            }
        }
    }
}

/// The members that a group chat waits for are in the cache, or there are none.
pub(super) fn group_known(
    session: &mut Session,
    exists: Result<bool, &StoreError>,
    core: &mut Core,
) {
    let Some(Pending::GroupChat(chat)) = session.pending.take() else { return };
    let mid = chat.mid.as_deref();
    match exists {
        Ok(true) => {
            group_chat(session, mid, chat.group, &chat.msg, chat.time.as_deref(), core);
        }
        Ok(false) => core.fail(session.conn, mid, Errno::NoSuchGroup, "no such group"),
        Err(_) => {
            let text = "the store cannot tell the members now, try again";
            core.fail(session.conn, mid, Errno::StoreUnavailable, text);
        }
    }
    session.resume(core);
}

/// A message of this session is settled.
pub(super) fn resolved(session: &mut Session, resolved: &Resolved, core: &mut Core) {
    let mid = resolved.mid.as_deref();
    match (resolved.how, mid) {
        (Settlement::Refused(refusal), _) => {
            if let (Some(online), Some(mid)) = (session.online(), mid) {
                online.mids.refused(mid);
            }
            core.fail(session.conn, mid, refusal.errno(), refusal.text());
        }
        (_, None) => {}
        (how, Some(mid)) => {
            let stored = how == Settlement::Stored;
            if let Some(online) = session.online() {
                online.mids.answered(mid, stored);
            }
            answer(session, mid, stored, core);
        }
    }
    session.settle(resolved.size, core);
}

fn send(
    session: &mut Session,
    mid: Option<&str>,
    time: Option<&str>,
    make: impl FnOnce(&Online, &str) -> (Audience, ChatObject),
    recipients: &[UserId],
    core: &mut Core,
) {
    let conn = session.conn;
    let Some(online) = session.online() else { return };
    match mid.and_then(|mid| online.mids.begin(mid)) {
        None => {}
        // It is on its way, and so is its answer.
        Some(MidState::Pending) => return,
        Some(MidState::Answered { stored }) => {
            return answer(session, mid.unwrap_or_default(), stored, core);
        }
    }
    let (audience, object) = match time {
        Some(time) => make(online, time),
        None => make(online, core.time_text()),
    };
    let sid = core.sids.next(core.now.unix_ms);
    let sender = online.user;
    let made_mid = || sid.to_string().into_boxed_str();
    let message = Arc::new(Message {
        sid,
        sender,
        mid: mid.map_or_else(made_mid, Into::into),
        audience,
        object,
    });
    session.owe(message.size());
    let asker = Asker { conn, mid: mid.map(Into::into) };
    let recipients = recipients.iter().copied();
    core.ledger.handle_message(core.now.instant, asker, &message, recipients);
}

fn answer(session: &Session, mid: &str, stored: bool, core: &mut Core) {
    let state = if stored { Delivery::Stored } else { Delivery::Delivered };
    let answer = Answer { mid: Some(mid), state: Some(state), ..Answer::default() };
    core.answer(session.conn, &answer);
}
