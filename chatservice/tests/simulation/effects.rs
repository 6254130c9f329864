//! Carries out what shards want, as the server does.

use chatproto::UserId;
use chatservice::chat::{Claim, ConnId, Effect, Located, LoginId, Place, ShardId};
use chatservice::cluster::Command;

use crate::context::Context;
use crate::link::Link;
use crate::node::{Node, Outside};
use crate::plant::Plant;
use crate::schedule::{Event, SECOND};

impl Node {
    pub(crate) fn carry_out(
        &mut self,
        outside: &mut Outside,
        shard: u16,
        effect: Effect,
        bytes: &[u8],
    ) {
        let Outside { context, links, .. } = outside;
        let index = usize::from(shard);
        let now = context.now();
        match effect {
            Effect::Send { conn, bytes: range } => send(context, links, conn, &bytes[range]),
            Effect::Close(conn) => close(outside, link_of(conn)),
            Effect::PauseReading(conn) => links[link_of(conn)].paused = true,
            Effect::ResumeReading(conn) => {
                let link = &mut links[link_of(conn)];
                link.paused = false;
                link.schedule_up(context);
            }
            Effect::ReadAgain(conn) => links[link_of(conn)].schedule_up(context),
            Effect::Work { ticket, request } => {
                self.workers.submit(context, shard, ticket, request);
            }
            Effect::Admit { conn, address, attempt } => {
                let admission = self.throttle.admit(now.instant, address, attempt);
                self.loops[index].shard.handle_admission(now, conn, admission);
            }
            Effect::LoginEnded { user, address, success } => {
                self.throttle.login_ended(now.instant, user, address, success);
            }
            Effect::LoggedIn { .. } => {}
            Effect::Peer { to, message } if to.node == self.id => {
                self.post(context, shard, to.index, &message);
            }
            Effect::Peer { to, message } => self.send(context, shard, to, &message),
            Effect::Claim { login, user, force } => {
                let place = self.place(shard, login);
                match &mut self.bus {
                    Some(bus) => bus.command(context, Command::Claim { place, user, force }),
                    None => self.claim(context, place, user, force),
                }
            }
            Effect::Release { login, user, owing } => {
                let place = self.place(shard, login);
                self.release(context, place, user, owing);
            }
            Effect::Settled { login, user } => {
                let place = self.place(shard, login);
                self.directory.settled(user, place);
                self.tell(context, || Command::Release { place, user, owing: false });
            }
            Effect::Locate(lane) => match (self.directory.locate(lane.recipient), &mut self.bus) {
                (None, Some(bus)) => bus.command(context, Command::Locate { shard, lane }),
                (found, _) => {
                    let found = found.map_or(Located::Offline, Located::At);
                    self.loops[index].shard.handle_located(now, lane, found);
                }
            },
            Effect::Presence { conn, users } => match &mut self.bus {
                Some(bus) => bus.command(context, Command::Presence { shard, conn, users }),
                None => {
                    let online = self.directory.online(users);
                    self.loops[index].shard.handle_presence(now, conn, online);
                }
            },
            Effect::Announce { login, join, message } => match &mut self.bus {
                Some(bus) => {
                    bus.command(context, Command::Announce { shard, login, join, message });
                }
                None => self.loops[index].shard.handle_announced(now, login, join, 0),
            },
        }
    }

    fn place(&self, shard: u16, login: LoginId) -> Place {
        Place { shard: ShardId { node: self.id, index: shard }, login }
    }

    fn tell(&mut self, context: &mut Context, command: impl FnOnce() -> Command) {
        if let Some(bus) = &mut self.bus {
            bus.command(context, command());
        }
    }

    fn claim(&mut self, context: &mut Context, place: Place, user: UserId, force: bool) {
        let (now, login) = (context.now(), place.login);
        let online = self.directory.locate(user);
        let claim = self.directory.claim(user, place, now.unix_ms, force);
        if matches!(claim, Claim::Granted(_)) {
            self.evicted.extend(online.map(|place| link_of(place.login.conn)));
        }
        context.trace(|| format!("link {}: user {user} claim {claim:?}", login.conn.0));
        let index = usize::from(place.shard.index);
        self.loops[index].shard.handle_claim(now, login, user, claim);
    }

    fn release(&mut self, context: &mut Context, place: Place, user: UserId, owing: bool) {
        let wide = context.plant == Plant::WideRelease;
        let at = if wide { self.directory.locate(user) } else { None };
        self.directory.release(user, at.unwrap_or(place), owing);
        context
            .trace(|| format!("link {}: user {user} released, owing={owing}", place.login.conn.0));
        self.tell(context, || Command::Release { place, user, owing });
    }
}

fn close(outside: &mut Outside, link: usize) {
    let Outside { context, links, .. } = outside;
    let found = &mut links[link];
    if !found.server_open || found.closing {
        return;
    }
    found.closing = true;
    found.schedule_take(context);
    // Who does not take the last bytes is not waited for.
    context.schedule.after(5 * SECOND, Event::Gone { link });
}

fn link_of(conn: ConnId) -> usize {
    conn.0 as usize
}

fn send(context: &mut Context, links: &mut [Link], conn: ConnId, bytes: &[u8]) {
    let link = &mut links[link_of(conn)];
    if !link.server_open || link.closing {
        return;
    }
    let start = link.queued;
    link.server_sends(context, bytes);
    let mut end = start;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        end += line.len() as u64;
        context.trace(|| format!("link {} ◄ {}", conn.0, brief(line)));
        context.model.server_said(link.index, link.client, end, line);
    }
}

/// The start of an object, for the trace.
pub(crate) fn brief(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    text.trim_end().chars().take(160).collect()
}
