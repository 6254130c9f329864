//! What nodes send each other: the only bytes on the bus.

use serde::{Deserialize, Serialize};

use super::parcel::Parcel;
use crate::chat::{NodeId, PeerMessage};

/// Nodes that speak another version do not hear each other; what is owed between them goes by the
/// store.
const VERSION: u8 = 2;
/// What a frame takes apart from its parcel.
const HEAD_BYTES: usize = 64;

/// See the module.
#[derive(Debug, Serialize, Deserialize)]
pub struct Frame {
    /// Who sends it.
    pub origin: NodeId,
    /// What.
    pub body: Body,
}

/// The kinds of frames.
#[derive(Debug, Serialize, Deserialize)]
pub enum Body {
    /// The next of a stream of frames to one node.
    Stream {
        /// See [`super::links`].
        epoch: u32,
        /// Counted from 0 in each epoch.
        number: u64,
        /// What it carries.
        parcel: Parcel,
    },
    /// How far the stream to this node has come, so that the loss of its last frames is seen.
    Position {
        /// See [`super::links`].
        epoch: u32,
        /// The number of the next frame.
        next: u64,
    },
    /// Something of the receiver's stream was lost: it is to start over, in another epoch.
    Restart {
        /// The one in which it was lost.
        epoch: u32,
    },
    /// For the first shard of every node.
    Announcement(PeerMessage),
    /// For its own sender: the way through the bus is open.
    Echo(u64),
}

/// Bytes that are no frame.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Another version of the server sent it.
    #[error("it is of version {0}, not {VERSION}")]
    Version(u8),
    /// It makes no sense.
    #[error("it cannot be read: {0}")]
    Malformed(#[from] postcard::Error),
}

impl Frame {
    /// The frame as bytes.
    pub fn encode(&self) -> Vec<u8> {
        let parcel = match &self.body {
            Body::Stream { parcel, .. } => parcel.bytes(),
            _ => 0,
        };
        let mut bytes = Vec::with_capacity(HEAD_BYTES + parcel);
        bytes.push(VERSION);
        postcard::to_extend(self, bytes).expect("memory takes everything")
    }

    /// Reads what [`Self::encode`] wrote.
    pub fn decode(bytes: &[u8]) -> Result<Self, FrameError> {
        match bytes.split_first() {
            Some((&VERSION, rest)) => Ok(postcard::from_bytes(rest)?),
            Some((version, _)) => Err(FrameError::Version(*version)),
            None => Err(FrameError::Malformed(postcard::Error::DeserializeUnexpectedEnd)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn another_version_is_told() {
        let frame = Frame { origin: NodeId(7), body: Body::Echo(1) };
        let mut bytes = frame.encode();
        assert!(matches!(Frame::decode(&bytes).unwrap().body, Body::Echo(1)));
        bytes[0] = 9;
        assert_eq!(Frame::decode(&bytes).unwrap_err(), FrameError::Version(9));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut versioned = vec![VERSION];
            versioned.extend(&bytes);
            let _frames = [Frame::decode(&bytes), Frame::decode(&versioned)];
        }
    }
}
