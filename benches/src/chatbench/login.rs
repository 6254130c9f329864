//! The words of a login, and what its answer must be.

use super::person::{PASSWORD, Person};
use super::surprise::{refused, surprise};
use crate::accounts::Style;
use chatproto::{Chat, Credentials, Envelope, Event, Login, Request, UserId, decode_event};
use std::io;

/// What a client logs in with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, serde::Serialize)]
pub(super) enum By {
    /// The id and the password, which costs the server a password hash
    Password,
    /// The token of an earlier login
    Token,
}

/// Appends the login of `person`, which has a token if it logs in by one; `force` takes the account
/// from a connection whose end the server has not seen.
pub(super) fn write(person: &Person, by: By, style: Style, force: bool, out: &mut Vec<u8>) {
    let credentials = match (by, &person.token) {
        (By::Token, Some(token)) => Credentials::Token(token.as_str().into()),
        _ => Credentials::Password { id: UserId(person.id), password: PASSWORD.into() },
    };
    let ack = style == Style::Acknowledged;
    let request = Request::Login(Login { credentials, ack, force });
    Envelope { mid: None, request }.write(out);
}

/// Takes the answer to the login of `person`, who learns its token; returns what waited.
pub(super) fn take_answer(person: &mut Person, line: &[u8]) -> io::Result<Vec<Chat>> {
    let outcome = match decode_event(line) {
        Ok(Event::LoginAnswer(outcome)) => outcome,
        Ok(Event::Answer { status, .. } | Event::Goodbye { status }) => {
            return Err(refused(&format!("log user {} in", person.id), &status));
        }
        _ => return Err(surprise(line, "not the answer to a login")),
    };
    if !outcome.status.is_ok() {
        return Err(refused(&format!("log user {} in", person.id), &outcome.status));
    }
    if outcome.id != Some(UserId(person.id)) || outcome.name.as_ref() != Some(&person.name) {
        return Err(surprise(line, &format!("not user {}, called {}", person.id, person.name)));
    }
    person.token = outcome.token.or_else(|| person.token.take());
    Ok(outcome.offline)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ann() -> Person {
        Person { id: 1, name: "ann".to_owned(), token: None }
    }

    #[test]
    fn a_token_is_learned_and_used() {
        let mut person = ann();
        let answer = br#"{"msgid":1001,"errno":0,"id":1,"name":"ann","token":"1-2f"}"#;
        assert_eq!(take_answer(&mut person, answer).unwrap(), []);
        let mut out = Vec::new();
        write(&person, By::Token, Style::Acknowledged, false, &mut out);
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains(r#""token":"1-2f""#) && !text.contains("password"), "{text}");
        let answer = br#"{"msgid":1001,"errno":0,"id":1,"name":"ann"}"#;
        take_answer(&mut person, answer).unwrap();
        assert_eq!(person.token.as_deref(), Some("1-2f"), "it stays the same");
    }

    #[test]
    fn what_is_no_login_of_this_user_is_refused() {
        for (answer, error) in [
            (r#"{"msgid":1001,"errno":2,"errmsg":"online"}"#, "errno 2, online"),
            (r#"{"msgid":1001,"errno":0,"id":2,"name":"bob"}"#, "not user 1"),
            (r#"{"msgid":1014,"errno":111}"#, "errno 111"),
            (r#"{"msgid":1013}"#, "not the answer"),
        ] {
            let text = take_answer(&mut ann(), answer.as_bytes()).unwrap_err().to_string();
            assert!(text.contains(error), "{text}");
        }
    }
}
