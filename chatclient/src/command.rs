//! What a user may type once logged in; parsing, help and completion come from one table.

use chatproto::{GroupId, Request, UserId};

/// A line, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Show the table.
    Help,
    /// Log out.
    LogOut,
    /// Ask the server for something.
    Send(Request<'static>),
}

/// One row of the table.
#[derive(Debug)]
pub struct CommandSpec {
    /// The word before the first colon.
    pub name: &'static str,
    /// What follows it, colon included.
    pub arguments: &'static str,
    /// What it does.
    pub summary: &'static str,
    /// Reads what follows the first colon; None if it is not understood.
    parse: fn(&str) -> Option<Command>,
}

/// All commands, in the order in which help shows them.
pub const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "help",
        arguments: "",
        summary: "show this list",
        parse: |rest| rest.is_empty().then_some(Command::Help),
    },
    CommandSpec {
        name: "chat",
        arguments: ":friendid:message",
        summary: "send a message to a user",
        parse: |rest| {
            let (to, msg) = id_and_text(rest)?;
            Some(Command::Send(Request::Chat {
                id: None,
                to: UserId(to),
                msg: msg.into(),
                time: None,
            }))
        },
    },
    CommandSpec {
        name: "addfriend",
        arguments: ":friendid",
        summary: "add a user to your friends",
        parse: |rest| {
            Some(Command::Send(Request::AddFriend { id: None, friend: UserId(number(rest)?) }))
        },
    },
    CommandSpec {
        name: "creategroup",
        arguments: ":groupname:groupdesc",
        summary: "create a group, which you then own",
        parse: |rest| {
            let (name, description) = rest.split_once(':').unwrap_or((rest, ""));
            let (name, description) = (name.to_owned().into(), description.to_owned().into());
            Some(Command::Send(Request::CreateGroup { id: None, name, description }))
        },
    },
    CommandSpec {
        name: "addgroup",
        arguments: ":groupid",
        summary: "join a group",
        parse: |rest| {
            Some(Command::Send(Request::JoinGroup { id: None, group: GroupId(number(rest)?) }))
        },
    },
    CommandSpec {
        name: "groupchat",
        arguments: ":groupid:message",
        summary: "send a message to a group",
        parse: |rest| {
            let (group, msg) = id_and_text(rest)?;
            let (group, msg) = (GroupId(group), msg.into());
            Some(Command::Send(Request::GroupChat { id: None, group, msg, time: None }))
        },
    },
    CommandSpec {
        name: "loginout",
        arguments: "",
        summary: "log out and return to the menu",
        parse: |rest| rest.is_empty().then_some(Command::LogOut),
    },
];

/// Understands a line; an error is a sentence for the user, None an empty line.
///
/// ```
/// use chatclient::command::{parse, Command};
///
/// assert_eq!(parse("help"), Ok(Some(Command::Help)));
/// assert_eq!(parse("chat:x:hi"), Err("usage: chat:friendid:message".to_owned()));
/// ```
pub fn parse(line: &str) -> Result<Option<Command>, String> {
    if line.trim().is_empty() {
        return Ok(None);
    }
    let (name, rest) = line.split_once(':').unwrap_or((line, ""));
    let name = name.trim();
    let Some(spec) = COMMANDS.iter().find(|spec| spec.name == name) else {
        return Err("no such command; type help for a list".to_owned());
    };
    let parsed =
        (spec.parse)(rest).ok_or_else(|| format!("usage: {}{}", spec.name, spec.arguments));
    parsed.map(Some)
}

fn number(text: &str) -> Option<i64> {
    text.trim().parse().ok()
}

/// The text is taken as it stands, further colons and spaces included.
fn id_and_text(rest: &str) -> Option<(i64, String)> {
    let (id, text) = rest.split_once(':')?;
    Some((number(id)?, text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expected: impl Into<Option<Command>>) {
        assert_eq!(parse(line), Ok(expected.into()), "{line}");
    }

    #[test]
    fn lines_are_understood() {
        let chat = |to, msg: &str| {
            let msg = msg.to_owned().into();
            Command::Send(Request::Chat { id: None, to: UserId(to), msg, time: None })
        };
        check("", None);
        check("  ", None);
        check("help", Command::Help);
        check(" help ", Command::Help);
        check("loginout", Command::LogOut);
        check("chat:15:hi", chat(15, "hi"));
        check("chat: 15 : a:b ", chat(15, " a:b "));
        check("chat:-1:", chat(-1, ""));
        check(
            "groupchat:3:你好",
            Command::Send(Request::GroupChat {
                id: None,
                group: GroupId(3),
                msg: "你好".into(),
                time: None,
            }),
        );
        let add_friend = Request::AddFriend { id: None, friend: UserId(7) };
        check("addfriend:7", Command::Send(add_friend));
        let join = Request::JoinGroup { id: None, group: GroupId(7) };
        check("addgroup:7", Command::Send(join));
        let group = |name: &str, description: &str| {
            let (name, description) = (name.to_owned().into(), description.to_owned().into());
            Command::Send(Request::CreateGroup { id: None, name, description })
        };
        check("creategroup:g:about: it", group("g", "about: it"));
        check("creategroup:g", group("g", ""));
    }

    #[test]
    fn what_is_not_understood_is_explained() {
        let check = |line: &str, expected: &str| {
            assert_eq!(parse(line), Err(expected.to_owned()), "{line}");
        };
        check("chat", "usage: chat:friendid:message");
        check("chat:15", "usage: chat:friendid:message");
        check("chat:x:hi", "usage: chat:friendid:message");
        check("chat:99999999999999999999:hi", "usage: chat:friendid:message");
        check("addfriend:", "usage: addfriend:friendid");
        check("help:me", "usage: help");
        check("CHAT:1:x", "no such command; type help for a list");
        check("hello", "no such command; type help for a list");
    }
}
