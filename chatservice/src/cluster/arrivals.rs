//! Looking for new rows in the store, for recipients who are online here and were not told of
//! them: the net under everything that the bus may lose.
//!
//! Ids are given out before commits, which overtake each other; so each look goes back to where
//! the one some seconds ago ended, and what was seen since is remembered.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use rustc_hash::FxHashSet;

use crate::storage::{Arrival, RowId};

/// Longer than any commit may take, see the time-outs of the stores.
const OVERLAP: Duration = Duration::from_secs(6);
/// Rows in one answer of the store; if there are more, the next question follows at once.
pub const PAGE: usize = 10_000;

/// See the module.
#[derive(Debug, Default)]
pub struct Arrivals {
    /// Where looks ended, oldest first; the first one is as old as it must be.
    ends: VecDeque<(Instant, RowId)>,
    seen: FxHashSet<RowId>,
    /// The end of the page before, while a look goes on.
    page_end: Option<RowId>,
}

/// Whether a look is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// There may be more.
    GoOn,
    /// That was all.
    Over,
}

impl Arrivals {
    /// Above which row to ask now; `None` for the very first time, when only the newest row is
    /// wanted: who logs in from now on is shown everything before.
    pub fn after(&self) -> Option<RowId> {
        self.page_end.or_else(|| self.ends.front().map(|(_, end)| *end))
    }

    /// The newest row at the first look.
    pub fn handle_newest(&mut self, now: Instant, newest: RowId) {
        self.ends.push_back((now, newest));
    }

    /// A page of rows, ascending: takes out those that were seen before.
    pub fn handle_page(&mut self, now: Instant, rows: &mut Vec<Arrival>) -> Look {
        let full = rows.len() >= PAGE;
        let last = rows.last().map(|arrival| arrival.row).or(self.page_end);
        rows.retain(|arrival| self.seen.insert(arrival.row));
        if full {
            self.page_end = last;
            return Look::GoOn;
        }
        self.page_end = None;
        let before = self.ends.back().map_or_else(RowId::default, |(_, end)| *end);
        self.ends.push_back((now, last.map_or(before, |last| last.max(before))));
        while self.ends.get(1).is_some_and(|(at, _)| *at + OVERLAP <= now) {
            self.ends.pop_front();
        }
        if let Some((_, oldest)) = self.ends.front() {
            self.seen.retain(|row| row > oldest);
        }
        Look::Over
    }

    /// The store did not answer: the next look starts anew. Commits may have stood still with it,
    /// so the overlap is counted from now on.
    pub fn handle_failure(&mut self, now: Instant) {
        self.page_end = None;
        for (at, _) in &mut self.ends {
            *at = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use chatproto::UserId;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn rows(ids: impl IntoIterator<Item = i64>) -> Vec<Arrival> {
        let arrival = |id| Arrival { recipient: UserId(1), row: RowId(id) };
        ids.into_iter().map(arrival).collect()
    }

    #[test]
    fn rows_are_told_once_also_when_they_come_late() {
        let mut now = Instant::now();
        let mut arrivals = Arrivals::default();
        assert_eq!(arrivals.after(), None);
        arrivals.handle_newest(now, RowId(10));
        assert_eq!(arrivals.after(), Some(RowId(10)));
        let mut page = rows([11, 13]);
        assert_eq!(arrivals.handle_page(now, &mut page), Look::Over);
        assert_eq!(page, rows([11, 13]));
        now += SECOND;
        assert_eq!(arrivals.after(), Some(RowId(10)), "12 may be committed late");
        let mut page = rows([11, 12, 13, 14]);
        arrivals.handle_page(now, &mut page);
        assert_eq!(page, rows([12, 14]));
    }

    #[test]
    fn looks_go_back_some_seconds_and_no_further() {
        let mut now = Instant::now();
        let mut arrivals = Arrivals::default();
        arrivals.handle_newest(now, RowId::default());
        for id in 1..=20 {
            now += SECOND;
            arrivals.handle_page(now, &mut rows([id]));
        }
        assert_eq!(arrivals.after(), Some(RowId(14)));
        assert_eq!(arrivals.seen.len(), 6);
    }

    #[test]
    fn a_long_look_goes_on_page_by_page() {
        let now = Instant::now();
        let mut arrivals = Arrivals::default();
        arrivals.handle_newest(now, RowId::default());
        let full = PAGE as i64;
        assert_eq!(arrivals.handle_page(now, &mut rows(1..=full)), Look::GoOn);
        assert_eq!(arrivals.after(), Some(RowId(full)));
        assert_eq!(arrivals.handle_page(now, &mut rows([full + 1])), Look::Over);
        assert_eq!(arrivals.after(), Some(RowId::default()), "the overlap");
        arrivals.handle_page(now, &mut rows(1..=full));
        arrivals.handle_failure(now);
        assert_eq!(arrivals.after(), Some(RowId::default()));
    }
}
