//! What is done to the cluster.

mod fault;

use std::ops::Range;
use std::thread;
use std::time::Duration;

use fastrand::Rng;
use rustix::process::Signal;
use testbed::{Ended, Node};

use crate::client::{Control, Order};
use crate::cluster::{Cluster, Member, nginx_entry, node_entries};
use crate::history::{ClientNumber, History, STORE, What};
use crate::plan::Pace;
use crate::proxy::{FaultProxy, Mode};

pub use fault::Fault;

/// A node that does not end within this time after SIGTERM or SIGINT never does: it drains for 5 s
/// and says goodbye for 2 s.
const ENDS_WITHIN: Duration = Duration::from_secs(15);
/// Between two restarts of a rolling one, so that clients find their way.
const BETWEEN_RESTARTS: Duration = Duration::from_millis(1500);
/// One way, so that nothing times out but everything is late.
const DELAY: Duration = Duration::from_millis(150);

/// Injects faults, one after the other.
pub struct Nemesis<'a> {
    cluster: &'a mut Cluster,
    control: &'a Control,
    history: History,
    /// Clients that take orders.
    clients: Range<ClientNumber>,
    pace: Pace,
    random: Rng,
}

impl<'a> Nemesis<'a> {
    /// Does to `cluster` and to `clients` what it is told.
    pub fn new(
        cluster: &'a mut Cluster,
        control: &'a Control,
        history: &History,
        clients: Range<ClientNumber>,
        pace: Pace,
        seed: u64,
    ) -> Self {
        let random = Rng::with_seed(seed);
        Self { cluster, control, history: history.clone(), clients, pace, random }
    }

    /// From the beginning of `fault` to its end; an error when a server did not do as it should.
    pub fn inject(&mut self, fault: Fault) -> Result<(), String> {
        let number = self.random.usize(..self.cluster.members.len());
        let unreachable = match fault {
            Fault::FreezeNode => {
                let [straight, proxied] = node_entries(number);
                vec![straight, proxied, nginx_entry()]
            }
            Fault::ClientVanishes => vec![node_entries(number)[1].clone()],
            Fault::KillMariaDb
            | Fault::FreezeMariaDb
            | Fault::CutMariaDb
            | Fault::SilenceMariaDb => vec![STORE.to_owned()],
            _ => Vec::new(),
        };
        let only = (fault == Fault::InterruptNode).then(|| node_entries(number)[0].clone());
        let name = fault.name().to_owned();
        self.history.record(None, What::FaultBegan { fault: name.clone(), unreachable, only });
        let outcome = self.carry_out(fault, number);
        self.history.record(None, What::FaultEnded { fault: name });
        outcome
    }

    fn carry_out(&mut self, fault: Fault, number: usize) -> Result<(), String> {
        let hold = fault.hold(self.pace);
        match fault {
            Fault::KillNode => {
                self.node(number).kill9();
                thread::sleep(hold);
                self.node(number).restart();
            }
            Fault::FreezeNode => {
                self.node(number).freeze();
                thread::sleep(hold);
                self.node(number).thaw();
            }
            Fault::InterruptNode => return self.restart(number, Signal::INT, hold),
            Fault::RollingRestart => {
                for number in 0..self.cluster.members.len() {
                    self.restart(number, Signal::TERM, hold)?;
                    thread::sleep(BETWEEN_RESTARTS);
                }
            }
            Fault::KillRedis | Fault::FreezeRedis => self.trouble_redis(fault, hold),
            Fault::CutRedis | Fault::SilenceRedis | Fault::DelayRedis => {
                let mode = self.mode(fault);
                if let Some(proxy) = &self.member(number).redis {
                    switch(proxy, mode, hold);
                }
            }
            Fault::KillMariaDb => {
                self.cluster.mariadb.kill9();
                thread::sleep(hold);
                self.cluster.mariadb.restart();
            }
            Fault::FreezeMariaDb => {
                self.cluster.mariadb.freeze();
                thread::sleep(hold);
                self.cluster.mariadb.thaw();
            }
            Fault::CutMariaDb | Fault::SilenceMariaDb => {
                let mode = self.mode(fault);
                switch(&self.member(number).mariadb, mode, hold);
            }
            Fault::ReloadNginx => {
                self.cluster.nginx.reload();
                thread::sleep(hold);
            }
            Fault::ClientVanishes => {
                self.member(number).clients.vanish();
                thread::sleep(hold);
            }
            Fault::ClientStandsStill => {
                let client = self.random.usize(self.clients.clone());
                self.control.order(client, Order::StandStill(hold));
                thread::sleep(hold);
            }
        }
        Ok(())
    }

    fn trouble_redis(&mut self, fault: Fault, hold: Duration) {
        let Some(redis) = &mut self.cluster.redis else { return };
        if fault == Fault::KillRedis {
            redis.kill9();
            thread::sleep(hold);
            redis.restart();
        } else {
            redis.freeze();
            thread::sleep(hold);
            redis.thaw();
        }
    }

    /// What a proxy does for this fault.
    fn mode(&mut self, fault: Fault) -> Mode {
        match fault {
            Fault::SilenceRedis | Fault::SilenceMariaDb if self.random.bool() => {
                Mode::SilentToServer
            }
            Fault::SilenceRedis | Fault::SilenceMariaDb => Mode::SilentToClient,
            Fault::DelayRedis => Mode::Delay(DELAY),
            _ => Mode::Refuse,
        }
    }

    /// Ends a node as an operator does, and starts it again.
    fn restart(&mut self, number: usize, signal: Signal, hold: Duration) -> Result<(), String> {
        let node = self.node(number);
        node.signal(signal);
        let outcome = match node.wait_within(ENDS_WITHIN) {
            Ended::With(status) if status.success() => Ok(()),
            Ended::With(status) => Err(format!("node {} ended with {status}", number + 1)),
            Ended::StillRuns => {
                node.kill9();
                Err(format!("node {} did not end after {signal:?}", number + 1))
            }
        };
        thread::sleep(hold);
        node.restart();
        outcome
    }

    fn member(&self, number: usize) -> &Member {
        &self.cluster.members[number]
    }

    fn node(&mut self, number: usize) -> &mut Node {
        &mut self.cluster.members[number].node
    }
}

fn switch(proxy: &FaultProxy, mode: Mode, hold: Duration) {
    proxy.set(mode);
    thread::sleep(hold);
    proxy.set(Mode::Pass);
}
