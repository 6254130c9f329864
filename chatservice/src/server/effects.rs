//! One match over [`Effect`]: the only place where chat rules become true.

use reactor::{Connection, ConnectionId, Connections};

use super::Asker;
use super::chat_loop::{ChatLoop, ConnState, Hold, hold, read_again, release};
use crate::chat::effect::Attempt;
use crate::chat::{ConnId, Effect, Effects, Now, Ticket};
use crate::storage::{Request, Write};

impl ChatLoop {
    /// Carries out what the shard wants, and what its answers make it want, until nothing is
    /// left.
    pub(super) fn run_effects(&mut self, connections: &mut Connections<'_, ConnState>) {
        let now = self.now(connections.now());
        loop {
            let mut effects = std::mem::take(&mut self.effects);
            std::mem::swap(&mut effects, self.shard.effects());
            let Effects { list, bytes, .. } = &mut effects;
            let idle = list.is_empty();
            for effect in list.drain(..) {
                self.carry_out(now, effect, bytes, connections);
            }
            effects.clear();
            self.effects = effects;
            if idle {
                return;
            }
        }
    }

    fn carry_out(
        &mut self,
        now: Now,
        effect: Effect,
        bytes: &[u8],
        connections: &mut Connections<'_, ConnState>,
    ) {
        match effect {
            // A connection that is full or closed says so in its last callback.
            Effect::Send { conn, bytes: range } => at(connections, conn, |connection| {
                let _status = connection.send(&bytes[range]);
            }),
            Effect::Close(conn) => at(connections, conn, |it| it.close_after_flush()),
            Effect::PauseReading(conn) => at(connections, conn, |it| hold(it, Hold::Rules)),
            Effect::ResumeReading(conn) => at(connections, conn, |it| release(it, Hold::Rules)),
            Effect::ReadAgain(conn) => at(connections, conn, read_again),
            Effect::Work { ticket, request } => self.work(now, ticket, request),
            Effect::Claim { login, user, force } => self.claim(now, login, user, force),
            Effect::Release { login, user, owing } => self.release(login, user, owing),
            Effect::Settled { login, user } => self.settled(login, user),
            Effect::Locate(lane) => self.locate(now, lane),
            Effect::Presence { conn, users } => self.ask_presence(now, conn, users),
            Effect::Admit { conn, address, attempt } => {
                let admission = self.shared.throttle.lock().admit(now.instant, address, attempt);
                if matches!(attempt, Attempt::Registration) {
                    log::debug!("registration from {address:?}: {admission:?}");
                }
                self.shard.handle_admission(now, conn, admission);
            }
            Effect::LoginEnded { user, address, success } => {
                let mut throttle = self.shared.throttle.lock();
                throttle.login_ended(now.instant, user, address, success);
            }
            Effect::LoggedIn { online, .. } => self.shared.admissions.logged_in(online),
            Effect::Peer { to, message } => self.post(to, message),
            Effect::Announce { login, join, message } => self.announce(now, login, join, message),
        }
    }

    fn work(&mut self, now: Now, ticket: Ticket, request: Request) {
        // Who takes the place next has a token made, on any loop: that must come later.
        let ends_token = matches!(request, Request::Write(Write::SetToken { token: None, .. }));
        self.requests.push((Asker::Shard(self.id.index, ticket), request));
        if ends_token {
            self.submit_requests(now);
        }
    }

    /// Hands over what the turn has to ask of the workers, which are woken for all of it together.
    pub(super) fn submit_requests(&mut self, now: Now) {
        self.shared.workers.submit_all(&mut self.requests);
        for (asker, request) in self.requests.drain(..) {
            log::debug!("too much is waiting for the workers");
            if let Asker::Shard(_, ticket) = asker {
                self.shard.handle_answer(now, ticket, request.unavailable());
            }
        }
    }
}

/// Does something with a connection, unless it is closed.
fn at(
    connections: &mut Connections<'_, ConnState>,
    conn: ConnId,
    act: impl FnOnce(&mut Connection<'_, ConnState>),
) {
    if let Some(mut connection) = connections.get(ConnectionId::from_u64(conn.0)) {
        act(&mut connection);
    }
}
