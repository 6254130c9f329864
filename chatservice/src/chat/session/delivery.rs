//! What a session does for its user's inbox, and which of its parts an answer is for.

use chatproto::Errno;

use super::{Online, Pending, Phase, Session, Style};
use crate::chat::core::Core;
use crate::chat::effect::Refusal;
use crate::chat::inbox::Debt;
use crate::chat::{contacts, login, register};
use crate::message::Message;
use crate::storage::{Answer, Outcome, RowId, StoreError};
use std::sync::Arc;
use std::time::Instant;

impl Session {
    /// A live message for this session's user.
    pub(in crate::chat) fn handle_message(
        &mut self,
        message: Arc<Message>,
        debt: Debt,
        again: bool,
        core: &mut Core,
    ) {
        self.with_inbox(core, |online, now| {
            online.inbox.handle_message(now, message, debt, again);
        });
    }

    /// Rows were committed for this session's user.
    pub(in crate::chat) fn handle_mail(&mut self, first: RowId, core: &mut Core) {
        self.with_inbox(core, |online, now| online.inbox.handle_mail(now, first));
    }

    /// The kernel took everything that was queued.
    pub(in crate::chat) fn handle_written(&mut self, core: &mut Core) {
        if self.online().is_some_and(|online| online.style == Style::Plain) {
            self.with_inbox(core, |online, now| online.inbox.handle_written(now));
        }
    }

    /// The inbox asked to be looked at.
    pub(in crate::chat) fn handle_inbox_deadline(&mut self, core: &mut Core) {
        self.with_inbox(core, |online, now| online.inbox.handle_deadline(now));
    }

    /// The store's answer to something that the inbox asked.
    pub(in crate::chat) fn handle_inbox_answer(&mut self, answer: Answer, core: &mut Core) {
        self.with_inbox(core, |online, now| match answer {
            Answer::Rows(rows) => {
                if let Err(error) = &rows {
                    log::debug!("the waiting messages of user {} stay: {error}", online.user);
                }
                online.inbox.handle_rows(now, rows.ok());
            }
            Answer::Written(written) => {
                online.inbox.handle_deposited(now, deposit_result(written));
            }
            _ => {}
        });
    }

    /// Everything owed to this user is to become rows.
    pub(in crate::chat) fn store_debts(&mut self, core: &mut Core) {
        self.with_inbox(core, |online, _| online.inbox.store_debts());
    }

    /// Whether no debt to this user is in memory alone.
    pub(in crate::chat) fn is_settled(&self) -> bool {
        match &self.phase {
            Phase::Online(online) => online.inbox.is_settled(),
            _ => true,
        }
    }

    /// The account has moved to another session.
    pub(in crate::chat) fn handle_evicted(&mut self, core: &mut Core) {
        self.part(Errno::TakenOver, "your account logged in elsewhere", None, core);
    }

    /// A worker's answer to the pending request.
    pub(in crate::chat) fn handle_answer(&mut self, answer: Answer, core: &mut Core) {
        match (&self.pending, answer) {
            (Some(Pending::Login(_)), answer) => login::answered(self, answer, core),
            (Some(Pending::Register(_)), answer) => register::answered(self, answer, core),
            (_, Answer::Written(result)) => contacts::written(self, result, core),
            _ => {}
        }
    }

    /// Does nothing when there is no user, hence no inbox.
    fn with_inbox(&mut self, core: &mut Core, act: impl FnOnce(&mut Online, Instant)) {
        let Some(online) = self.online() else { return };
        core.lend_actions(&mut online.inbox);
        act(online, core.now.instant);
        core.settle_inbox(online.login, online.user, online.style, &mut online.inbox);
        self.rest_later(core);
    }
}

/// What a deposit's answer means for the debts in it.
pub(in crate::chat) fn deposit_result(
    written: Result<Outcome, StoreError>,
) -> Result<Vec<RowId>, Refusal> {
    match written {
        Ok(Outcome::Deposited(rows)) => Ok(rows),
        Ok(Outcome::LimitReached) => Err(Refusal::MailboxFull),
        Ok(Outcome::NoSuchUser) => Err(Refusal::NoSuchUser),
        Ok(_) => Err(Refusal::StoreUnavailable),
        Err(error) => {
            log::debug!("messages could not be stored: {error}");
            Err(Refusal::StoreUnavailable)
        }
    }
}
