//! What is said over a session: requests and their answers, messages and their acknowledgement.

use super::{Account, Departure, Session};
use crate::notice::Notice;
use crate::outbox::Answered;
use chatproto::{Chat, DecodeError, Delivery, Envelope, Errno, Event, GroupId, Request, Status};
use std::time::Instant;

impl Session {
    pub(super) fn handle_send(&mut self, request: Request<'static>) {
        if !matches!(self.account, Account::LoggedIn { .. } | Account::Resuming { .. }) {
            return;
        }
        if self.outbox.is_full() {
            self.show(Notice::OutboxFull(self.outbox.len()));
            return;
        }
        let mid = self.message_ids.next_id();
        if let Err(why) = self.outbox.push(mid, request) {
            self.show(Notice::Invalid(why));
        } else if self.outbox.is_full() {
            self.show(Notice::OutboxFull(self.outbox.len()));
        }
    }

    pub(super) fn handle_heard(&mut self, event: Result<Event, DecodeError>, now: Instant) {
        self.note_life(now);
        let event = match event {
            Ok(event) => event,
            Err(DecodeError::Malformed) => {
                self.disconnect();
                self.handle_link_down("the server does not speak the protocol", now);
                return;
            }
            Err(DecodeError::Wrong { .. }) => {
                self.show(Notice::Unreadable);
                return;
            }
        };
        match event {
            Event::LoginAnswer(outcome) => self.handle_login_answer(outcome, now),
            Event::RegisterAnswer { mid, status, id } => {
                self.handle_register_answer(mid.as_deref(), status, id, now);
            }
            Event::Chat(chat) => self.handle_chat(chat, now),
            Event::Answer { mid: Some(mid), status, group, state } => {
                self.handle_answer(&mid, status, state, group, now);
            }
            Event::Answer { mid: None, status, .. } => self.handle_error(status, now),
            Event::Ping => self.transmit(&Envelope { mid: None, request: Request::Pong }),
            Event::Goodbye { status } => self.handle_goodbye(status, now),
            Event::Pong | Event::Unknown(_) => {}
        }
    }

    /// Tells the server what is on the screen.
    pub(super) fn acknowledge(&mut self) {
        if self.is_online()
            && let Some(seq) = self.inbox.acknowledge()
        {
            self.transmit(&Envelope { mid: None, request: Request::Received { seq } });
        }
    }

    fn handle_chat(&mut self, chat: Chat, now: Instant) {
        if let Departure::Leaving { last_message, .. } = &mut self.departure {
            *last_message = now;
        }
        if self.is_online() && self.inbox.accept(&chat) {
            self.show(Notice::Chat(Box::new(chat)));
        }
    }

    fn handle_answer(
        &mut self,
        mid: &str,
        status: Status,
        state: Option<Delivery>,
        group: Option<GroupId>,
        now: Instant,
    ) {
        if self.is_entering_as(mid) {
            self.handle_refusal(status, now);
            return;
        }
        if matches!(&self.account, Account::LoggingOut { mid: logout, .. } if logout == mid) {
            self.finish_logout();
            return;
        }
        match self.outbox.handle_answer(mid, status, state, group, now) {
            Some(Answered::Settled(settled)) => {
                self.note_progress(now);
                self.show(Notice::Settled(settled));
            }
            Some(Answered::Postponed(request, wait)) => {
                self.show(Notice::Postponed { request, wait });
            }
            Some(Answered::PostponedAgain) | None => {}
        }
    }

    /// An error that does not say to what; the server may close the connection after it.
    fn handle_error(&mut self, status: Status, now: Instant) {
        if status.errno() == Some(Errno::TooLarge)
            && let Some(settled) = self.outbox.handle_too_large(status.clone())
        {
            self.note_progress(now);
            self.show(Notice::Settled(settled));
        } else if !status.is_ok() {
            self.show(Notice::ServerError(status));
        }
    }

    fn note_progress(&mut self, now: Instant) {
        if let Departure::Leaving { progress, .. } = &mut self.departure {
            *progress = now;
        }
    }
}
