//! Every row of the contract: each msgid, its answer, and what it is refused with.

mod answers;
mod authorization;
mod chat;
mod friends;
mod groups;
mod login;
mod races;
mod register;
mod time;

use std::collections::BTreeSet;

use serde_json::Value;

/// The names of an object's fields.
fn fields(object: &Value) -> BTreeSet<&str> {
    object.as_object().expect("an object").keys().map(String::as_str).collect()
}

/// Fails unless `object` has these fields and no others.
#[track_caller]
fn assert_fields(object: &Value, expected: &[&str]) {
    assert_eq!(fields(object), expected.iter().copied().collect(), "{object}");
}

/// The entries of a list of objects in text.
#[track_caller]
fn entries(list: &Value) -> Vec<Value> {
    let texts = list.as_array().unwrap_or_else(|| panic!("no array: {list}"));
    let entry = |text: &Value| {
        let text = text.as_str().expect("each entry is a string");
        serde_json::from_str(text).expect("each string is an object in text")
    };
    texts.iter().map(entry).collect()
}

/// Fails unless `answer` is a 1010 with this errno and, when it is an error, a text.
#[track_caller]
fn assert_errno(answer: &Value, errno: i64) {
    assert_eq!((&answer["msgid"], &answer["errno"]), (&1010.into(), &errno.into()), "{answer}");
    assert_eq!(answer["errmsg"].is_string(), errno != 0, "{answer}");
}
