//! Who has a user, as it stands in Redis: `node:shard:connection:login:stamp:state`, numbers in
//! hexadecimal.

use std::fmt;

use crate::chat::{ConnId, LoginId, NodeId, Place, ShardId};

/// A user's session, and since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holding {
    /// Where.
    pub place: Place,
    /// Milliseconds since 1970 by the clock of the node that claimed it; of two sessions that both
    /// hold a user, as can be when Redis was away, the later one wins.
    pub stamp: u64,
    /// Whether it is still there.
    pub state: HoldingState,
}

/// Whether a user is still there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HoldingState {
    /// It is.
    Online,
    /// It left, but not all that it wanted sent or written is done.
    Owing,
}

impl Holding {
    /// Reads what [`fmt::Display`] wrote; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(':');
        let mut number = || u64::from_str_radix(parts.next()?, 16).ok();
        let node = NodeId(number()?);
        let index = u16::try_from(number()?).ok()?;
        let login = LoginId { conn: ConnId(number()?), number: number()? };
        let stamp = number()?;
        let state = match parts.next()? {
            "+" => HoldingState::Online,
            "-" => HoldingState::Owing,
            _ => return None,
        };
        let place = Place { shard: ShardId { node, index }, login };
        parts.next().is_none().then_some(Self { place, stamp, state })
    }

    /// What the texts of all holdings of this place begin with.
    pub fn prefix(place: Place) -> String {
        let Place { shard: ShardId { node, index }, login } = place;
        format!("{:x}:{index:x}:{:x}:{:x}:", node.0, login.conn.0, login.number)
    }
}

impl fmt::Display for Holding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            HoldingState::Online => '+',
            HoldingState::Owing => '-',
        };
        write!(f, "{}{:x}:{state}", Self::prefix(self.place), self.stamp)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back_and_nothing_else_is() {
        let shard = ShardId { node: NodeId(u64::MAX), index: 3 };
        let login = LoginId { conn: ConnId(1 << 40), number: 9 };
        for state in [HoldingState::Online, HoldingState::Owing] {
            let holding = Holding { place: Place { shard, login }, stamp: 77, state };
            assert_eq!(Holding::parse(&holding.to_string()), Some(holding));
            assert!(holding.to_string().starts_with(&Holding::prefix(holding.place)));
        }
        for wrong in ["", "1:2:3:4:5", "1:2:3:4:5:?", "1:2:3:4:5:+:", "1:fffff:3:4:5:+", "x"] {
            assert_eq!(Holding::parse(wrong), None, "{wrong}");
        }
    }
}
