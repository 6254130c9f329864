//! Logging in and out: from a claim about who it is to a session that is shown its messages.
//!
//! With a password: admission → credentials → password → (hash → rehash) → profile; with a token
//! one question brings all of it. Then place → (eviction) → token or barrier → presence → (rows) →
//! answer. Each step but the last is a question to the outside; [`Stage`] says which is open.

mod place;

use std::time::Duration;

use chatproto::{
    Credentials as Proof, Errno, FriendEntry, GroupEntry, LoginAnswer, MemberEntry, UserId,
};

pub(super) use place::{
    claimed, claimed_too_late, overrun, place_is_free, waiting_for_claim, waits_for_place,
};

use super::core::Core;
use super::deadlines::Deadline;
use super::effect::{Admission, Attempt, Effect, LoginId, Ticket};
use super::session::{Pending, Phase, Session, Style};
use super::token;
use crate::storage::password::is_plain;
use crate::storage::{
    self, Answer, Outcome, PageLimit, Profile, Request, Resumed, Row, RowId, StoreError, Write,
};

/// Bytes of waiting messages inside the login answer of an original client; the rest follows.
const OFFLINE_BYTES_MAX: usize = 60 * 1024;
/// What is fetched before that answer: as many as may be in flight, and enough to fill it.
const FIRST_PAGE: PageLimit = PageLimit { rows: 256, bytes: 128 * 1024 };

/// The question that is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Resume,
    Admission,
    Penalty,
    Credentials,
    Password,
    /// The password was stored as it is: its hash is being made.
    Hash,
    /// And stored in its place.
    Rehash,
    Profile,
    Place,
    Eviction,
    Token,
    Barrier,
    Presence,
    Rows,
}

/// A login under way.
pub(super) struct Login {
    /// Given out with the claim.
    id: LoginId,
    mid: Option<String>,
    user: UserId,
    /// What the client offered; taken out when it is checked.
    password: String,
    style: Style,
    force: bool,
    stage: Stage,
    /// Whether the password is stored as it is.
    plain: bool,
    name: String,
    profile: Profile,
    online: Vec<UserId>,
    token: Option<String>,
}

impl std::fmt::Debug for Login {
    /// Without password and token, which no log may see.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Login").field("user", &self.user).field("stage", &self.stage).finish()
    }
}

/// A login request.
pub(super) fn begin(
    session: &mut Session,
    mid: Option<&str>,
    request: chatproto::Login<'_>,
    core: &mut Core,
) {
    if let Some(online) = session.online() {
        let same = matches!(&request.credentials, Proof::Password { id, .. } if *id == online.user);
        let (errno, text) = if same {
            (Errno::AlreadyOnline, None)
        } else {
            (Errno::Forbidden, Some("log out first"))
        };
        return refuse(session, mid, errno, text, None, core);
    }
    let (user, password, token) = match request.credentials {
        Proof::Password { id, password } => (id, password.into_owned(), None),
        Proof::Token(text) => match token::user_of(&text) {
            Some(user) => (user, String::new(), Some(text.into_owned())),
            None => return refuse(session, mid, Errno::Refused, None, None, core),
        },
    };
    let offered = token.as_deref().map(token::hash);
    session.pending = Some(Pending::Login(Box::new(Login {
        id: LoginId { conn: session.conn, number: 0 },
        mid: mid.map(str::to_owned),
        user,
        password,
        style: if request.ack { Style::Acknowledging } else { Style::Plain },
        force: request.force || token.is_some(),
        stage: if token.is_some() { Stage::Resume } else { Stage::Admission },
        plain: false,
        name: String::new(),
        profile: Profile::default(),
        online: Vec::new(),
        token,
    })));
    if let Some(token) = offered {
        // It cannot be guessed, so nobody has to be slowed down.
        let members_max = core.rules.login_members_max;
        core.work(Ticket::Session(session.conn), Request::Resume { user, token, members_max });
    } else {
        let (conn, address, attempt) = (session.conn, session.address, Attempt::Login(user));
        core.effects.push(Effect::Admit { conn, address, attempt });
    }
}

/// The answer to [`Effect::Admit`].
pub(super) fn admitted(session: &mut Session, admission: Admission, core: &mut Core) {
    let Some(login) = login_of(session) else { return };
    match admission {
        Admission::Now => read_credentials(session, core),
        Admission::After(pause) => {
            login.stage = Stage::Penalty;
            core.deadlines.arm(core.now.instant + pause, Deadline::Penalty(session.conn));
        }
        Admission::Refused(retry) => {
            fail(session, Errno::Busy, Some("too many failed logins"), Some(retry), core);
        }
    }
}

/// The pause before an attempt is over.
pub(super) fn penalty_over(session: &mut Session, core: &mut Core) {
    if login_of(session).is_some_and(|login| login.stage == Stage::Penalty) {
        read_credentials(session, core);
    }
}

/// A worker's answer.
pub(super) fn answered(session: &mut Session, answer: Answer, core: &mut Core) {
    match answer {
        Answer::Credentials(Ok(found)) => check(session, found, core),
        Answer::Verified(right) => verified(session, right, core),
        Answer::Profile(Ok(profile)) => claim(session, profile, core),
        Answer::Resumed(Ok(found)) => resume(session, found, core),
        Answer::Hashed(Ok(hash)) => replace_password(session, hash, core),
        Answer::Written(written) if stage_is(session, Stage::Rehash) => {
            if let Err(error) = written {
                log::debug!("a plain password stays for the next login: {error}");
            }
            read_profile(session, core);
        }
        Answer::Written(Ok(Outcome::Done)) => ask_presence(session, core),
        Answer::Written(Err(_)) => go_on_without_write(session, core),
        Answer::Rows(Ok(rows)) => finish(session, rows, core),
        Answer::Credentials(Err(error))
        | Answer::Profile(Err(error))
        | Answer::Resumed(Err(error))
        | Answer::Rows(Err(error)) => store_failed(session, &error, core),
        Answer::Hashed(Err(error)) => hash_failed(session, &error, core),
        Answer::Written(Ok(_))
        | Answer::Members(_)
        | Answer::Arrivals(_)
        | Answer::NewestRow(_) => {
            fail(session, Errno::Refused, None, None, core);
        }
    }
}

/// The answer to [`Effect::Presence`]: those who are online, ascending.
pub(super) fn presence_known(session: &mut Session, online: Vec<UserId>, core: &mut Core) {
    let conn = session.conn;
    let Some(login) = login_of(session).filter(|login| login.stage == Stage::Presence) else {
        return;
    };
    login.online = online;
    if login.style == Style::Acknowledging {
        return finish(session, Vec::new(), core);
    }
    login.stage = Stage::Rows;
    let (recipient, after) = (login.user, RowId::default());
    let limit = FIRST_PAGE;
    core.work(Ticket::Session(conn), Request::Rows { recipient, after, limit });
}

/// A logout request: the place is left at once, the token ends with a write. That is asked for
/// first, so that it does not end the token of who takes the place.
pub(super) fn log_out(session: &mut Session, user: UserId, mid: Option<&str>, core: &mut Core) {
    let write = Write::SetToken { user, token: None };
    core.work(Ticket::Session(session.conn), Request::Write(write));
    session.go_offline(core);
    session.phase = Phase::Anonymous(core.now.instant);
    session.framer.set_max_object_bytes(core.rules.anonymous_object_max);
    session.pending = Some(Pending::Logout { mid: mid.map(Into::into) });
}

fn login_of(session: &mut Session) -> Option<&mut Login> {
    match &mut session.pending {
        Some(Pending::Login(login)) => Some(login),
        _ => None,
    }
}

/// The store takes no writes now, but reads it answers, and what waits for the user may be what
/// fills it: the login goes on without a new token, and without the order that a barrier gives.
fn go_on_without_write(session: &mut Session, core: &mut Core) {
    if let Some(login) = login_of(session).filter(|login| login.stage == Stage::Token) {
        login.token = None;
    }
    ask_presence(session, core);
}

fn stage_is(session: &mut Session, stage: Stage) -> bool {
    login_of(session).is_some_and(|login| login.stage == stage)
}

fn read_credentials(session: &mut Session, core: &mut Core) {
    let conn = session.conn;
    let Some(login) = login_of(session) else { return };
    login.stage = Stage::Credentials;
    core.work(Ticket::Session(conn), Request::Credentials(login.user));
}

fn check(session: &mut Session, found: Option<storage::Credentials>, core: &mut Core) {
    let ticket = Ticket::Session(session.conn);
    let Some(login) = login_of(session) else { return };
    let (name, hash) = found.map(|found| (found.name, found.password)).unzip();
    login.name = name.unwrap_or_default();
    login.stage = Stage::Password;
    login.plain = hash.as_deref().is_some_and(is_plain);
    let offered = &mut login.password;
    let password = if login.plain { offered.clone() } else { std::mem::take(offered) };
    // Without an account it takes as long, so that the answer does not tell.
    core.work(ticket, Request::Verify { password, hash });
}

fn resume(session: &mut Session, found: Option<Resumed>, core: &mut Core) {
    let Some(login) = login_of(session) else { return };
    let Some(Resumed { name, profile }) = found else {
        return fail(session, Errno::Refused, None, None, core);
    };
    login.name = name;
    claim(session, profile, core);
}

fn verified(session: &mut Session, right: bool, core: &mut Core) {
    let address = session.address;
    let Some(login) = login_of(session) else { return };
    let user = login.user;
    core.effects.push(Effect::LoginEnded { user, address, success: right });
    if !right {
        return fail(session, Errno::Refused, None, None, core);
    }
    if !login.plain {
        return read_profile(session, core);
    }
    login.stage = Stage::Hash;
    let password = std::mem::take(&mut login.password);
    core.work(Ticket::Session(session.conn), Request::Hash { password });
}

/// The hash takes the place of the password that was stored as it is. When it cannot be stored
/// now, the next login tries again.
fn replace_password(session: &mut Session, hash: String, core: &mut Core) {
    let ticket = Ticket::Session(session.conn);
    let Some(login) = login_of(session).filter(|login| login.stage == Stage::Hash) else { return };
    login.stage = Stage::Rehash;
    let write = Write::SetPassword { user: login.user, password: hash };
    core.work(ticket, Request::Write(write));
}

fn read_profile(session: &mut Session, core: &mut Core) {
    let ticket = Ticket::Session(session.conn);
    let Some(login) = login_of(session) else { return };
    login.stage = Stage::Profile;
    let members_max = core.rules.login_members_max;
    core.work(ticket, Request::Profile { user: login.user, members_max });
}

fn claim(session: &mut Session, profile: Profile, core: &mut Core) {
    let conn = session.conn;
    let Some(login) = login_of(session) else { return };
    login.profile = profile;
    login.stage = Stage::Place;
    login.id = core.next_login(conn);
    core.claims += 1;
    core.effects.push(Effect::Claim { login: login.id, user: login.user, force: login.force });
}

fn ask_presence(session: &mut Session, core: &mut Core) {
    let conn = session.conn;
    let Some(login) = login_of(session) else { return };
    login.stage = Stage::Presence;
    let members = login.profile.groups.iter().flat_map(|group| &group.members);
    let people = login.profile.friends.iter().chain(members.map(|(person, _)| person));
    let mut users: Vec<_> = people.map(|person| person.id).collect();
    users.sort_unstable();
    users.dedup();
    core.effects.push(Effect::Presence { conn, users });
}

fn finish(session: &mut Session, rows: Vec<Row>, core: &mut Core) {
    let Some(Pending::Login(login)) = session.pending.take() else { return };
    let conn = session.conn;
    session.framer.set_max_object_bytes(core.rules.object_max);
    let texts: Vec<_> = rows.iter().map(|row| row.message.object.text()).collect();
    let mut bytes = 0;
    let inside = texts
        .iter()
        .take_while(|text| {
            bytes += text.len();
            bytes <= OFFLINE_BYTES_MAX
        })
        .count();
    let inside_texts: Vec<_> = texts[..inside].iter().map(String::as_str).collect();
    let answer = LoginAnswer {
        mid: login.mid.as_deref(),
        id: Some(login.user),
        name: &login.name,
        friends: &login.friends(),
        groups: &login.groups(),
        offline: &inside_texts,
        token: login.token.as_deref().filter(|_| login.style == Style::Acknowledging),
        ..LoginAnswer::default()
    };
    core.effects.send(conn, |out| answer.write(out));
    for row in &rows[inside..] {
        core.effects.send(conn, |out| row.message.object.write_plain(out));
    }
    if let Phase::Online(online) = &mut session.phase {
        core.lend_actions(&mut online.inbox);
        if login.style == Style::Plain {
            online.inbox.first_page(core.now.instant, rows, FIRST_PAGE);
        }
        online.inbox.open(core.now.instant);
        core.settle_inbox(online.login, online.user, online.style, &mut online.inbox);
    }
    if login.style == Style::Acknowledging {
        session.look_again(core.now.instant + core.rules.ping_after, core);
    }
    session.resume(core);
}

fn store_failed(session: &mut Session, error: &StoreError, core: &mut Core) {
    log::debug!("a login failed: {error}");
    fail(session, Errno::StoreUnavailable, None, None, core);
}

/// Only the check of a password, or its queue, stands between a client and its refusal; a hash
/// that is made to be stored can wait for the next login.
fn hash_failed(session: &mut Session, error: &StoreError, core: &mut Core) {
    if stage_is(session, Stage::Hash) {
        read_profile(session, core);
    } else {
        store_failed(session, error, core);
    }
}

/// Ends a login that is under way.
fn fail(
    session: &mut Session,
    errno: Errno,
    text: Option<&str>,
    retry: Option<Duration>,
    core: &mut Core,
) {
    let Some(Pending::Login(login)) = session.pending.take() else { return };
    if session.online().is_some() {
        session.go_offline(core);
        session.phase = Phase::Anonymous(core.now.instant);
    }
    refuse(session, login.mid.as_deref(), errno, text, retry, core);
    session.resume(core);
}

fn refuse(
    session: &Session,
    mid: Option<&str>,
    errno: Errno,
    errmsg: Option<&str>,
    retry: Option<Duration>,
    core: &mut Core,
) {
    let retry_ms = retry.map(|retry| retry.as_millis() as u64);
    let answer = LoginAnswer { mid, errno, errmsg, retry_ms, ..LoginAnswer::default() };
    core.effects.send(session.conn, |out| answer.write(out));
}

impl Login {
    fn is_online(&self, user: UserId) -> bool {
        self.online.binary_search(&user).is_ok()
    }

    fn friends(&self) -> Vec<FriendEntry> {
        let entry = |person: &storage::Person| FriendEntry {
            id: person.id,
            name: person.name.clone(),
            online: self.is_online(person.id),
        };
        self.profile.friends.iter().map(entry).collect()
    }

    fn groups(&self) -> Vec<GroupEntry> {
        let member = |(person, role): &(storage::Person, storage::Role)| MemberEntry {
            id: person.id,
            name: person.name.clone(),
            online: self.is_online(person.id),
            role: match role {
                storage::Role::Creator => chatproto::Role::Creator,
                storage::Role::Normal => chatproto::Role::Normal,
            },
        };
        let entry = |group: &storage::Group| GroupEntry {
            id: group.id,
            name: group.name.clone(),
            description: group.description.clone(),
            users: group.members.iter().map(member).collect(),
        };
        self.profile.groups.iter().map(entry).collect()
    }
}
