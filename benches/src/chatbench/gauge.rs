//! What the servers' processes use, read from outside.

use super::listener::pids_listening;
use crate::{process_memory, processor_time};
use serde::Serialize;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

/// Processes under observation.
#[derive(Clone, Debug, Default)]
pub(super) struct Gauge {
    processes: Vec<Process>,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Process {
    /// What the kernel calls it.
    pub(super) name: String,
    pub(super) pid: u32,
}

/// What one has used so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Reading {
    /// Processor time since it started.
    pub(super) cpu: Duration,
    /// Bytes of anonymous memory.
    pub(super) anonymous: u64,
}

impl Gauge {
    /// Of those that listen at loopback `addresses`, and of `pids`. Listeners that belong to another
    /// user are left out.
    pub(super) fn new(addresses: &[SocketAddr], pids: &[u32]) -> io::Result<Self> {
        let listening = pids_listening(addresses)?;
        let mut processes: Vec<_> =
            listening.iter().filter_map(|pid| Process::observed(*pid).ok()).collect();
        for pid in pids.iter().filter(|pid| !listening.contains(pid)) {
            processes.push(Process::observed(*pid).map_err(|error| {
                io::Error::new(error.kind(), format!("cannot observe process {pid}: {error}"))
            })?);
        }
        Ok(Self { processes })
    }

    /// The processes, in the order of the readings.
    pub(super) fn processes(&self) -> &[Process] {
        &self.processes
    }

    /// What each has used.
    pub(super) fn read(&self) -> io::Result<Vec<Reading>> {
        self.processes.iter().map(Process::read).collect()
    }
}

impl Process {
    fn observed(pid: u32) -> io::Result<Self> {
        let name = std::fs::read_to_string(format!("/proc/{pid}/comm"))?.trim_end().to_owned();
        let process = Self { name, pid };
        process.read()?;
        Ok(process)
    }

    fn read(&self) -> io::Result<Reading> {
        let read = || {
            let cpu = processor_time::of_process(self.pid)?;
            Ok(Reading { cpu, anonymous: process_memory::anonymous_bytes(self.pid)? })
        };
        read().map_err(|error: io::Error| {
            let Self { name, pid } = self;
            io::Error::new(error.kind(), format!("{name}, process {pid}: {error}"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listening_process_is_found_and_read() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let gauge = Gauge::new(&[listener.local_addr().unwrap()], &[std::process::id()]).unwrap();
        assert_eq!(gauge.processes().len(), 1);
        assert_eq!(gauge.processes()[0].pid, std::process::id());
        assert!(gauge.read().unwrap()[0].anonymous > 0);
    }

    #[test]
    fn a_process_that_is_not_there_is_an_error_if_it_was_asked_for() {
        let error = Gauge::new(&[], &[u32::MAX]).unwrap_err();
        assert!(error.to_string().contains("cannot observe process 4294967295"), "{error}");
    }
}
