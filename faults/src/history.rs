//! What clients saw, in the order in which they saw it. Kept in memory for the checker and written
//! as JSON lines for people.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// What a fault names when nodes cannot reach the store while it lasts.
pub const STORE: &str = "store";

/// A client of the suite, counted from 0.
pub type ClientNumber = usize;

/// Whom a message is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// The account with this id.
    User(i64),
    /// Every other member of the group with this id.
    Group(i64),
}

/// Which protocol a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Style {
    /// Acknowledges what is pushed, numbers what it sends, and sends again what is not answered.
    Acknowledging,
    /// As the original client: no answers, no acknowledgements.
    Original,
}

/// A message as it was pushed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Push {
    /// The sender's account.
    pub from: i64,
    /// Whom it was sent to.
    pub target: Target,
    /// The text.
    pub text: String,
    /// What only acknowledging clients get.
    pub mark: Option<Mark>,
}

/// What tells one push from another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// 1, 2, 3 … on one connection.
    pub seq: u64,
    /// The server's id of the message.
    pub sid: String,
    /// The sender's id of the message.
    pub mid: String,
}

/// Something that a client saw or did, or that was done to the cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// The client has an account.
    Registered {
        /// Its id.
        account: i64,
        /// How it behaves.
        style: Style,
    },
    /// Asks to become a member; from now on it may get the group's messages.
    Joining {
        /// Which group.
        group: i64,
    },
    /// Is a member; what is sent from now on it must get.
    Joined {
        /// Which group.
        group: i64,
    },
    /// Logged in; numbers of pushes begin anew.
    Opened {
        /// Where it connected to, as [`Fault`](Self::FaultBegan) names it.
        entry: String,
    },
    /// Ended its connection by itself.
    Left,
    /// The connection is over, and not because the client wanted it.
    Closed {
        /// What the client knows of the reason.
        why: String,
    },
    /// Sent a message, or sent it again.
    Sent {
        /// Unique; None from an original client, which has none.
        mid: Option<String>,
        /// Whom to.
        target: Target,
        /// Unique as well.
        text: String,
    },
    /// Got the answer to a message.
    Answered {
        /// Which.
        mid: String,
        /// 0 when it was taken.
        errno: i64,
    },
    /// An error that belongs to no message.
    Refused {
        /// The whole object.
        answer: String,
    },
    /// Got a message.
    Pushed(Push),
    /// Reads again after it was told to stand still.
    StoodStill,
    /// A ping was answered, or the connection given up since it was not.
    Ping {
        /// Round trip, or how long it was waited for.
        micros: u64,
    },
    /// A round trip to a bare echo beside the servers: what the machine itself takes.
    Echo {
        /// Round trip.
        micros: u64,
    },
    /// From now on something is wrong.
    FaultBegan {
        /// Its name.
        fault: String,
        /// Entries behind which nobody can answer while it lasts, and [`STORE`].
        unreachable: Vec<String>,
        /// The only node whose connections it may end; None: any connection may end.
        only: Option<String>,
    },
    /// All is well again.
    FaultEnded {
        /// Its name.
        fault: String,
    },
    /// No new messages are sent from now on.
    LoadEnded,
}

/// One line of a history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Microseconds since the beginning.
    pub at: u64,
    /// Whose; None for what was done to the cluster.
    pub client: Option<ClientNumber>,
    /// What.
    pub what: What,
}

/// Where all clients write. Any thread.
#[derive(Clone)]
pub struct History {
    start: Instant,
    log: Arc<Mutex<Log>>,
}

struct Log {
    events: Vec<Event>,
    file: BufWriter<File>,
}

impl History {
    /// An empty one that is written to `path` as well.
    pub fn create(path: &Path) -> io::Result<Self> {
        let log = Log { events: Vec::new(), file: BufWriter::new(File::create(path)?) };
        Ok(Self { start: Instant::now(), log: Arc::new(Mutex::new(log)) })
    }

    /// Microseconds since the beginning.
    pub fn now(&self) -> u64 {
        micros(self.start.elapsed())
    }

    /// Appends an event that happens now.
    pub fn record(&self, client: Option<ClientNumber>, what: What) {
        let mut log = self.lock();
        // Under the lock, so that times ascend.
        let event = Event { at: self.now(), client, what };
        // A line that cannot be written is missing for people only.
        let _ = serde_json::to_writer(&mut log.file, &event);
        let _ = log.file.write_all(b"\n");
        log.events.push(event);
    }

    /// Writes what was not written yet.
    pub fn flush(&self) {
        // As above.
        let _ = self.lock().file.flush();
    }

    /// All events so far; the file has them, too.
    pub fn take(&self) -> Vec<Event> {
        self.flush();
        std::mem::take(&mut self.lock().events)
    }

    fn lock(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads what was written.
pub fn read(path: &Path) -> io::Result<Vec<Event>> {
    let lines = BufReader::new(File::open(path)?).lines();
    lines.map(|line| Ok(serde_json::from_str(&line?)?)).collect()
}

/// As the history counts time.
pub fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("history.jsonl");
        let history = History::create(&path).unwrap();
        let mark = Some(Mark { seq: 1, sid: "s".into(), mid: "m".into() });
        let text = "a\n\"b\" \u{0} 你".to_owned();
        history
            .record(Some(3), What::Pushed(Push { from: 1, target: Target::Group(2), text, mark }));
        history.record(None, What::LoadEnded);
        let events = history.take();
        assert_eq!(events.len(), 2);
        assert_eq!(read(&path).unwrap(), events);
    }
}
