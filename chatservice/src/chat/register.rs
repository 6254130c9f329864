//! Registering an account: admission → hash → write → answer.

use std::time::Duration;

use chatproto::{Errno, RegisterAnswer, UserId, name_is_allowed};

use super::core::Core;
use super::effect::{Admission, Attempt, Effect, Ticket};
use super::session::{Pending, Session};
use crate::storage::{Answer, Outcome, Request, Write};

/// A registration under way.
pub(super) struct Register {
    mid: Option<String>,
    name: String,
    password: String,
}

impl std::fmt::Debug for Register {
    /// Without the password, which no log may see.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Register").field("name", &self.name).finish()
    }
}

/// A register request.
pub(super) fn begin(
    session: &mut Session,
    mid: Option<&str>,
    name: &str,
    password: String,
    core: &mut Core,
) {
    if !name_is_allowed(name) {
        let text = "a name has 1 to 50 characters and no control characters";
        return answer(session, mid, Err((Errno::Refused, text, None)), core);
    }
    let mid = mid.map(str::to_owned);
    let register = Register { mid, name: name.to_owned(), password };
    session.pending = Some(Pending::Register(Box::new(register)));
    let (conn, address) = (session.conn, session.address);
    core.effects.push(Effect::Admit { conn, address, attempt: Attempt::Registration });
}

/// The answer to [`Effect::Admit`].
pub(super) fn admitted(session: &mut Session, admission: Admission, core: &mut Core) {
    let ticket = Ticket::Session(session.conn);
    let Some(Pending::Register(register)) = &mut session.pending else { return };
    match admission {
        Admission::Now | Admission::After(_) => {
            let password = std::mem::take(&mut register.password);
            core.work(ticket, Request::Hash { password });
        }
        Admission::Refused(retry) => {
            let text = "too many registrations from your address";
            end(session, Err((Errno::Busy, text, Some(retry))), core);
        }
    }
}

/// A worker's answer.
pub(super) fn answered(session: &mut Session, answer: Answer, core: &mut Core) {
    let ticket = Ticket::Session(session.conn);
    let Some(Pending::Register(register)) = &mut session.pending else { return };
    match answer {
        Answer::Hashed(Ok(password)) => {
            let name = std::mem::take(&mut register.name);
            core.work(ticket, Request::Write(Write::Register { name, password }));
        }
        Answer::Written(Ok(Outcome::Registered(user))) => end(session, Ok(user), core),
        Answer::Written(Ok(_)) => {
            end(session, Err((Errno::Refused, "the name is taken", None)), core);
        }
        Answer::Hashed(Err(error)) | Answer::Written(Err(error)) => {
            log::debug!("a registration failed: {error}");
            let text = "the store cannot take it now, try again";
            end(session, Err((Errno::StoreUnavailable, text, None)), core);
        }
        _ => {}
    }
}

type Failure = (Errno, &'static str, Option<Duration>);

fn end(session: &mut Session, result: Result<UserId, Failure>, core: &mut Core) {
    let Some(Pending::Register(register)) = session.pending.take() else { return };
    answer(session, register.mid.as_deref(), result, core);
    session.resume(core);
}

fn answer(session: &Session, mid: Option<&str>, result: Result<UserId, Failure>, core: &mut Core) {
    let answer = match result {
        Ok(user) => RegisterAnswer { mid, id: Some(user), ..RegisterAnswer::default() },
        Err((errno, text, retry)) => RegisterAnswer {
            mid,
            errno,
            errmsg: Some(text),
            retry_ms: retry.map(|retry| retry.as_millis() as u64),
            id: None,
        },
    };
    core.effects.send(session.conn, |out| answer.write(out));
}
