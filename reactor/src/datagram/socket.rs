//! A UDP socket, and datagrams that wait for the kernel to take them.

use crate::connection::service::SendStatus;
use crate::event_loop::loop_core::LoopCore;
use crate::event_loop::source::{SourceId, SourceTimer};
use crate::event_loop::timer_queue::TimerId;
use rustix::net::{RecvFlags, SendFlags, recvfrom, sendto};
use socket2::Socket;
use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// The socket and its queue. Knows no service.
#[derive(Debug)]
pub(crate) struct DatagramSocket {
    pub(crate) socket: Socket,
    pub(crate) local: SocketAddr,
    queue: VecDeque<(SocketAddr, Vec<u8>)>,
    queued_bytes: usize,
    queue_bytes_max: usize,
    /// Cleared by a write that blocks, set by the kernel's event.
    pub(crate) writable: bool,
    dropped: u64,
}

impl DatagramSocket {
    pub(crate) fn new(socket: Socket, local: SocketAddr, queue_bytes_max: usize) -> Self {
        Self {
            socket,
            local,
            queue: VecDeque::new(),
            queued_bytes: 0,
            queue_bytes_max,
            writable: true,
            dropped: 0,
        }
    }

    /// The next datagram, put into `space`.
    pub(crate) fn receive(&self, space: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let (count, _, from) = recvfrom(&self.socket, space, RecvFlags::empty())?;
        let from = from.and_then(|from| SocketAddr::try_from(from).ok());
        Ok((count, from.ok_or(io::ErrorKind::InvalidData)?))
    }

    /// Sends at once, or queues what the kernel does not take, or drops it when the queue is full.
    pub(crate) fn send(&mut self, to: SocketAddr, bytes: &[u8]) -> io::Result<SendStatus> {
        if self.queue.is_empty() && self.writable && self.write(to, bytes)? {
            return Ok(SendStatus::Queued);
        }
        if self.queued_bytes + bytes.len() > self.queue_bytes_max {
            self.dropped += 1;
            return Ok(SendStatus::Full);
        }
        self.queued_bytes += bytes.len();
        self.queue.push_back((to, bytes.to_vec()));
        Ok(SendStatus::Queued)
    }

    /// Sends what waits, as far as the kernel takes it; returns whether nothing is left of something.
    pub(crate) fn flush(&mut self) -> io::Result<bool> {
        let had_any = !self.queue.is_empty();
        while self.writable
            && let Some((to, bytes)) = self.queue.pop_front()
        {
            self.queued_bytes -= bytes.len();
            if !self.write(to, &bytes)? {
                self.queued_bytes += bytes.len();
                self.queue.push_front((to, bytes));
            }
        }
        Ok(had_any && self.queue.is_empty())
    }

    /// Whether the kernel took it.
    fn write(&mut self, to: SocketAddr, bytes: &[u8]) -> io::Result<bool> {
        match sendto(&self.socket, bytes, SendFlags::NOSIGNAL, &to) {
            Ok(_) => Ok(true),
            Err(error) if io::Error::from(error).kind() == io::ErrorKind::WouldBlock => {
                self.writable = false;
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// Loop thread only. The socket of a service, for the time of a callback.
pub struct UdpSocket<'a> {
    socket: &'a mut DatagramSocket,
    core: &'a mut LoopCore,
    source: SourceId,
}

impl<'a> UdpSocket<'a> {
    pub(crate) fn new(
        socket: &'a mut DatagramSocket,
        core: &'a mut LoopCore,
        source: SourceId,
    ) -> Self {
        Self { socket, core, source }
    }

    /// Sends a datagram. What the kernel does not take at once waits, up to the bound that was
    /// chosen; beyond it the datagram is dropped, as a network may do, counted, and the status is
    /// [`SendStatus::Full`].
    ///
    /// # Errors
    /// What the system says against it: too long for a datagram, no way there.
    pub fn send_to(&mut self, to: SocketAddr, bytes: &[u8]) -> io::Result<SendStatus> {
        self.socket.send(to, bytes)
    }

    /// Has [`DatagramService::on_timer`](crate::DatagramService::on_timer) called with `tag`, `delay`
    /// after the start of this turn.
    pub fn run_after(&mut self, delay: Duration, tag: u64) -> TimerId {
        self.core.add_source_timer(self.source, delay, SourceTimer::Service { tag })
    }

    /// Cancels a timer of this socket.
    pub fn cancel(&mut self, timer: TimerId) {
        self.core.cancel(timer);
    }

    /// The address of this side.
    pub fn local_addr(&self) -> SocketAddr {
        self.socket.local
    }

    /// Bytes that wait for the kernel.
    pub fn queued_bytes(&self) -> usize {
        self.socket.queued_bytes
    }

    /// Datagrams dropped so far because the queue was full.
    pub fn dropped(&self) -> u64 {
        self.socket.dropped
    }

    /// When the current turn began.
    pub fn now(&self) -> Instant {
        self.core.now
    }
}

impl fmt::Debug for UdpSocket<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("UdpSocket").field(&self.socket).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::UdpSocket as StdSocket;

    #[test]
    fn what_the_kernel_does_not_take_waits_up_to_a_bound() {
        let socket = StdSocket::bind("127.0.0.1:0").unwrap();
        let peer = StdSocket::bind("127.0.0.1:0").unwrap();
        let (local, to) = (socket.local_addr().unwrap(), peer.local_addr().unwrap());
        let mut socket = DatagramSocket::new(socket.into(), local, 6);
        socket.writable = false;
        assert_eq!(socket.send(to, b"one").unwrap(), SendStatus::Queued);
        assert_eq!(socket.send(to, b"two").unwrap(), SendStatus::Queued);
        assert_eq!(socket.send(to, b"!").unwrap(), SendStatus::Full);
        assert_eq!((socket.queued_bytes, socket.dropped), (6, 1));
        assert!(!socket.flush().unwrap());
        socket.writable = true;
        assert!(socket.flush().unwrap());
        assert!(!socket.flush().unwrap(), "it is told once");
        let mut space = [0; 9];
        for expected in [b"one", b"two"] {
            let (count, from) = peer.recv_from(&mut space).unwrap();
            assert_eq!((&space[..count], from), (&expected[..], local));
        }
    }
}
