//! Friends and groups: requests that are one write each.

use chatproto::{Answer, Errno, GroupId, UserId};

use super::core::Core;
use super::effect::{LoginId, PeerMessage, Place, ShardId, Ticket};
use super::session::{Pending, Session};
use crate::storage::{Outcome, Request, StoreError, Write};

const UNAVAILABLE: &str = "the store cannot take it now, try again";

/// 1006
pub(super) fn add_friend(
    session: &mut Session,
    user: UserId,
    mid: Option<&str>,
    friend: UserId,
    core: &mut Core,
) {
    if friend == user {
        return core.fail(session.conn, mid, Errno::Forbidden, "that is you");
    }
    write(session, Write::AddFriend { user, friend }, core);
    session.pending = Some(Pending::AddFriend { mid: mid.map(str::to_owned) });
}

/// 1007
pub(super) fn create_group(
    session: &mut Session,
    creator: UserId,
    mid: Option<&str>,
    name: &str,
    description: &str,
    core: &mut Core,
) {
    let (name, description) = (name.to_owned(), description.to_owned());
    write(session, Write::CreateGroup { creator, name, description }, core);
    session.pending = Some(Pending::CreateGroup { mid: mid.map(str::to_owned) });
}

/// 1008
pub(super) fn join_group(
    session: &mut Session,
    user: UserId,
    mid: Option<&str>,
    group: GroupId,
    core: &mut Core,
) {
    let Some(online) = session.online() else { return };
    let ticket = Ticket::Join { login: online.login, user, group };
    core.work(ticket, Request::Write(Write::JoinGroup { user, group }));
    let mid = mid.map(str::to_owned);
    session.pending = Some(Pending::JoinGroup { mid, shards_left: core.shards });
}

fn write(session: &Session, write: Write, core: &mut Core) {
    core.work(Ticket::Session(session.conn), Request::Write(write));
}

/// The store's answer to a join, before the session gets it, and also when the session is gone:
/// every shard is to know who is in a group, or to ask again when that is in doubt.
pub(super) fn announce_join(
    login: LoginId,
    user: UserId,
    group: GroupId,
    result: &Result<Outcome, StoreError>,
    core: &mut Core,
) {
    let asker = Place { shard: core.shard, login };
    let message = match result {
        Ok(Outcome::Done) => PeerMessage::Joined { group, user, asker },
        Ok(_) => return,
        Err(_) => PeerMessage::GroupInDoubt { group },
    };
    for shard in (0..core.shards).map(ShardId) {
        core.post(shard, message.clone());
    }
}

/// The store's answer to any of them.
pub(super) fn written(session: &mut Session, result: Result<Outcome, StoreError>, core: &mut Core) {
    let conn = session.conn;
    match (session.pending.take(), result) {
        // It is answered when every shard knows.
        (Some(pending @ Pending::JoinGroup { .. }), Ok(Outcome::Done)) => {
            session.pending = Some(pending);
            return;
        }
        (Some(Pending::CreateGroup { mid }), Ok(Outcome::GroupCreated(group))) => {
            if mid.is_some() {
                let mid = mid.as_deref();
                let group = Some(group);
                core.answer(conn, &Answer { mid, group, ..Answer::default() });
            }
        }
        (Some(Pending::AddFriend { mid } | Pending::Logout { mid }), Ok(Outcome::Done)) => {
            core.done(conn, mid.as_deref());
        }
        (
            Some(
                Pending::AddFriend { mid }
                | Pending::CreateGroup { mid }
                | Pending::JoinGroup { mid, .. }
                | Pending::Logout { mid },
            ),
            result,
        ) => {
            let (errno, text) = failure(result);
            core.fail(conn, mid.as_deref(), errno, text);
        }
        (pending, _) => session.pending = pending,
    }
    session.resume(core);
}

/// A shard knows that this session's user joined. The joiner is answered when all do, so that
/// whoever hears of the join and then writes to the group reaches the new member.
pub(super) fn join_known(session: &mut Session, core: &mut Core) {
    let Some(Pending::JoinGroup { mid, shards_left, .. }) = &mut session.pending else { return };
    *shards_left -= 1;
    if *shards_left > 0 {
        return;
    }
    let mid = mid.take();
    session.pending = None;
    core.done(session.conn, mid.as_deref());
    session.resume(core);
}

fn failure(result: Result<Outcome, StoreError>) -> (Errno, &'static str) {
    match result {
        Ok(Outcome::NoSuchUser) => (Errno::NoSuchUser, "no such user"),
        Ok(Outcome::NoSuchGroup) => (Errno::NoSuchGroup, "no such group"),
        Ok(Outcome::NameTaken) => (Errno::NameTaken, "another group has this name"),
        Ok(Outcome::LimitReached) => (Errno::Forbidden, "no more of these are allowed"),
        Ok(_) => (Errno::StoreUnavailable, UNAVAILABLE),
        Err(error) => {
            log::debug!("a request failed: {error}");
            (Errno::StoreUnavailable, UNAVAILABLE)
        }
    }
}
