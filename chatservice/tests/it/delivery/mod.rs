//! What a 1010 with errno 0 promises: each message reaches each recipient, once, in order.

mod acknowledging;
mod groups;
mod offline;
mod order;
mod original;
mod silent;
mod window;

use serde_json::{Value, json};

use crate::support::{Client, unique_name};

/// Makes a group of `founder` and `members`.
fn group(founder: &mut Client, members: &mut [&mut Client]) -> i64 {
    let create = json!({"msgid": 1007, "groupname": unique_name("group"), "groupdesc": ""});
    let id = founder.request(create)["groupid"].as_i64().expect("created");
    for member in members {
        assert_eq!(member.request(json!({"msgid": 1008, "groupid": id}))["errno"], 0);
    }
    id
}

/// The texts of pushes.
fn texts(pushes: &[Value]) -> Vec<&str> {
    pushes.iter().map(|push| push["msg"].as_str().expect("a push has a msg")).collect()
}

/// `prefix 0` to `prefix count-1`.
fn numbered(prefix: &str, count: usize) -> Vec<String> {
    (0..count).map(|n| format!("{prefix} {n}")).collect()
}
