//! Clients that mean no good: after each the server lives, and others feel nothing.

mod crowds;
mod fields;
mod garbage;
mod injection;

use serde_json::json;

use crate::support::{Account, Client, TestServer};

/// Somebody who only wants to chat, before, while and after others misbehave.
struct Bystander {
    account: Account,
    client: Client,
}

impl Bystander {
    fn on(server: &TestServer) -> Self {
        let account = server.account();
        let client = server.acking(&account);
        Self { account, client }
    }

    /// Fails unless a chat still comes back, and nothing else has come.
    fn feels_nothing(&mut self) {
        let mid = self.client.say(self.account.id, "all is well");
        let push = self.client.next();
        assert_eq!(push["mid"], mid, "{push}");
        self.client.acknowledge(push["seq"].as_u64().expect("a push has a seq"));
        self.client.settled(&mid);
        assert!(self.client.fence().is_empty());
    }
}

/// Fails unless `client` can still do something.
fn assert_lives(client: &mut Client) {
    client.send(&json!({"msgid": 1006, "friendid": -1, "mid": "still alive"}));
    assert_eq!(client.answer("still alive")["errno"], 103);
}
