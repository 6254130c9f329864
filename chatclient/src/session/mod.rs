//! The client's side of a session: who is logged in, over which connection, and what is owed.
//!
//! Pure: what happened and the time go in, what to do comes out. It survives the connection; a
//! login that was once accepted is resumed by its token until the user logs out, another login
//! takes the account over or the server refuses.

mod link_state;
mod entrance;
mod requests;

use crate::backoff::Backoff;
use crate::inbox::Inbox;
use crate::message_ids::MessageIds;
use crate::notice::Notice;
use crate::outbox::Outbox;
use chatproto::{DecodeError, Envelope, Event, Request, UserId};
use entrance::{Entrance, Resumption};
use link_state::LinkState;
use std::time::{Duration, Instant};

/// How long a leaving client waits for the next answer, and for a pause in the messages.
const DEPARTURE_PATIENCE: Duration = Duration::from_secs(10);
/// Who ends the program is shown what still comes until nothing came for so long: a script that
/// logs in and ends sees what waited for its user.
const QUIET_BEFORE_EXIT: Duration = Duration::from_millis(250);
/// How long the answer to a logout is waited for; nothing depends on it.
const LOGOUT_PATIENCE: Duration = Duration::from_secs(2);

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// The program starts.
    Start,
    /// The user logs in.
    Login {
        /// Who.
        id: UserId,
        /// The password.
        password: String,
        /// Take the account over if it is online elsewhere.
        force: bool,
    },
    /// The user answers the offer to take the account over.
    TakeOver(bool),
    /// The user registers.
    Register {
        /// The name.
        name: String,
        /// The password.
        password: String,
    },
    /// The user asks the server for something.
    Send(Request<'static>),
    /// The user logs out.
    LogOut,
    /// The user leaves the program.
    Leave,
    /// The connection stands.
    LinkUp,
    /// The connection failed or ended, and why.
    LinkDown(String),
    /// The server said something.
    Heard(Result<Event, DecodeError>),
    /// All that was to be shown is on the screen.
    Shown,
    /// Time passed.
    Tick,
}

/// What to do, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Connect to the server; the answer is [`Input::LinkUp`] or [`Input::LinkDown`].
    Connect,
    /// Close the connection, without an answer.
    Disconnect,
    /// Send these bytes.
    Transmit(Vec<u8>),
    /// Tell the user.
    Show(Notice),
    /// End the program once all is shown.
    Exit {
        /// Whether all that was asked was answered.
        success: bool,
    },
}

/// What the user can do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Wait.
    Busy,
    /// Choose from the menu.
    Menu,
    /// Say whether the account is to be taken over.
    OfferTakeOver,
    /// Give commands.
    Commands,
}

/// What differs from one client to the next.
#[derive(Debug, Clone)]
pub struct Options {
    /// Names for requests.
    pub message_ids: MessageIds,
    /// Seed of the jitter.
    pub seed: u64,
    /// Whether someone is there to be asked about taking an account over.
    pub may_ask: bool,
}

/// A client's session.
#[derive(Debug)]
pub struct Session {
    link: LinkState,
    account: Account,
    departure: Departure,
    outbox: Outbox,
    /// Whose requests the outbox holds.
    outbox_owner: Option<UserId>,
    inbox: Inbox,
    backoff: Backoff,
    message_ids: MessageIds,
    may_ask: bool,
    /// Requests were given up, so that the exit status is not success.
    has_abandoned: bool,
    effects: Vec<Effect>,
}

#[derive(Debug)]
enum Account {
    /// The first connection is being made.
    Arriving,
    /// Nobody is logged in.
    Nobody,
    /// A login or registration has no answer yet.
    Entering(Entrance),
    /// The login was refused because the account is online elsewhere.
    OnlineElsewhere { id: UserId, password: String },
    /// Logged in; what the user asks is sent.
    LoggedIn { id: UserId, token: Option<String> },
    /// Logged in, but this connection does not know it yet.
    Resuming { id: UserId, token: String, resumption: Resumption },
    /// The logout has no answer yet.
    LoggingOut { mid: String, until: Instant, goal: Goal },
}

/// Whether the user is leaving, which waits for answers.
#[derive(Debug, Clone, Copy)]
enum Departure {
    Staying,
    Leaving {
        goal: Goal,
        /// When the last answer came; at first, when leaving began.
        progress: Instant,
        /// When the last message came; at first, when leaving began.
        last_message: Instant,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Goal {
    Menu,
    Exit,
}

impl Session {
    /// A session before [`Input::Start`].
    pub fn new(options: Options) -> Self {
        Self {
            link: LinkState::Down,
            account: Account::Arriving,
            departure: Departure::Staying,
            outbox: Outbox::default(),
            outbox_owner: None,
            inbox: Inbox::default(),
            backoff: Backoff::new(options.seed),
            message_ids: options.message_ids,
            may_ask: options.may_ask,
            has_abandoned: false,
            effects: Vec::new(),
        }
    }

    /// Takes what happened; gives what to do.
    pub fn handle(&mut self, input: Input, now: Instant) -> Vec<Effect> {
        match input {
            Input::Start => self.connect(),
            Input::Login { id, password, force } => self.enter_by_login(id, password, force, now),
            Input::TakeOver(yes) => self.handle_take_over(yes, now),
            Input::Register { name, password } => self.enter_by_registration(name, password, now),
            Input::Send(request) => self.handle_send(request),
            Input::LogOut => self.leave(Goal::Menu, now),
            Input::Leave => self.leave(Goal::Exit, now),
            Input::LinkUp => self.handle_link_up(now),
            Input::LinkDown(reason) => self.handle_link_down(&reason, now),
            Input::Heard(event) => self.handle_heard(event, now),
            Input::Shown => self.acknowledge(),
            Input::Tick => {}
        }
        self.advance(now);
        std::mem::take(&mut self.effects)
    }

    /// What the user can do now.
    pub fn phase(&self) -> Phase {
        if let Departure::Leaving { .. } = self.departure {
            return Phase::Busy;
        }
        match &self.account {
            Account::Nobody => Phase::Menu,
            Account::OnlineElsewhere { .. } => Phase::OfferTakeOver,
            Account::LoggedIn { .. } | Account::Resuming { .. } if !self.outbox.is_full() => {
                Phase::Commands
            }
            _ => Phase::Busy,
        }
    }

    /// When [`Input::Tick`] is due.
    pub fn deadline(&self) -> Option<Instant> {
        let outbox = self.is_online().then(|| self.outbox.deadline()).flatten();
        [self.link_deadline(), self.account_deadline(), self.departure_deadline(), outbox]
            .into_iter()
            .flatten()
            .min()
    }

    /// Requests without an answer.
    pub fn unanswered(&self) -> usize {
        self.outbox.len()
    }

    /// Does what is due.
    fn advance(&mut self, now: Instant) {
        self.advance_link(now);
        self.advance_account(now);
        self.advance_departure(now);
        if self.is_online() {
            let mut lines = Vec::new();
            self.outbox.transmit(now, &mut lines);
            if !lines.is_empty() {
                self.effects.push(Effect::Transmit(lines));
            }
        }
    }

    fn account_deadline(&self) -> Option<Instant> {
        match &self.account {
            Account::Entering(entrance) => Some(entrance.deadline()),
            Account::Resuming { resumption, .. } => resumption.deadline(),
            Account::LoggingOut { until, .. } => Some(*until),
            _ => None,
        }
    }

    fn advance_account(&mut self, now: Instant) {
        match &self.account {
            Account::Entering(_) => self.advance_entrance(now),
            Account::Resuming { resumption, .. }
                if resumption.deadline().is_some_and(|deadline| deadline <= now) =>
            {
                self.present_token();
            }
            Account::LoggingOut { until, .. } if *until <= now => self.finish_logout(),
            _ => {}
        }
    }

    /// Whether the server knows on this connection who we are.
    fn is_online(&self) -> bool {
        matches!((&self.account, self.link.is_up()), (Account::LoggedIn { .. }, true))
    }

    fn leave(&mut self, goal: Goal, now: Instant) {
        match self.account {
            Account::LoggedIn { .. } | Account::Resuming { .. } => {
                self.departure = Departure::Leaving { goal, progress: now, last_message: now };
                if !self.outbox.is_empty() {
                    self.show(Notice::AwaitingAnswers(self.outbox.len()));
                }
            }
            _ if goal == Goal::Exit => self.exit(),
            _ => {}
        }
    }

    /// When one who is leaving logs out, unless something happens before.
    fn departure_deadline(&self) -> Option<Instant> {
        let Departure::Leaving { goal, progress, last_message } = self.departure else {
            return None;
        };
        let is_online = self.is_online();
        Some(if !self.outbox.is_empty() {
            progress + DEPARTURE_PATIENCE
        } else if is_online && !self.inbox.is_acknowledged() {
            (last_message + DEPARTURE_PATIENCE).min(progress + 2 * DEPARTURE_PATIENCE)
        } else if is_online && goal == Goal::Exit {
            (last_message + QUIET_BEFORE_EXIT).min(progress + DEPARTURE_PATIENCE)
        } else {
            progress
        })
    }

    /// Logs out once all is answered, or nothing was for too long.
    fn advance_departure(&mut self, now: Instant) {
        let Departure::Leaving { goal, .. } = self.departure else { return };
        if self.departure_deadline().is_some_and(|deadline| now < deadline) {
            return;
        }
        let was_online = self.is_online();
        if !self.outbox.is_empty() {
            self.show(Notice::Unanswered(self.outbox.len()));
        }
        self.departure = Departure::Staying;
        let mid = self.message_ids.next_id();
        let until = now + LOGOUT_PATIENCE;
        self.account = Account::LoggingOut { mid: mid.clone(), until, goal };
        if was_online {
            self.transmit(&Envelope {
                mid: Some(mid.into()),
                request: Request::Logout { id: None },
            });
        } else {
            self.finish_logout();
        }
    }

    fn finish_logout(&mut self) {
        let Account::LoggingOut { goal, .. } = self.account else { return };
        self.account = Account::Nobody;
        self.show(Notice::LoggedOut);
        if goal == Goal::Exit {
            self.exit();
        }
    }

    fn exit(&mut self) {
        self.disconnect();
        let success = self.outbox.is_empty() && !self.has_abandoned;
        self.effects.push(Effect::Exit { success });
    }

    fn show(&mut self, notice: Notice) {
        self.effects.push(Effect::Show(notice));
    }

    fn transmit(&mut self, envelope: &Envelope<'_>) {
        let mut line = Vec::new();
        envelope.write(&mut line);
        self.effects.push(Effect::Transmit(line));
    }
}

#[cfg(test)]
mod tests;
