//! Sessions: who holds an account, how it changes hands, and when silence ends it.

mod presence;
mod silence;
mod takeover;
mod tokens;

use serde_json::{Value, json};

/// A login by token.
fn resume(token: &str) -> Value {
    json!({"msgid": 1000, "token": token, "ack": true})
}
