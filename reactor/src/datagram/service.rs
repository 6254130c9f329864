//! What a program supplies for a UDP socket.

use crate::datagram::socket::UdpSocket;
use std::io;
use std::net::SocketAddr;

/// The behaviour of a UDP socket; made and called on its loop's thread alone.
///
/// Nothing called on a socket calls back before the current callback returns.
pub trait DatagramService: Sized + 'static {
    /// What other threads may post to the service.
    type Post: Send + 'static;

    /// A datagram came. It may be empty.
    fn on_datagram(&mut self, socket: &mut UdpSocket<'_>, from: SocketAddr, bytes: &[u8]);

    /// All datagrams that waited for the kernel have been sent.
    fn on_drained(&mut self, _socket: &mut UdpSocket<'_>) {}

    /// A post arrived. Posts of one thread keep their order.
    fn on_post(&mut self, _socket: &mut UdpSocket<'_>, _post: Self::Post) {}

    /// A timer of [`UdpSocket::run_after`] fired.
    fn on_timer(&mut self, _socket: &mut UdpSocket<'_>, _tag: u64) {}

    /// The system told of an error: that a peer refused, or that something queued could not be
    /// sent. The socket goes on.
    fn on_error(&mut self, _socket: &mut UdpSocket<'_>, _error: &io::Error) {}
}
