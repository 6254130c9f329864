//! Accounts and the ways to log in with them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Client, DEADLINE, Incoming, TestServer};

/// Somebody who is registered.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) password: String,
}

/// A name that no other test uses.
pub(crate) fn unique_name(stem: &str) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("{stem}-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

impl Account {
    /// The original client's login.
    pub(crate) fn login(&self) -> Value {
        json!({"msgid": 1000, "id": self.id, "password": self.password})
    }

    /// A login that acknowledges.
    pub(crate) fn login_ack(&self) -> Value {
        json!({"msgid": 1000, "id": self.id, "password": self.password, "ack": true})
    }
}

impl TestServer {
    /// Registers somebody with a name of their own.
    pub(crate) fn account(&self) -> Account {
        self.account_named(&unique_name("user"))
    }

    /// Registers somebody with this name, which must be free.
    pub(crate) fn account_named(&self, name: &str) -> Account {
        self.connect().register(name)
    }

    /// Registers several, over one connection.
    pub(crate) fn accounts<const N: usize>(&self) -> [Account; N] {
        let mut client = self.connect();
        std::array::from_fn(|_| client.register(&unique_name("user")))
    }

    /// Logs in as the original client does.
    pub(crate) fn original(&self, account: &Account) -> Client {
        self.logged_in(&account.login())
    }

    /// Logs in as a client that acknowledges.
    pub(crate) fn acking(&self, account: &Account) -> Client {
        self.logged_in(&account.login_ack())
    }

    /// Logs in with this request; waits out an older connection that is still being closed.
    pub(crate) fn logged_in(&self, login: &Value) -> Client {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let mut client = self.connect();
            client.send(login);
            let answer = client.expect(1001);
            match answer["errno"].as_i64() {
                Some(0) => {
                    client.greeting = answer;
                    return client;
                }
                Some(2) if Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_millis(5));
                }
                _ => client.fail(&format!("login was answered with {answer}")),
            }
        }
    }
}

impl Client {
    /// Registers somebody over this connection.
    pub(crate) fn register(&mut self, name: &str) -> Account {
        let password = format!("secret of {name}");
        let answer = self.request(json!({"msgid": 1003, "name": name, "password": password}));
        assert_eq!(answer["errno"], 0, "registering {name:?}: {answer}");
        let id = answer["id"].as_i64().expect("a register answer has an id");
        Account { id, name: name.to_owned(), password }
    }

    /// Logs in over this connection and returns what came before the answer.
    pub(crate) fn fence_by_login(&mut self, login: &Value) -> Vec<Value> {
        let mid = self.send_with_mid(login.clone());
        self.greeting = self.answer(&mid);
        assert_eq!(self.greeting["errno"], 0, "{}", self.greeting);
        self.drain_early()
    }

    /// Says something to the own account and returns what comes back.
    pub(crate) fn chat_with_oneself(&mut self) -> String {
        self.say(self.id(), "it works");
        let push = self.push();
        if let Some(seq) = push["seq"].as_u64() {
            self.acknowledge(seq);
        }
        push["msg"].as_str().expect("a push has a msg").to_owned()
    }

    /// Registers somebody over this connection, so that what was sent before has been handled.
    pub(crate) fn fence_by_register(&mut self) {
        self.register(&unique_name("fence"));
    }

    /// Whether the server takes a registration over this connection, which it may have closed.
    pub(crate) fn tries_to_register(&mut self) -> bool {
        let register = json!({"msgid": 1003, "name": unique_name("try"), "password": "p"});
        let sent = self.try_send_bytes(register.to_string().as_bytes());
        let answer = self.receive(Duration::from_secs(2));
        sent.is_ok() && matches!(answer, Incoming::Object(object) if object["errno"] == 0)
    }
}
