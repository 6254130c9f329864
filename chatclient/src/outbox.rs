//! Requests that have no answer yet: sent in order, sent again when an answer may be lost.

use crate::notice::Settled;
use chatproto::{Delivery, Envelope, Errno, GroupId, Request, Status, UserId};
use std::collections::{HashSet, VecDeque};
use std::time::{Duration, Instant};

/// Requests without an answer; the user has to wait before there are more.
pub(crate) const REQUESTS_MAX: usize = 1000;

/// The wait before a postponed request is sent again, when the server names none.
const DEFAULT_WAIT: Duration = Duration::from_secs(1);
const SHORTEST_WAIT: Duration = Duration::from_millis(20);
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// One user's unanswered requests, oldest first.
///
/// At most one for each recipient is on the wire: were there two, the server could refuse the
/// first for now and take the second, and the order were lost.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    requests: VecDeque<Unanswered>,
}

#[derive(Debug)]
struct Unanswered {
    mid: String,
    request: Request<'static>,
    /// Its object and newline.
    line: Vec<u8>,
    state: State,
    times_sent: u32,
    was_postponed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// To be sent when it is first of its lane.
    Waiting,
    /// On the wire.
    Sent,
    /// To be sent again at this time.
    Postponed(Instant),
}

/// Requests of one lane are sent one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Lane {
    User(UserId),
    Group(GroupId),
    Other,
}

/// What an answer did.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answered {
    /// The request is done with.
    Settled(Box<Settled>),
    /// The request will be sent again after this wait, which is the first for it.
    Postponed(Box<Request<'static>>, Duration),
    /// The request will be sent again, as before.
    PostponedAgain,
}

impl Outbox {
    /// Takes a request; the error is a sentence for the user.
    ///
    /// The caller has seen that there is room.
    pub(crate) fn push(&mut self, mid: String, request: Request<'static>) -> Result<(), String> {
        let line = encode(&mid, &request)?;
        self.requests.push_back(Unanswered {
            mid,
            request,
            line,
            state: State::Waiting,
            times_sent: 0,
            was_postponed: false,
        });
        Ok(())
    }

    /// Appends what may be sent now.
    pub(crate) fn transmit(&mut self, now: Instant, out: &mut Vec<u8>) {
        let mut occupied = HashSet::new();
        for unanswered in &mut self.requests {
            if !occupied.insert(unanswered.lane()) {
                continue;
            }
            let is_due = match unanswered.state {
                State::Waiting => true,
                State::Sent => false,
                State::Postponed(until) => until <= now,
            };
            if is_due {
                unanswered.state = State::Sent;
                unanswered.times_sent = unanswered.times_sent.saturating_add(1);
                out.extend_from_slice(&unanswered.line);
            }
        }
    }

    /// What was on the wire has to be sent again.
    pub(crate) fn handle_disconnect(&mut self) {
        for unanswered in &mut self.requests {
            if unanswered.state == State::Sent {
                unanswered.state = State::Waiting;
            }
        }
    }

    /// Takes the answer to a request; None if it is to none of these.
    pub(crate) fn handle_answer(
        &mut self,
        mid: &str,
        status: Status,
        state: Option<Delivery>,
        group: Option<GroupId>,
        now: Instant,
    ) -> Option<Answered> {
        let index = self.requests.iter().position(|unanswered| unanswered.mid == mid)?;
        if matches!(
            status.errno(),
            Some(Errno::Busy | Errno::StoreUnavailable | Errno::ShuttingDown)
        ) {
            return Some(self.requests[index].postpone(&status, now));
        }
        let Unanswered { request, times_sent, .. } = self.requests.remove(index)?;
        let was_repeated = times_sent > 1;
        Some(Answered::Settled(Box::new(Settled { request, status, state, group, was_repeated })))
    }

    /// The server refused something on the wire for its size, and cannot say which.
    pub(crate) fn handle_too_large(&mut self, status: Status) -> Option<Box<Settled>> {
        let on_the_wire = |unanswered: &&Unanswered| unanswered.state == State::Sent;
        let largest =
            self.requests.iter().filter(on_the_wire).max_by_key(|sent| sent.line.len())?;
        let index = self.requests.iter().position(|unanswered| unanswered.mid == largest.mid)?;
        let Unanswered { request, .. } = self.requests.remove(index)?;
        let settled = Settled { request, status, state: None, group: None, was_repeated: false };
        Some(Box::new(settled))
    }

    /// When something postponed is due next.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let mut occupied = HashSet::new();
        let first_of_lane = self.requests.iter().filter(|one| occupied.insert(one.lane()));
        first_of_lane
            .filter_map(|unanswered| match unanswered.state {
                State::Postponed(until) => Some(until),
                State::Waiting | State::Sent => None,
            })
            .min()
    }

    pub(crate) fn clear(&mut self) {
        self.requests.clear();
    }

    pub(crate) fn len(&self) -> usize {
        self.requests.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.requests.len() >= REQUESTS_MAX
    }
}

impl Unanswered {
    fn lane(&self) -> Lane {
        match self.request {
            Request::Chat { to, .. } => Lane::User(to),
            Request::AddFriend { friend, .. } => Lane::User(friend),
            Request::GroupChat { group, .. } | Request::JoinGroup { group, .. } => {
                Lane::Group(group)
            }
            _ => Lane::Other,
        }
    }

    fn postpone(&mut self, status: &Status, now: Instant) -> Answered {
        let wait = wait_before_retry(status);
        self.state = State::Postponed(now + wait);
        if std::mem::replace(&mut self.was_postponed, true) {
            Answered::PostponedAgain
        } else {
            Answered::Postponed(Box::new(self.request.clone()), wait)
        }
    }
}

/// How long to wait before doing again what the server could not do now.
pub(crate) fn wait_before_retry(status: &Status) -> Duration {
    status.retry_ms.map_or(DEFAULT_WAIT, |retry_ms| {
        Duration::from_millis(retry_ms).clamp(SHORTEST_WAIT, LONGEST_WAIT)
    })
}

/// The request's line, if a server with the protocol's own limits takes it.
pub(crate) fn encode(mid: &str, request: &Request<'static>) -> Result<Vec<u8>, String> {
    const OBJECT_BYTES_MAX: usize = 64 * 1024;
    let mut line = Vec::new();
    Envelope { mid: Some(mid.into()), request: request.clone() }.write(&mut line);
    if line.len() > OBJECT_BYTES_MAX {
        return Err("that is too long to be sent".to_owned());
    }
    chatproto::decode(&line).map_err(|error| error.to_string())?;
    Ok(line)
}

#[cfg(test)]
mod tests;
