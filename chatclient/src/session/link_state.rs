//! The connection under a session: made, kept alive, made again.

use super::{Account, Effect, Session};
use crate::notice::Notice;
use crate::outbox::wait_before_retry;
use chatproto::{Envelope, Errno, Request, Status};
use std::time::{Duration, Instant};

/// A server that said nothing for so long is asked whether it is there.
const SILENCE_BEFORE_PING: Duration = Duration::from_secs(30);
/// A server that said nothing for so long is gone.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// What becomes of the connection.
#[derive(Debug, Clone, Copy)]
pub(super) enum LinkState {
    /// There is none.
    Down,
    /// It will be made at this time.
    Waiting(Instant),
    /// It is being made.
    Connecting,
    /// It stands.
    Up { heard: Instant, was_pinged: bool },
}

impl LinkState {
    pub(super) fn is_up(self) -> bool {
        matches!(self, Self::Up { .. })
    }
}

impl Session {
    pub(super) fn connect(&mut self) {
        self.link = LinkState::Connecting;
        self.effects.push(Effect::Connect);
    }

    /// Closes the connection, if there is one or will be.
    pub(super) fn disconnect(&mut self) {
        if matches!(self.link, LinkState::Connecting | LinkState::Up { .. }) {
            self.effects.push(Effect::Disconnect);
        }
        self.link = LinkState::Down;
    }

    pub(super) fn handle_link_up(&mut self, now: Instant) {
        self.link = LinkState::Up { heard: now, was_pinged: false };
        match &self.account {
            Account::Arriving => self.account = Account::Nobody,
            Account::Entering(_) => self.request_entrance(),
            Account::Resuming { .. } => self.present_token(),
            Account::Nobody
            | Account::OnlineElsewhere { .. }
            | Account::LoggedIn { .. }
            | Account::LoggingOut { .. } => {}
        }
    }

    pub(super) fn handle_link_down(&mut self, reason: &str, now: Instant) {
        let wait = self.backoff.next_wait();
        self.lose_link(reason, wait, now);
    }

    /// The connection is gone; it is made again after `wait` if someone needs it.
    fn lose_link(&mut self, reason: &str, wait: Duration, now: Instant) {
        self.link = LinkState::Waiting(now + wait);
        self.outbox.handle_disconnect();
        match &mut self.account {
            Account::Arriving => {
                self.show(Notice::CannotConnect(reason.to_owned()));
                self.effects.push(Effect::Exit { success: false });
            }
            Account::Entering(_) => self.interrupt_entrance(reason, now),
            Account::LoggedIn { .. } | Account::Resuming { .. } => self.interrupt_session(reason),
            Account::LoggingOut { .. } => self.finish_logout(),
            // The server closes connections that do not log in; the menu needs none.
            Account::Nobody | Account::OnlineElsewhere { .. } => {}
        }
    }

    pub(super) fn handle_goodbye(&mut self, status: Status, now: Instant) {
        self.disconnect();
        if status.errno() == Some(Errno::TakenOver) {
            if !matches!(self.account, Account::Nobody | Account::OnlineElsewhere { .. }) {
                self.show(Notice::TakenOver);
            }
            self.return_to_menu();
            return;
        }
        let wait = match status.retry_ms {
            Some(_) => wait_before_retry(&status),
            None => self.backoff.next_wait(),
        };
        if matches!(self.account, Account::LoggedIn { .. } | Account::Resuming { .. }) {
            self.show(Notice::Goodbye(status));
        }
        self.lose_link("the server closed the connection", wait, now);
    }

    pub(super) fn note_life(&mut self, now: Instant) {
        if let LinkState::Up { heard, was_pinged } = &mut self.link {
            *heard = now;
            *was_pinged = false;
        }
    }

    pub(super) fn link_deadline(&self) -> Option<Instant> {
        match self.link {
            LinkState::Waiting(until) if self.needs_link() => Some(until),
            LinkState::Up { heard, was_pinged: false } if self.is_online() => {
                Some(heard + SILENCE_BEFORE_PING)
            }
            LinkState::Up { heard, .. } if self.watches_silence() => Some(heard + SILENCE_MAX),
            _ => None,
        }
    }

    pub(super) fn advance_link(&mut self, now: Instant) {
        if !self.needs_link() {
            return;
        }
        match self.link {
            LinkState::Down => self.connect(),
            LinkState::Waiting(until) if until <= now => self.connect(),
            LinkState::Up { heard, .. } if self.watches_silence() && now >= heard + SILENCE_MAX => {
                self.disconnect();
                self.handle_link_down("the server does not answer", now);
            }
            // Before the login a server answers no ping.
            LinkState::Up { heard, was_pinged: false }
                if self.is_online() && now >= heard + SILENCE_BEFORE_PING =>
            {
                self.link = LinkState::Up { heard, was_pinged: true };
                self.transmit(&Envelope { mid: None, request: Request::Ping });
            }
            _ => {}
        }
    }

    fn needs_link(&self) -> bool {
        matches!(
            self.account,
            Account::Entering(_) | Account::LoggedIn { .. } | Account::Resuming { .. }
        )
    }

    /// A login or registration has a patience of its own.
    fn watches_silence(&self) -> bool {
        matches!(self.account, Account::LoggedIn { .. } | Account::Resuming { .. })
    }
}
