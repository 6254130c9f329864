//! A server process under test.

use std::ops::{Deref, DerefMut};
use std::sync::OnceLock;

use testbed::{Launch, Node, wait_until};

use super::{Client, DEADLINE};

/// A running ChatServer, and ways to talk to it.
pub(crate) struct TestServer {
    node: Node,
}

impl TestServer {
    /// The server that all tests use that neither change its life nor need special flags.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<TestServer> = OnceLock::new();
        SHARED.get_or_init(|| Self::start(Launch::new()))
    }

    /// A server of its own for one test.
    pub(crate) fn start(launch: Launch) -> Self {
        Self { node: Node::start(launch) }
    }

    /// A server of its own with these flags on top.
    pub(crate) fn with(flags: &[(&str, u64)]) -> Self {
        let launch = Launch::new();
        Self::start(flags.iter().fold(launch, |launch, (name, value)| launch.flag(name, value)))
    }

    /// A connection on which nothing was said yet.
    pub(crate) fn connect(&self) -> Client {
        Client::connect(self.address(), &self.log_path())
    }

    /// Fails unless a stranger can connect, register, log in and get a ping answered.
    pub(crate) fn assert_alive(&self) {
        let account = self.account();
        let mut client = self.acking(&account);
        client.fence();
        client.logout();
    }

    /// As [`Self::assert_alive`] once it has room again for one more.
    pub(crate) fn assert_alive_soon(&self) {
        wait_until("strangers are let in again", DEADLINE, || self.connect().tries_to_register());
        self.assert_alive();
    }

    /// Waits until it has let go of what clients that left held.
    pub(crate) fn wait_for_descriptors(&self, at_most: usize) {
        wait_until("descriptors are given back", DEADLINE, || self.descriptors() <= at_most);
    }
}

impl Deref for TestServer {
    type Target = Node;

    fn deref(&self) -> &Node {
        &self.node
    }
}

impl DerefMut for TestServer {
    fn deref_mut(&mut self) -> &mut Node {
        &mut self.node
    }
}
