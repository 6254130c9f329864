//! Chats: saying them, taking them, and acknowledging them.

use serde_json::{Value, json};

use super::Client;

impl Client {
    /// Says `text` to a user without waiting for the answer; returns the mid.
    pub(crate) fn say(&mut self, to: i64, text: &str) -> String {
        self.send_with_mid(json!({"msgid": 1005, "toid": to, "msg": text}))
    }

    /// Says `text` to a user and waits until the server has taken it over; returns the state.
    pub(crate) fn chat(&mut self, to: i64, text: &str) -> String {
        let mid = self.say(to, text);
        self.settled(&mid)
    }

    /// Says `text` to a group without waiting for the answer; returns the mid.
    pub(crate) fn say_to_group(&mut self, group: i64, text: &str) -> String {
        self.send_with_mid(json!({"msgid": 1009, "groupid": group, "msg": text}))
    }

    /// Waits for the answer to the chat `mid`, which must be a success; returns the state.
    pub(crate) fn settled(&mut self, mid: &str) -> String {
        let answer = self.answer(mid);
        assert_eq!(answer["errno"], 0, "chat was answered with {answer}");
        answer["state"].as_str().expect("a chat's answer has a state").to_owned()
    }

    /// Tells the server that all up to `seq` has been taken.
    pub(crate) fn acknowledge(&mut self, seq: u64) {
        self.send(&json!({"msgid": 1011, "seq": seq}));
    }

    /// The next chat or group chat.
    pub(crate) fn push(&mut self) -> Value {
        self.find("a push", |object| object["msgid"] == 1005 || object["msgid"] == 1009)
    }

    /// The next `count` chats or group chats.
    pub(crate) fn pushes(&mut self, count: usize) -> Vec<Value> {
        (0..count).map(|_| self.push()).collect()
    }

    /// The next `count` pushes, each acknowledged after it came.
    pub(crate) fn acknowledged_pushes(&mut self, count: usize) -> Vec<Value> {
        let take = |_| {
            let push = self.push();
            self.acknowledge(push["seq"].as_u64().expect("a push to an ack client has a seq"));
            push
        };
        (0..count).map(take).collect()
    }
}
