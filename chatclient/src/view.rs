//! How notices read; text of others is made harmless here.

use crate::command::COMMANDS;
use crate::notice::{Notice, Settled};
use crate::sanitize::{excerpt, sanitize};
use chatproto::{
    Chat, Delivery, Errno, FriendEntry, GroupEntry, LoginOutcome, MemberEntry, Request, Status,
    Target,
};
use std::fmt::Write as _;

const RULE: &str = "======================================================";

/// The lines that tell the user, each ended by a newline.
pub fn render(notice: &Notice) -> String {
    match notice {
        Notice::LoggedIn(outcome) => login(outcome),
        Notice::Help => help(),
        Notice::Chat(message) => format!("{}\n", chat(message)),
        Notice::Settled(settled) => format!("{}\n", outcome_of(settled)),
        other => format!("{}\n", sentence(other)),
    }
}

fn sentence(notice: &Notice) -> String {
    match notice {
        Notice::Invalid(why) => sanitize(why).into_owned(),
        Notice::CannotConnect(why) => format!("cannot connect: {}", sanitize(why)),
        Notice::ConnectionLost(why) => {
            format!("no connection ({}); trying to connect again", sanitize(why))
        }
        Notice::Reconnected => "connected again".to_owned(),
        Notice::Goodbye(status) => format!("the server says goodbye: {}", reason(status)),
        Notice::TakenOver => "this account logged in elsewhere; you are logged out here".to_owned(),
        Notice::SessionEnded(status) => {
            format!("the session has ended ({}); please log in again", reason(status))
        }
        Notice::LoginRefused(status) => {
            format!("login failed: {}", refusal(status, "wrong user id or password"))
        }
        Notice::AlreadyOnline => "this account is online elsewhere".to_owned(),
        Notice::EntranceBusy(status) => {
            format!("the server cannot do it yet ({}); please wait", reason(status))
        }
        Notice::EntranceGaveUp => "the server did not answer; please try again".to_owned(),
        Notice::Registered { id, name } => {
            format!("{} is registered; the user id is {id}, do not forget it!", sanitize(name))
        }
        Notice::RegistrationRefused(status) => {
            format!("registration failed: {}", refusal(status, "the name is taken or not allowed"))
        }
        Notice::RegistrationUnknown => {
            "the connection was lost before the answer came; the name may be registered or not"
                .to_owned()
        }
        Notice::LoggedOut => "logged out".to_owned(),
        Notice::Postponed { request, wait } => {
            let seconds = wait.as_secs_f32();
            format!("{}: the server is busy, trying again in {seconds:.1} s", subject(request))
        }
        Notice::ServerError(status) => format!("the server reports an error: {}", reason(status)),
        Notice::Unreadable => "something from the server could not be understood".to_owned(),
        Notice::OutboxFull(count) => {
            format!("{count} requests have no answer yet; please wait until some have")
        }
        Notice::AwaitingAnswers(count) => {
            format!("waiting for the answer to {}", requests(*count))
        }
        Notice::Unanswered(count) => {
            format!("no answer came to {}; a login from here sends again", requests(*count))
        }
        Notice::Abandoned { owner, count } => {
            format!("{} of user {owner} without an answer given up", requests(*count))
        }
        Notice::LoggedIn(_) | Notice::Help | Notice::Chat(_) | Notice::Settled(_) => render(notice),
    }
}

fn requests(count: usize) -> String {
    format!("{count} request{}", if count == 1 { "" } else { "s" })
}

/// What went wrong, in the server's words or ours.
fn reason(status: &Status) -> String {
    match (&status.errmsg, status.errno()) {
        (Some(errmsg), _) if !errmsg.is_empty() => sanitize(errmsg).into_owned(),
        (_, Some(errno)) => errno.to_string(),
        (_, None) => format!("error {}", status.code),
    }
}

/// What went wrong, where the number for a refusal has a meaning of its own.
fn refusal(status: &Status, meaning: &str) -> String {
    let default_text = Errno::Refused.to_string();
    let is_unexplained = status.errmsg.as_ref().is_none_or(|errmsg| *errmsg == default_text);
    if status.errno() == Some(Errno::Refused) && is_unexplained {
        return meaning.to_owned();
    }
    reason(status)
}

fn chat(message: &Chat) -> String {
    let Chat { from, name, msg, time, target, .. } = message;
    let group = match target {
        Target::User(_) => String::new(),
        Target::Group(group) => format!("group message[{group}]: "),
    };
    format!("{group}{} [{from}]{} said: {}", sanitize(time), sanitize(name), sanitize(msg))
}

fn outcome_of(settled: &Settled) -> String {
    let Settled { request, status, state, group, was_repeated } = settled;
    if !status.is_ok() {
        let reason = reason(status);
        let mut text = format!("{} failed: {reason}", subject(request));
        if *was_repeated && status.errno() == Some(Errno::NameTaken) {
            text.push_str(" (perhaps by this very request, whose first answer was lost)");
        }
        return text;
    }
    match (request, state, group) {
        (Request::Chat { .. } | Request::GroupChat { .. }, Some(Delivery::Delivered), _) => {
            format!("{}: delivered", subject(request))
        }
        (Request::Chat { .. }, Some(Delivery::Stored), _) => {
            format!("{}: stored until the user is online", subject(request))
        }
        (Request::GroupChat { .. }, Some(Delivery::Stored), _) => {
            format!("{}: stored for those who are not online", subject(request))
        }
        (Request::CreateGroup { .. }, _, Some(group)) => {
            format!("{}: created, the group id is {group}", subject(request))
        }
        _ => format!("{}: ok", subject(request)),
    }
}

/// What a request is, in words.
fn subject(request: &Request<'_>) -> String {
    match request {
        Request::Chat { to, msg, .. } => format!("message to user {to} \"{}\"", excerpt(msg)),
        Request::GroupChat { group, msg, .. } => {
            format!("message to group {group} \"{}\"", excerpt(msg))
        }
        Request::AddFriend { friend, .. } => format!("adding friend {friend}"),
        Request::CreateGroup { name, .. } => format!("group \"{}\"", excerpt(name)),
        Request::JoinGroup { group, .. } => format!("joining group {group}"),
        _ => "request".to_owned(),
    }
}

fn help() -> String {
    let mut text = String::from("commands:\n");
    for spec in COMMANDS {
        let usage = format!("{}{}", spec.name, spec.arguments);
        line(&mut text, format_args!("  {usage:<32} {}", spec.summary));
    }
    text
}

fn login(outcome: &LoginOutcome) -> String {
    let LoginOutcome { id, name, friends, groups, offline, .. } = outcome;
    let id = id.map(|id| id.to_string()).unwrap_or_default();
    let name = sanitize(name.as_deref().unwrap_or_default());
    let mut text = String::from("======================login user======================\n");
    line(&mut text, format_args!("current login user => id:{id} name:{name}"));
    text.push_str("----------------------friend list---------------------\n");
    for FriendEntry { id, name, online } in friends {
        line(&mut text, format_args!("{id} {} {}", sanitize(name), state(*online)));
    }
    text.push_str("----------------------group list----------------------\n");
    for GroupEntry { id, name, description, users } in groups {
        line(&mut text, format_args!("{id} {} {}", sanitize(name), sanitize(description)));
        for MemberEntry { id, name, online, role } in users {
            let (name, state) = (sanitize(name), state(*online));
            line(&mut text, format_args!("  {id} {name} {state} {}", role.as_str()));
        }
    }
    line(&mut text, format_args!("{RULE}"));
    for message in offline {
        line(&mut text, format_args!("{}", chat(message)));
    }
    text.push_str("type help for a list of commands\n");
    text
}

fn state(online: bool) -> &'static str {
    if online { "online" } else { "offline" }
}

fn line(text: &mut String, content: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{content}");
}

#[cfg(test)]
mod tests;
