//! What follows when a client's connection ends, as an enum and its legal moves. Pure.
//!
//! ```text
//! Open ---stop---> Last          Leaving --connect--> Returning
//!      <-connect--                       <---stop----
//!
//! and from everywhere to Leaving by disconnect
//! ```

/// The connection of a client, by what was asked since it was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Link {
    /// Nothing: the client's option says whether a loss is made good.
    Open,
    /// `stop`: it stays, and no other follows.
    Last,
    /// `disconnect`: it is on its way out.
    Leaving,
    /// `connect` after `disconnect`: another follows as soon as this one is out.
    Returning,
}

/// What a client does when its connection has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sequel {
    Idle,
    ConnectNow,
    /// After a delay, for this was not wanted.
    ConnectLater,
}

impl Link {
    pub(crate) fn connect(self) -> Self {
        match self {
            Self::Open | Self::Last => Self::Open,
            Self::Leaving | Self::Returning => Self::Returning,
        }
    }

    pub(crate) fn disconnect(self) -> Self {
        Self::Leaving
    }

    pub(crate) fn stop(self) -> Self {
        match self {
            Self::Open | Self::Last => Self::Last,
            Self::Leaving | Self::Returning => Self::Leaving,
        }
    }

    /// The connection ended; `retry` is the client's option.
    pub(crate) fn end(self, retry: bool) -> Sequel {
        match self {
            Self::Open if retry => Sequel::ConnectLater,
            Self::Returning => Sequel::ConnectNow,
            Self::Open | Self::Last | Self::Leaving => Sequel::Idle,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Link::{Last, Leaving, Open, Returning};

    #[test]
    fn what_is_asked_last_counts() {
        let moves = [
            (Open, Open, Last),
            (Last, Open, Last),
            (Leaving, Returning, Leaving),
            (Returning, Returning, Leaving),
        ];
        for (from, connected, stopped) in moves {
            assert_eq!(from.connect(), connected, "{from:?}");
            assert_eq!(from.stop(), stopped, "{from:?}");
            assert_eq!(from.disconnect(), Leaving, "{from:?}");
        }
    }

    #[test]
    fn a_loss_is_made_good_if_the_option_says_so_and_nothing_else_was_asked() {
        assert_eq!(Open.end(true), Sequel::ConnectLater);
        assert_eq!(Open.end(false), Sequel::Idle);
        for retry in [false, true] {
            assert_eq!(Last.end(retry), Sequel::Idle);
            assert_eq!(Leaving.end(retry), Sequel::Idle);
            assert_eq!(Returning.end(retry), Sequel::ConnectNow);
        }
    }
}
