//! Friends and groups: requests that are one write each.

use std::time::Duration;

use chatproto::{Answer, Errno, GroupId, UserId};

use super::core::Core;
use super::deadlines::Deadline;
use super::effect::{ConnId, Effect, LoginId, PeerMessage, Place, Ticket};
use super::session::{Pending, Session};
use crate::storage::{Outcome, Request, StoreError, Write};

/// How long other nodes are waited for: one that has not answered by then knows by its own clock
/// that it may have missed something, see [`super::Shard::handle_standing`].
const KNOWN_WITHIN: Duration = Duration::from_secs(4);

const UNAVAILABLE: &str = "the store cannot take it now, try again";
const UNANNOUNCED: &str = "other nodes cannot be told now, try again";

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
    session.pending = Some(Pending::AddFriend { mid: mid.map(Into::into) });
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
    session.pending = Some(Pending::CreateGroup { mid: mid.map(Into::into) });
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
    let join = Join { mid: mid.map(Into::into), nodes: Nodes::default() };
    session.pending = Some(Pending::JoinGroup(Box::new(join)));
}

fn write(session: &Session, write: Write, core: &mut Core) {
    core.work(Ticket::Session(session.conn), Request::Write(write));
}

/// The store's answer to a join, before the session gets it, and also when the session is gone:
/// every shard is to know who is in a group, or to ask again when that is in doubt. The number of
/// the join.
pub(super) fn announce_join(
    login: LoginId,
    user: UserId,
    group: GroupId,
    result: &Result<Outcome, StoreError>,
    core: &mut Core,
) -> u64 {
    let (asker, join) = (Place { shard: core.shard, login }, core.next_join());
    let message = match result {
        Ok(Outcome::Done) => PeerMessage::Joined { group, user, asker, join },
        Ok(_) => return join,
        Err(_) => PeerMessage::GroupInDoubt { group },
    };
    core.deadlines.arm(core.now.instant + KNOWN_WITHIN, Deadline::Join(login, join));
    core.post(core.first_shard(), message.clone());
    core.effects.push(Effect::Announce { login, join, message });
    join
}

/// A join under way.
#[derive(Debug)]
pub(super) struct Join {
    mid: Option<Box<str>>,
    nodes: Nodes,
}

/// Nodes that are to know of a join before the joiner is told.
#[derive(Clone, Copy, Debug, Default)]
struct Nodes {
    know: usize,
    /// All of them, this one included, when that is known.
    all: Option<usize>,
    /// Which join of the shard it is, once it is committed.
    join: Option<u64>,
}

/// The store's answer to a join. It is answered when every node knows.
pub(super) fn join_written(
    session: &mut Session,
    join: u64,
    result: Result<Outcome, StoreError>,
    core: &mut Core,
) {
    match &mut session.pending {
        Some(Pending::JoinGroup(pending)) if result == Ok(Outcome::Done) => {
            pending.nodes.join = Some(join);
        }
        _ => written(session, result, core),
    }
}

/// The store's answer to any of the others, or a refusal.
pub(super) fn written(session: &mut Session, result: Result<Outcome, StoreError>, core: &mut Core) {
    let conn = session.conn;
    match (session.pending.take(), result) {
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
                Pending::AddFriend { mid } | Pending::CreateGroup { mid } | Pending::Logout { mid },
            ),
            result,
        ) => fail(conn, mid.as_deref(), result, core),
        (Some(Pending::JoinGroup(join)), result) => fail(conn, join.mid.as_deref(), result, core),
        (pending, _) => session.pending = pending,
    }
    session.resume(core);
}

/// So many other nodes were told of the join.
pub(super) fn announced(session: &mut Session, join: u64, others: usize, core: &mut Core) {
    if let Some(nodes) = nodes_of(session, join) {
        nodes.all = Some(others + 1);
        answer_when_known(session, join, core);
    }
}

/// One more node knows of the join.
pub(super) fn join_known(session: &mut Session, join: u64, core: &mut Core) {
    if let Some(nodes) = nodes_of(session, join) {
        nodes.know += 1;
        answer_when_known(session, join, core);
    }
}

/// The joiner is answered when all nodes know, so that whoever hears of the join and then writes to
/// the group reaches the new member.
fn answer_when_known(session: &mut Session, join: u64, core: &mut Core) {
    if nodes_of(session, join).is_none_or(|nodes| nodes.all != Some(nodes.know)) {
        return;
    }
    let Some(Pending::JoinGroup(pending)) = session.pending.take() else { return };
    let mid = pending.mid.as_deref();
    core.done(session.conn, mid);
    session.resume(core);
}

/// What is known of this join, if the session still waits for it.
fn nodes_of(session: &mut Session, join: u64) -> Option<&mut Nodes> {
    match &mut session.pending {
        Some(Pending::JoinGroup(pending)) => {
            Some(&mut pending.nodes).filter(|nodes| nodes.join == Some(join))
        }
        _ => None,
    }
}

/// It has taken so long that whoever was told and does not know asks the store. Who was never told
/// would go on with what it has, so the joiner is to try again.
pub(super) fn join_due(session: &mut Session, join: u64, core: &mut Core) {
    let Some(nodes) = nodes_of(session, join) else { return };
    let told = nodes.all.is_some();
    let Some(Pending::JoinGroup(pending)) = session.pending.take() else { return };
    let mid = pending.mid.as_deref();
    if told {
        core.done(session.conn, mid);
    } else {
        core.fail(session.conn, mid, Errno::StoreUnavailable, UNANNOUNCED);
    }
    session.resume(core);
}

fn fail(conn: ConnId, mid: Option<&str>, result: Result<Outcome, StoreError>, core: &mut Core) {
    let (errno, text) = match result {
        Ok(Outcome::NoSuchUser) => (Errno::NoSuchUser, "no such user"),
        Ok(Outcome::NoSuchGroup) => (Errno::NoSuchGroup, "no such group"),
        Ok(Outcome::NameTaken) => (Errno::NameTaken, "another group has this name"),
        Ok(Outcome::LimitReached) => (Errno::Forbidden, "no more of these are allowed"),
        Ok(_) => (Errno::StoreUnavailable, UNAVAILABLE),
        Err(error) => {
            log::debug!("a request failed: {error}");
            (Errno::StoreUnavailable, UNAVAILABLE)
        }
    };
    core.fail(conn, mid, errno, text);
}
