//! One step of rustls at a time, whichever side it is. Pure.

use crate::buffer::Buffer;
use crate::connection::output_queue::{ChunkPool, OutputQueue};
use crate::tls::{Tls, invalid_data};
use rustls::client::UnbufferedClientConnection;
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{
    ConnectionState, EncodeError, EncodeTlsData, EncryptError, InsufficientSizeError,
    UnbufferedStatus, WriteTraffic,
};
use rustls::{CommonState, Error};
use std::io;

/// Room for the head and the tag of a record, in any version of TLS.
const RECORD_OVERHEAD: usize = 64;

/// The keys of a connection and how far it is, on one of the two sides.
pub(super) enum Side {
    Server(UnbufferedServerConnection),
    Client(UnbufferedClientConnection),
}

/// What is to be done with the next states, and where to.
pub(super) struct Work<'a> {
    /// Gets what was received.
    pub(super) plain: &'a mut Buffer,
    /// Gets records to be sent.
    pub(super) sealed: &'a mut OutputQueue,
    pub(super) pool: &'a mut ChunkPool,
    /// To be sealed when that is possible.
    pub(super) outgoing: Outgoing<'a>,
}

/// What is to be sent beside what the handshake wants.
#[derive(Clone, Copy, Debug)]
pub(super) enum Outgoing<'a> {
    Nothing,
    Bytes(&'a [u8]),
    /// `close_notify`, TLS's end of stream.
    End,
}

/// What a step came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// There is more to be done with what there is.
    Again,
    /// The other side sends no more.
    PeerEnded,
    /// Nothing is left to be done.
    Rest,
}

impl Side {
    pub(super) fn new(tls: &Tls) -> io::Result<Self> {
        let side = match tls.clone() {
            Tls::Server(config) => UnbufferedServerConnection::new(config).map(Self::Server),
            Tls::Client(config, name) => {
                UnbufferedClientConnection::new(config, name).map(Self::Client)
            }
        };
        side.map_err(invalid_data)
    }

    pub(super) fn common(&self) -> &CommonState {
        match self {
            Self::Server(connection) => connection,
            Self::Client(connection) => connection,
        }
    }

    /// Looks at the front of `incoming`; returns how much of it is done with.
    pub(super) fn step(
        &mut self,
        incoming: &mut [u8],
        work: &mut Work<'_>,
    ) -> (usize, Result<Step, Error>) {
        match self {
            Self::Server(connection) => work.carry_out(connection.process_tls_records(incoming)),
            Self::Client(connection) => work.carry_out(connection.process_tls_records(incoming)),
        }
    }
}

impl Work<'_> {
    fn carry_out<Data>(
        &mut self,
        status: UnbufferedStatus<'_, '_, Data>,
    ) -> (usize, Result<Step, Error>) {
        let UnbufferedStatus { discard, state } = status;
        (discard, state.and_then(|state| self.handle(state)))
    }

    fn handle<Data>(&mut self, state: ConnectionState<'_, '_, Data>) -> Result<Step, Error> {
        match state {
            ConnectionState::ReadTraffic(mut traffic) => {
                while let Some(record) = traffic.next_record() {
                    self.plain.append(record?.payload);
                }
                Ok(Step::Again)
            }
            ConnectionState::EncodeTlsData(mut data) => {
                self.encode(&mut data)?;
                Ok(Step::Again)
            }
            ConnectionState::TransmitTlsData(data) => {
                // It is queued, in front of all that comes later.
                data.done();
                Ok(Step::Again)
            }
            ConnectionState::WriteTraffic(mut traffic) => {
                self.seal(&mut traffic)?;
                Ok(Step::Rest)
            }
            ConnectionState::PeerClosed => Ok(Step::PeerEnded),
            ConnectionState::BlockedHandshake | ConnectionState::Closed => Ok(Step::Rest),
            ConnectionState::ReadEarlyData(_) => Err(unexpected("early data")),
            _ => Err(unexpected("a new state of rustls")),
        }
    }

    fn encode<Data>(&mut self, data: &mut EncodeTlsData<'_, Data>) -> Result<(), Error> {
        self.append(0, |space| {
            data.encode(space).map_err(|error| match error {
                EncodeError::InsufficientSize(size) => Shortage::Space(size),
                EncodeError::AlreadyEncoded => Shortage::Other(unexpected("a repeated record")),
            })
        })
    }

    fn seal<Data>(&mut self, traffic: &mut WriteTraffic<'_, Data>) -> Result<(), Error> {
        match self.outgoing {
            Outgoing::Nothing => Ok(()),
            Outgoing::Bytes(bytes) => {
                let guess = bytes.len() + RECORD_OVERHEAD * (1 + bytes.len() / RECORD_BYTES_MAX);
                self.append(guess, |space| Ok(traffic.encrypt(bytes, space)?))
            }
            Outgoing::End => {
                self.append(RECORD_OVERHEAD, |space| Ok(traffic.queue_close_notify(space)?))
            }
        }
    }

    /// Has `fill` write into `guess` bytes of the queue, or as many as it then asks for.
    fn append(
        &mut self,
        guess: usize,
        mut fill: impl FnMut(&mut [u8]) -> Result<usize, Shortage>,
    ) -> Result<(), Error> {
        let mut size = guess;
        loop {
            match self.sealed.append_with(size, self.pool, &mut fill) {
                Ok(()) => return Ok(()),
                Err(Shortage::Space(needed)) if needed.required_size > size => {
                    size = needed.required_size;
                }
                Err(Shortage::Space(_)) => return Err(unexpected("a record of no size")),
                Err(Shortage::Other(error)) => return Err(error),
            }
        }
    }
}

/// The most bytes in a record (RFC 8446, 5.1).
pub(super) const RECORD_BYTES_MAX: usize = 16 * 1024;

enum Shortage {
    Space(InsufficientSizeError),
    Other(Error),
}

impl From<EncryptError> for Shortage {
    fn from(error: EncryptError) -> Self {
        match error {
            EncryptError::InsufficientSize(size) => Self::Space(size),
            EncryptError::EncryptExhausted => Self::Other(Error::EncryptError),
        }
    }
}

pub(super) fn unexpected(what: &str) -> Error {
    Error::General(format!("unexpected: {what}"))
}
