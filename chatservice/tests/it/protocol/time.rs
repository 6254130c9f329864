//! The time of a chat: relayed when it is a short string, else written by the server.

use serde_json::{Value, json};

use super::assert_errno;
use crate::support::TestServer;

/// Whether `text` reads like `2026-11-20 09:00:00`.
fn is_date_and_time(text: &str) -> bool {
    let pattern = "dddd-dd-dd dd:dd:dd";
    let fits = |(byte, wanted): (u8, u8)| match wanted {
        b'd' => byte.is_ascii_digit(),
        _ => byte == wanted,
    };
    text.len() == pattern.len() && text.bytes().zip(pattern.bytes()).all(fits)
}

/// What two recipients, one online and one not, are told as the time.
fn relayed(chats: &[Value]) -> Vec<[Value; 2]> {
    let server = TestServer::shared();
    let [me, online, offline] = server.accounts();
    let mut client = server.original(&me);
    let mut recipient = server.original(&online);
    for chat in chats {
        for account in [&online, &offline] {
            let mut chat = chat.clone();
            chat["msgid"] = json!(1005);
            chat["toid"] = json!(account.id);
            chat["msg"] = json!("x");
            assert_errno(&client.request(chat), 0);
        }
    }
    let live = recipient.pushes(chats.len());
    let stored = server.acking(&offline).pushes(chats.len());
    live.into_iter().zip(stored).map(|(a, b)| [a["time"].clone(), b["time"].clone()]).collect()
}

#[test]
fn short_strings_are_relayed_as_they_are() {
    let times = ["2026-11-20 09:00:00", "", "noon", "下午三点", "\"\\'", &"x".repeat(32)];
    let longest = "😀".repeat(32);
    let times: Vec<&str> = times.into_iter().chain([longest.as_str()]).collect();
    let chats: Vec<Value> = times.iter().map(|time| json!({"time": time})).collect();
    for (time, relayed) in times.iter().zip(relayed(&chats)) {
        assert_eq!(relayed, [json!(time), json!(time)]);
    }
}

#[test]
fn for_anything_else_the_server_writes_its_own() {
    let chats = [
        json!({}),
        json!({"time": null}),
        json!({"time": 1_700_000_000}),
        json!({"time": 1.5}),
        json!({"time": true}),
        json!({"time": ["2026-11-20 09:00:00"]}),
        json!({"time": {"now": "2026-11-20 09:00:00"}}),
        json!({"time": "x".repeat(33)}),
        json!({"time": "😀".repeat(33)}),
        json!({"time": "x".repeat(1000)}),
    ];
    for (chat, relayed) in chats.iter().zip(relayed(&chats)) {
        for time in relayed {
            let written = time.as_str().is_some_and(is_date_and_time);
            assert!(written, "{chat} was relayed with the time {time}");
        }
    }
}
