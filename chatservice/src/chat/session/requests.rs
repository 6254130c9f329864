//! What a client sends: requests one after the other, and the few that need not wait.

use chatproto::{DecodeError, Envelope, Errno, FramingError, Request, Scan, UserId, decode};

use super::deferred::Next;
use super::{Pending, Phase, Reading, Session, Style};
use crate::chat::core::Core;
use crate::chat::effect::Effect;
use crate::chat::inbox::NeverPushed;
use crate::chat::sending::{Chat, Target};
use crate::chat::{contacts, login, register, sending};

/// Requests of one connection that are carried out before others get their turn: enough for any
/// pipeline, and a fraction of a millisecond.
const OBJECTS_AT_ONCE: usize = 256;

impl Session {
    /// Carries out the requests in `unread` as far as it may; how many bytes are used up.
    pub(in crate::chat) fn handle_bytes(&mut self, unread: &[u8], core: &mut Core) -> usize {
        self.handle_alive(core);
        let (mut used, mut objects) = (0, 0);
        while used < unread.len() && !self.is_blocked() {
            if objects == OBJECTS_AT_ONCE {
                core.effects.push(Effect::ReadAgain(self.conn));
                return used;
            }
            if !self.waits()
                && let Some((envelope, consumed)) = self.framer.scan_plain(&unread[used..])
            {
                used += consumed;
                objects += 1;
                self.handle_request(envelope, core);
                continue;
            }
            match self.framer.scan(&unread[used..]) {
                Ok(Scan::Object { text, consumed }) => {
                    used += consumed;
                    objects += 1;
                    self.handle_or_defer(text, core);
                }
                Ok(Scan::Incomplete { consumed }) => {
                    used += consumed;
                    break;
                }
                Err(error) if self.waits() => self.defer(Next::Broken(error)),
                Err(error) => self.handle_framing_error(error, core),
            }
        }
        if self.is_over() {
            return unread.len();
        }
        if self.is_blocked() && self.reading == Reading::Open {
            self.reading = Reading::Paused(core.now.instant);
            core.effects.push(Effect::PauseReading(self.conn));
        }
        used
    }

    /// The peer will send no more.
    pub(in crate::chat) fn handle_end_of_stream(&mut self, core: &mut Core) {
        if self.waits() {
            return self.defer(Next::EndOfStream);
        }
        if self.is_over() {
            return;
        }
        self.go_offline(core);
        self.phase = Phase::Leaving;
        self.close_if_answered(core);
    }

    /// The pending request was answered.
    pub(in crate::chat) fn resume(&mut self, core: &mut Core) {
        self.close_if_answered(core);
        self.catch_up(core);
        if self.is_blocked() {
            return;
        }
        let Reading::Paused(paused) = self.reading else { return };
        self.reading = Reading::Open;
        core.effects.push(Effect::ResumeReading(self.conn));
        // Waiting for the server does not count as time to log in.
        if let Phase::Anonymous(since) = &mut self.phase {
            *since += core.now.instant - paused.max(*since);
            let due = *since + core.rules.login_within;
            self.look_again(due, core);
        }
    }

    fn handle_object(&mut self, text: &[u8], core: &mut Core) {
        match decode(text) {
            Ok(envelope) => self.handle_request(envelope, core),
            Err(DecodeError::Malformed) => {
                core.fail(self.conn, None, Errno::BadRequest, "this is not a JSON object");
                self.close(core);
            }
            Err(DecodeError::Wrong { mid, why, .. }) => {
                core.fail(self.conn, mid.as_deref(), Errno::BadRequest, &why);
            }
        }
    }

    fn handle_framing_error(&mut self, error: FramingError, core: &mut Core) {
        let errno = match error {
            FramingError::TooLarge => Errno::TooLarge,
            _ => Errno::BadRequest,
        };
        core.fail(self.conn, None, errno, &error.to_string());
        self.close(core);
    }

    fn handle_request(&mut self, envelope: Envelope<'_>, core: &mut Core) {
        let mid = envelope.mid.as_deref();
        match envelope.request {
            Request::Ping => return core.effects.send(self.conn, chatproto::pong),
            Request::Pong => return,
            Request::Login(request) => return login::begin(self, mid, request, core),
            Request::Register { name, password } => {
                return register::begin(self, mid, &name, password.into_owned(), core);
            }
            _ => {}
        }
        let Phase::Online(online) = &self.phase else {
            return core.fail(self.conn, mid, Errno::NotLoggedIn, "log in first");
        };
        if claimed_sender(&envelope.request).is_some_and(|id| id != online.user) {
            let text = "the id is not that of this login";
            return core.fail(self.conn, mid, Errno::Forbidden, text);
        }
        let user = online.user;
        match envelope.request {
            Request::Logout { .. } => login::log_out(self, user, mid, core),
            Request::Chat { to, msg, time, .. } => {
                let (mid, target) = (envelope.mid, Target::User(to));
                sending::chat(self, Chat { mid, target, msg, time }, core);
            }
            Request::GroupChat { group, msg, time, .. } => {
                let (mid, target) = (envelope.mid, Target::Group(group));
                sending::chat(self, Chat { mid, target, msg, time }, core);
            }
            Request::AddFriend { friend, .. } => {
                contacts::add_friend(self, user, mid, friend, core);
            }
            Request::CreateGroup { name, description, .. } => {
                contacts::create_group(self, user, mid, &name, &description, core);
            }
            Request::JoinGroup { group, .. } => {
                contacts::join_group(self, user, mid, group, core);
            }
            Request::Received { seq } => self.handle_received(mid, seq, core),
            Request::Ping | Request::Pong | Request::Login(_) | Request::Register { .. } => {}
        }
    }

    fn handle_received(&mut self, mid: Option<&str>, seq: u64, core: &mut Core) {
        let Phase::Online(online) = &mut self.phase else { return };
        if online.style == Style::Plain {
            let text = "this login did not ask to acknowledge";
            return core.fail(self.conn, mid, Errno::BadRequest, text);
        }
        core.lend_actions(&mut online.inbox);
        let received = online.inbox.handle_received(core.now.instant, seq);
        core.settle_inbox(online.login, online.user, online.style, &mut online.inbox);
        match received {
            Ok(()) => core.done(self.conn, mid),
            Err(NeverPushed) => {
                let text = "nothing with this seq was pushed";
                core.fail(self.conn, mid, Errno::BadRequest, text);
            }
        }
    }

    /// Whether requests have to wait for one before them.
    fn waits(&self) -> bool {
        self.pending.is_some() || self.deferred.is_some()
    }

    /// Whether nothing more is to be read now.
    fn is_blocked(&self) -> bool {
        (self.waits() && !self.may_defer()) || !self.may_go_on()
    }

    fn may_go_on(&self) -> bool {
        !self.is_over() && !self.unsettled.is_full() && self.reading != Reading::Stopped
    }

    /// A chat may wait for long, until all that its sender sent from elsewhere is settled. Meanwhile
    /// the client says that it is there, and what it has; so what comes is looked at, as far as
    /// there is room for the rest.
    fn may_defer(&self) -> bool {
        let for_a_chat = matches!(self.pending, None | Some(Pending::Chat(_)));
        for_a_chat && self.deferred.as_ref().is_none_or(|deferred| deferred.has_room())
    }

    /// Whether only chats wait, whose answers come at any time. Those of other requests keep the
    /// order of the requests.
    fn only_chats_wait(&self) -> bool {
        self.deferred.as_ref().is_none_or(|deferred| deferred.has_only_chats())
    }

    fn defer(&mut self, next: Next) {
        self.deferred.get_or_insert_default().push(next);
    }

    fn handle_or_defer(&mut self, text: &[u8], core: &mut Core) {
        if !self.waits() {
            return self.handle_object(text, core);
        }
        match decode(text) {
            Ok(envelope) if is_prompt(&envelope.request) && self.only_chats_wait() => {
                self.handle_request(envelope, core);
            }
            Ok(envelope) if is_chat(&envelope.request) => self.defer(Next::Chat(text.into())),
            _ => self.defer(Next::Request(text.into())),
        }
    }

    /// Carries out what was deferred, until something has to be waited for again.
    fn catch_up(&mut self, core: &mut Core) {
        while self.pending.is_none()
            && self.may_go_on()
            && let Some(mut deferred) = self.deferred.take()
        {
            let next = deferred.pop();
            self.deferred = (!deferred.is_empty()).then_some(deferred);
            match next {
                Some(Next::Chat(text) | Next::Request(text)) => self.handle_object(&text, core),
                Some(Next::Broken(error)) => self.handle_framing_error(error, core),
                Some(Next::EndOfStream) => self.handle_end_of_stream(core),
                None => {}
            }
        }
    }
}

/// What is carried out even while a chat before it waits: it says that the client is there, or
/// what it has.
fn is_prompt(request: &Request<'_>) -> bool {
    matches!(request, Request::Ping | Request::Pong | Request::Received { .. })
}

fn is_chat(request: &Request<'_>) -> bool {
    matches!(request, Request::Chat { .. } | Request::GroupChat { .. })
}

/// The `id` of a request that carries one.
fn claimed_sender(request: &Request<'_>) -> Option<UserId> {
    match request {
        Request::Logout { id }
        | Request::Chat { id, .. }
        | Request::AddFriend { id, .. }
        | Request::CreateGroup { id, .. }
        | Request::JoinGroup { id, .. }
        | Request::GroupChat { id, .. } => *id,
        Request::Login(_)
        | Request::Register { .. }
        | Request::Received { .. }
        | Request::Ping
        | Request::Pong => None,
    }
}
