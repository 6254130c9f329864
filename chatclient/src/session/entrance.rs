//! Logging in, registering, and resuming what a lost connection interrupted.

use super::link_state::LinkState;
use super::{Account, Departure, Goal, Session};
use crate::notice::Notice;
use crate::outbox::{encode, wait_before_retry};
use crate::session::Effect;
use chatproto::{Credentials, Envelope, Errno, Login, LoginOutcome, Request, Status, UserId};
use std::time::{Duration, Instant};

/// How long a login or registration is tried.
const ENTRANCE_PATIENCE: Duration = Duration::from_secs(60);
/// A server knows within 5 seconds that a connection is gone; one more for the way.
const OWN_GHOST_MAX: Duration = Duration::from_secs(6);
/// The wait before a login is tried again that only our own lost connection stands against.
const OWN_GHOST_RETRY: Duration = Duration::from_millis(500);

/// A login or registration without an answer.
#[derive(Debug)]
pub(super) struct Entrance {
    mid: String,
    wish: Wish,
    progress: Progress,
    give_up: Instant,
    /// When the connection was last lost with the answer under way: the server may think for a
    /// moment that the account is online, namely here.
    lost: Option<Instant>,
    /// The user was told that it takes longer.
    told: bool,
}

#[derive(Debug)]
enum Wish {
    Login { id: UserId, password: String, force: bool },
    Register { name: String, password: String },
}

#[derive(Debug, Clone, Copy)]
enum Progress {
    /// Not sent on this connection.
    Unsent,
    Sent,
    /// To be sent again at this time.
    Postponed(Instant),
}

/// How far a resumption is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Resumption {
    /// There is no connection, or the token is on the wire.
    UnderWay,
    /// The token is to be sent again at this time.
    Postponed(Instant),
}

impl Resumption {
    pub(super) fn deadline(self) -> Option<Instant> {
        match self {
            Self::UnderWay => None,
            Self::Postponed(until) => Some(until),
        }
    }
}

impl Entrance {
    pub(super) fn deadline(&self) -> Instant {
        match self.progress {
            Progress::Postponed(until) => until.min(self.give_up),
            Progress::Unsent | Progress::Sent => self.give_up,
        }
    }

    /// Whether an answer with this mid is to this; servers of the original protocol repeat none.
    fn is_answered_by(&self, mid: Option<&str>) -> bool {
        mid.is_none_or(|mid| mid == self.mid)
    }

    fn request(&self) -> Request<'static> {
        match &self.wish {
            Wish::Login { id, password, force } => Request::Login(Login {
                credentials: Credentials::Password { id: *id, password: password.clone().into() },
                ack: true,
                force: *force,
            }),
            Wish::Register { name, password } => {
                Request::Register { name: name.clone().into(), password: password.clone().into() }
            }
        }
    }
}

impl Session {
    pub(super) fn enter_by_login(
        &mut self,
        id: UserId,
        password: String,
        force: bool,
        now: Instant,
    ) {
        self.enter(Wish::Login { id, password, force }, now);
    }

    pub(super) fn enter_by_registration(&mut self, name: String, password: String, now: Instant) {
        self.enter(Wish::Register { name, password }, now);
    }

    pub(super) fn handle_take_over(&mut self, yes: bool, now: Instant) {
        match std::mem::replace(&mut self.account, Account::Nobody) {
            Account::OnlineElsewhere { id, password } if yes => {
                self.enter_by_login(id, password, true, now);
            }
            Account::OnlineElsewhere { .. } => {}
            other => self.account = other,
        }
    }

    fn enter(&mut self, wish: Wish, now: Instant) {
        let mid = self.message_ids.next_id();
        let give_up = now + ENTRANCE_PATIENCE;
        let entrance =
            Entrance { mid, wish, progress: Progress::Unsent, give_up, lost: None, told: false };
        if let Err(why) = encode(&entrance.mid, &entrance.request()) {
            self.show(Notice::Invalid(why));
            return;
        }
        self.account = Account::Entering(entrance);
        self.backoff.reset();
        match self.link {
            LinkState::Up { .. } => self.request_entrance(),
            // Nobody needed a connection until now, and nobody should wait for one.
            LinkState::Waiting(_) => self.link = LinkState::Down,
            LinkState::Down | LinkState::Connecting => {}
        }
    }

    /// Sends the login or registration.
    pub(super) fn request_entrance(&mut self) {
        let Account::Entering(entrance) = &mut self.account else { return };
        entrance.progress = Progress::Sent;
        let (mid, request) = (entrance.mid.clone(), entrance.request());
        self.transmit(&Envelope { mid: Some(mid.into()), request });
    }

    pub(super) fn advance_entrance(&mut self, now: Instant) {
        let Account::Entering(entrance) = &self.account else { return };
        if entrance.give_up <= now {
            self.show(Notice::EntranceGaveUp);
            self.disconnect();
            self.return_to_menu();
        } else if let Progress::Postponed(until) = entrance.progress
            && until <= now
            && self.link.is_up()
        {
            self.request_entrance();
        }
    }

    /// The connection was lost before the answer came.
    pub(super) fn interrupt_entrance(&mut self, reason: &str, now: Instant) {
        let Account::Entering(entrance) = &mut self.account else { return };
        let was_sent = matches!(entrance.progress, Progress::Sent);
        entrance.progress = Progress::Unsent;
        match entrance.wish {
            // A second try would be refused if the first one was taken.
            Wish::Register { .. } if was_sent => {
                self.show(Notice::RegistrationUnknown);
                self.return_to_menu();
            }
            Wish::Login { .. } if was_sent => entrance.lost = Some(now),
            Wish::Login { .. } | Wish::Register { .. } => {
                self.show_once(Notice::ConnectionLost(reason.to_owned()));
            }
        }
    }

    /// The connection was lost under a session, which goes on as soon as there is another.
    pub(super) fn interrupt_session(&mut self, reason: &str) {
        match std::mem::replace(&mut self.account, Account::Nobody) {
            Account::LoggedIn { id, token: Some(token) } => {
                self.show(Notice::ConnectionLost(reason.to_owned()));
                let resumption = Resumption::UnderWay;
                self.account = Account::Resuming { id, token, resumption };
            }
            Account::Resuming { id, token, .. } => {
                let resumption = Resumption::UnderWay;
                self.account = Account::Resuming { id, token, resumption };
            }
            // A server of the original protocol gives no token.
            _ => {
                self.show(Notice::ConnectionLost(reason.to_owned()));
                self.return_to_menu();
            }
        }
    }

    /// Sends the token, if there is a connection to send it on.
    pub(super) fn present_token(&mut self) {
        let Account::Resuming { token, resumption, .. } = &mut self.account else { return };
        *resumption = Resumption::UnderWay;
        let credentials = Credentials::Token(token.clone().into());
        if self.link.is_up() {
            let mid = self.message_ids.next_id();
            let request = Request::Login(Login { credentials, ack: true, force: false });
            self.transmit(&Envelope { mid: Some(mid.into()), request });
        }
    }

    pub(super) fn handle_login_answer(&mut self, outcome: LoginOutcome, now: Instant) {
        match &mut self.account {
            Account::Entering(entrance) if entrance.is_answered_by(outcome.mid.as_deref()) => {
                let Wish::Login { id, .. } = entrance.wish else { return };
                if outcome.status.is_ok() {
                    self.begin(outcome.id.unwrap_or(id), outcome);
                } else {
                    self.handle_refusal(outcome.status, now);
                }
            }
            Account::Resuming { id, token, resumption } => {
                if outcome.status.is_ok() {
                    let token = Some(outcome.token.unwrap_or_else(|| token.clone()));
                    self.inbox.open(*id);
                    self.account = Account::LoggedIn { id: *id, token };
                    self.backoff.reset();
                    self.show(Notice::Reconnected);
                } else if is_temporary(&outcome.status) {
                    *resumption = Resumption::Postponed(now + wait_before_retry(&outcome.status));
                } else {
                    self.show(Notice::SessionEnded(outcome.status));
                    self.return_to_menu();
                }
            }
            _ => {}
        }
    }

    /// The login or registration was answered with an error.
    pub(super) fn handle_refusal(&mut self, status: Status, now: Instant) {
        let Account::Entering(entrance) = &mut self.account else { return };
        let is_own_ghost = status.errno() == Some(Errno::AlreadyOnline)
            && entrance.lost.is_some_and(|lost| now < lost + OWN_GHOST_MAX);
        if is_own_ghost {
            entrance.progress = Progress::Postponed(now + OWN_GHOST_RETRY);
            return;
        }
        if is_temporary(&status) {
            entrance.progress = Progress::Postponed(now + wait_before_retry(&status));
            self.show_once(Notice::EntranceBusy(status));
            return;
        }
        match std::mem::replace(&mut self.account, Account::Nobody) {
            Account::Entering(Entrance { wish: Wish::Login { id, password, .. }, .. }) => {
                if status.errno() != Some(Errno::AlreadyOnline) {
                    self.show(Notice::LoginRefused(status));
                    return;
                }
                self.show(Notice::AlreadyOnline);
                if self.may_ask {
                    self.account = Account::OnlineElsewhere { id, password };
                }
            }
            _ => self.show(Notice::RegistrationRefused(status)),
        }
    }

    pub(super) fn handle_register_answer(
        &mut self,
        mid: Option<&str>,
        status: Status,
        id: Option<UserId>,
        now: Instant,
    ) {
        let Account::Entering(entrance) = &mut self.account else { return };
        let Wish::Register { name, .. } = &entrance.wish else { return };
        if !entrance.is_answered_by(mid) {
            return;
        }
        match id.filter(|_| status.is_ok()) {
            Some(id) => {
                let name = name.clone();
                self.account = Account::Nobody;
                self.show(Notice::Registered { id, name });
            }
            None => self.handle_refusal(status, now),
        }
    }

    /// Whether an answer with this mid is to the login or registration under way.
    pub(super) fn is_entering_as(&self, mid: &str) -> bool {
        matches!(&self.account, Account::Entering(entrance) if entrance.mid == mid)
    }

    /// Nobody is logged in any more; one who is leaving the program leaves it now.
    pub(super) fn return_to_menu(&mut self) {
        let goal = match (&self.account, self.departure) {
            (Account::LoggingOut { goal, .. }, _) => *goal,
            (_, Departure::Leaving { goal, .. }) => goal,
            _ => Goal::Menu,
        };
        let was_entering = matches!(self.account, Account::Entering(_));
        self.account = Account::Nobody;
        self.departure = Departure::Staying;
        if !was_entering && !self.outbox.is_empty() {
            self.show(Notice::Unanswered(self.outbox.len()));
        }
        if goal == Goal::Exit {
            self.exit();
        }
    }

    fn begin(&mut self, id: UserId, outcome: LoginOutcome) {
        if let Some(owner) = self.outbox_owner.replace(id)
            && owner != id
            && !self.outbox.is_empty()
        {
            self.show(Notice::Abandoned { owner, count: self.outbox.len() });
            self.outbox.clear();
            self.has_abandoned = true;
        }
        self.inbox.open(id);
        self.backoff.reset();
        self.account = Account::LoggedIn { id, token: outcome.token.clone() };
        self.show(Notice::LoggedIn(Box::new(outcome)));
    }

    /// Shows what would otherwise be said with every attempt.
    fn show_once(&mut self, notice: Notice) {
        let Account::Entering(entrance) = &mut self.account else { return };
        if !std::mem::replace(&mut entrance.told, true) {
            self.effects.push(Effect::Show(notice));
        }
    }
}

fn is_temporary(status: &Status) -> bool {
    matches!(status.errno(), Some(Errno::Busy | Errno::StoreUnavailable | Errno::ShuttingDown))
}
