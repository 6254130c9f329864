//! Taking one's place: from the claim to being the only session of the account.

use chatproto::{Errno, UserId};

use super::{Login, Stage, fail, login_of, stage_is};
use crate::chat::core::{Core, Owing};
use crate::chat::effect::{Claim, Effect, LoginId, Ticket};
use crate::chat::inbox::Inbox;
use crate::chat::mids::Mids;
use crate::chat::session::{Online, Phase, Sends, Session, Sessions, Style};
use crate::chat::token;
use crate::storage::{Request, Write};

/// The session at which `login` is under way and has asked for its place.
pub(in crate::chat) fn waiting_for_claim(
    sessions: &mut Sessions,
    login: LoginId,
) -> Option<&mut Session> {
    let session = sessions.get_mut(&login.conn)?;
    let waits = |it: &mut Login| it.stage == Stage::Place && it.id == login;
    login_of(session).is_some_and(waits).then_some(session)
}

/// More is sent to it than it may keep while it waits for its place.
pub(in crate::chat) fn overrun(session: &mut Session, core: &mut Core) {
    fail(session, Errno::Busy, Some("too much is on its way to you, try again"), None, core);
}

/// The answer to [`Effect::Claim`] of a login that has ended meanwhile: what it was granted is
/// given up, as it would have been by a session that ended right after it.
pub(in crate::chat) fn claimed_too_late(
    login: LoginId,
    user: UserId,
    claim: Claim,
    core: &mut Core,
) {
    let Claim::Granted(evicted) = claim else { return };
    let owing = evicted.is_some();
    if let Some(old) = evicted {
        core.owing.insert(login, Owing { user, left: 1, heirs: Vec::new() });
        core.heirs.insert(login, old);
        core.evict(login, old);
    }
    core.effects.push(Effect::Release { login, user, owing });
}

/// The answer to [`Effect::Claim`].
pub(in crate::chat) fn claimed(session: &mut Session, claim: Claim, core: &mut Core) {
    let conn = session.conn;
    let Some(login) = login_of(session) else {
        return;
    };
    let Claim::Granted(evicted) = claim else {
        return fail(session, Errno::AlreadyOnline, None, None, core);
    };
    let (user, id) = (login.user, login.id);
    let online = Online {
        login: id,
        user,
        name: login.name.as_str().into(),
        style: login.style,
        inbox: Inbox::new(core.rules.patience),
        // Counted from here on, so that whoever comes after this session waits as well.
        sends: if evicted.is_some() { Sends::Held } else { Sends::Open },
        owes: usize::from(evicted.is_some()),
        mids: Mids::default(),
    };
    login.stage = Stage::Eviction;
    session.phase = Phase::Online(Box::new(online));
    core.effects.push(Effect::LoggedIn { conn, online: true });
    match evicted {
        None => place_is_free(session, core),
        Some(old) => {
            core.heirs.insert(id, old);
            core.evict(id, old);
        }
    }
}

/// Whether the session before this one is not known to be over.
pub(in crate::chat) fn waits_for_place(session: &mut Session) -> bool {
    stage_is(session, Stage::Eviction)
}

/// Nobody else is at the account any more. What the session before this one had removed must be
/// gone before this one reads; no token or barrier goes before a user's removals, so the next one's
/// answer tells.
pub(in crate::chat) fn place_is_free(session: &mut Session, core: &mut Core) {
    let ticket = Ticket::Session(session.conn);
    if !stage_is(session, Stage::Eviction) {
        return;
    }
    let Some(login) = login_of(session) else { return };
    let user = login.user;
    let write = if login.style == Style::Acknowledging && login.token.is_none() {
        let token = token::text(user, (core.random)());
        let write = Write::SetToken { user, token: Some(token::hash(&token)) };
        login.token = Some(token);
        login.stage = Stage::Token;
        write
    } else {
        login.stage = Stage::Barrier;
        Write::UserBarrier { user }
    };
    core.work(ticket, Request::Write(write));
}
