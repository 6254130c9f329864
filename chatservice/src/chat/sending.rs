//! Sending: a chat becomes a message that is owed to its recipients.

use std::borrow::Cow;
use std::sync::Arc;

use chatproto::{Answer, ChatObject, Delivery, Errno, GroupId, UserId};

use super::core::Core;
use super::effect::{LoginId, Refusal, Settlement, Ticket};
use super::groups::Lookup;
use super::ledger::{self, Asker};
use super::mids::MidState;
use super::session::{Pending, Sends, Session};
use crate::message::{Audience, Message};
use crate::storage::{Request, StoreError};

/// When to try again what a swamped recipient could not take: a few commits later.
const SWAMPED_RETRY_MS: u64 = 500;

/// To whom a chat goes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Target {
    User(UserId),
    Group(GroupId),
}

/// A chat request; kept by the session while it has to wait.
#[derive(Debug)]
pub(super) struct Chat<'a> {
    pub(super) mid: Option<Cow<'a, str>>,
    pub(super) target: Target,
    pub(super) msg: Cow<'a, str>,
    pub(super) time: Option<Cow<'a, str>>,
}

impl Chat<'_> {
    fn into_owned(self) -> Box<Chat<'static>> {
        let own = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        Box::new(Chat {
            mid: self.mid.map(own),
            target: self.target,
            msg: own(self.msg),
            time: self.time.map(own),
        })
    }
}

/// 1005 and 1009
pub(super) fn chat(session: &mut Session, chat: Chat<'_>, core: &mut Core) {
    let conn = session.conn;
    let Some(online) = session.online() else { return };
    let user = online.user;
    if online.sends == Sends::Held {
        session.pending = Some(Pending::Chat(chat.into_owned()));
        return;
    }
    let group = match chat.target {
        Target::User(to) => return send(session, &chat, &[to], core),
        Target::Group(group) => group,
    };
    match core.groups.look_up(group, conn) {
        Lookup::Members(members) if members.binary_search(&user).is_ok() => {
            let others: Vec<_> = members.iter().copied().filter(|id| *id != user).collect();
            send(session, &chat, &others, core);
        }
        Lookup::Members(_) => {
            let text = "you are no member of this group";
            core.fail(conn, chat.mid.as_deref(), Errno::Forbidden, text);
        }
        Lookup::Wait { ask } => {
            session.pending = Some(Pending::Chat(chat.into_owned()));
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
    let Some(Pending::Chat(waiting)) = session.pending.take() else { return };
    let mid = waiting.mid.as_deref();
    match exists {
        Ok(true) => chat(session, *waiting, core),
        Ok(false) => core.fail(session.conn, mid, Errno::NoSuchGroup, "no such group"),
        Err(_) => {
            let text = "the store cannot tell the members now, try again";
            core.fail(session.conn, mid, Errno::StoreUnavailable, text);
        }
    }
    session.resume(core);
}

/// Everything that the user sent from a session before this one is settled: what this one sends
/// cannot overtake it any more.
pub(super) fn release(session: &mut Session, login: LoginId, core: &mut Core) {
    let Some(online) = session.online_as(login) else { return };
    online.sends = Sends::Open;
    online.owes -= 1;
    if let Some(Pending::Chat(waiting)) = session.pending.take_if(|p| matches!(p, Pending::Chat(_)))
    {
        chat(session, *waiting, core);
    }
    session.resume(core);
}

/// How a message of this session ended.
pub(super) fn ended(session: &mut Session, ended: &ledger::Answer, core: &mut Core) {
    // Another user may have logged in on the connection since; it is none of theirs.
    if session.online().is_some_and(|online| online.user != ended.user) {
        return;
    }
    let mid = ended.mid.as_deref();
    match (ended.how, mid) {
        (Settlement::Refused(refusal), _) => {
            if let (Some(online), Some(mid)) = (session.online(), mid) {
                online.mids.refused(mid);
            }
            let retry_ms = (refusal == Refusal::Swamped).then_some(SWAMPED_RETRY_MS);
            let (errno, errmsg) = (refusal.errno(), Some(refusal.text()));
            let answer = Answer { mid, errno, errmsg, retry_ms, ..Answer::default() };
            core.answer(session.conn, &answer);
        }
        (_, None) => {}
        (how, Some(mid)) => {
            let stored = how == Settlement::Stored;
            if let Some(online) = session.online() {
                online.mids.answered(core.now.instant, mid, stored);
            }
            answer(session, mid, stored, core);
        }
    }
}

fn send(session: &mut Session, chat: &Chat<'_>, recipients: &[UserId], core: &mut Core) {
    let mid = chat.mid.as_deref();
    let Some(online) = session.online() else { return };
    match mid.and_then(|mid| online.mids.begin(core.now.instant, mid)) {
        None => {}
        // It is on its way, and so is its answer.
        Some(MidState::Pending) => return,
        Some(MidState::Answered { stored }) => {
            return answer(session, mid.unwrap_or_default(), stored, core);
        }
    }
    let time = chat.time.as_deref().unwrap_or_else(|| core.time_text());
    let (user, name, msg) = (online.user, &*online.name, &*chat.msg);
    let (audience, object) = match chat.target {
        Target::User(to) => (Audience::One, ChatObject::direct(user, name, to, msg, time)),
        Target::Group(group) => (Audience::Group, ChatObject::group(user, name, group, msg, time)),
    };
    let sid = core.sids.next(core.now.unix_ms);
    let sender = user;
    let made_mid = || sid.text().as_str().into();
    let message = Arc::new(Message {
        sid,
        sender,
        mid: mid.map_or_else(made_mid, Into::into),
        audience,
        object,
    });
    let asker = Asker { login: online.login, user, mid: mid.map(Into::into) };
    let recipients = recipients.iter().copied();
    let load = core.ledger.handle_message(core.now.instant, asker, &message, recipients);
    session.owe(load);
    session.rest_later(core);
}

fn answer(session: &Session, mid: &str, stored: bool, core: &mut Core) {
    let state = if stored { Delivery::Stored } else { Delivery::Delivered };
    let answer = Answer { mid: Some(mid), state: Some(state), ..Answer::default() };
    core.answer(session.conn, &answer);
}
