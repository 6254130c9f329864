//! How long things took: pings, silences, and the way back after a fault.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::ledger::{Ledger, News};
use super::pings::Pings;
use super::verdict::{Findings, Kind, Row};
use super::{Limits, node_of};
use crate::history::{ClientNumber, Event, What};

/// What the time before the first fault is called.
const CALM: &str = "no fault";

/// A fault, from its beginning to that of the next one.
#[derive(Debug)]
struct Window {
    fault: String,
    began: u64,
    ended: Option<u64>,
    unreachable: Vec<String>,
}

/// A message that was answered with errno 0 for the first time.
#[derive(Debug)]
struct Answer {
    at: u64,
    first_sent: u64,
    /// Whether it went from one node to another.
    across: bool,
}

#[derive(Debug, Default)]
pub(super) struct Timing {
    windows: Vec<Window>,
    load_ended: Option<u64>,
    last: u64,
    /// Where each client is.
    entries: HashMap<ClientNumber, String>,
    /// All nodes that were seen.
    nodes: BTreeSet<String>,
    answers: Vec<Answer>,
    repeats: Vec<u64>,
    pings: Pings,
    /// For each fault that ended, in order, how long the way back was.
    recoveries: Vec<(String, u64)>,
}

impl Timing {
    pub(super) fn take(&mut self, event: &Event, news: News, ledger: &Ledger) {
        let at = event.at;
        self.last = at;
        match news {
            News::Answered(number) => {
                let across = self.is_across(ledger.ends(number));
                let first_sent = ledger.message(number).first_sent;
                self.answers.push(Answer { at, first_sent, across });
            }
            News::Repeated => self.repeats.push(at),
            News::Received(_) | News::None => {}
        }
        let entry = event.client.and_then(|client| self.entries.get(&client));
        self.pings.take(&event.what, at, entry, self.windows.len());
        match (&event.what, event.client) {
            (What::Opened { entry }, Some(client)) => {
                self.nodes.extend(node_of(entry).map(str::to_owned));
                self.entries.insert(client, entry.clone());
            }
            (What::FaultBegan { fault, unreachable, .. }, _) => self.windows.push(Window {
                fault: fault.clone(),
                began: at,
                ended: None,
                unreachable: unreachable.clone(),
            }),
            (What::FaultEnded { .. }, _) => {
                if let Some(window) = self.windows.last_mut() {
                    window.ended = Some(at);
                }
            }
            (What::LoadEnded, _) => self.load_ended = Some(at),
            _ => {}
        }
    }

    fn is_across(&self, (sender, recipient): (ClientNumber, Option<ClientNumber>)) -> bool {
        let node = |client: &ClientNumber| node_of(self.entries.get(client)?);
        let (from, to) = (node(&sender), recipient.as_ref().and_then(node));
        from.is_some() && to.is_some() && from != to
    }

    pub(super) fn close(&mut self, limits: Limits, findings: &mut Findings) {
        self.find_recoveries(limits, findings);
        let windows = &self.windows;
        self.pings.excuse(|sent, ended, entry| {
            windows.iter().any(|window| window.excuses(sent, ended, entry))
        });
        let echo = self.echo();
        // Under each fault, since a long calm would hide what happens in a short one.
        for Row { fault, ping, .. } in self.rows(&Findings::default()) {
            if ping > limits.ping + echo {
                findings.add(Kind::SlowPings, self.last, || {
                    format!("{fault}: 99 of 100 pings took up to {ping} µs, a bare echo {echo} µs")
                });
            }
        }
    }

    fn find_recoveries(&mut self, limits: Limits, findings: &mut Findings) {
        let load_ended = self.load_ended.unwrap_or(self.last);
        for window in &self.windows {
            let Some(ended) = window.ended else { continue };
            let several = self.nodes.len() > 1;
            let new = |answer: &&Answer| answer.first_sent >= ended && (answer.across || !several);
            let back = self.answers.iter().find(new).map(|answer| answer.at);
            // The load may have ended before there was time enough.
            let took = match back {
                None if load_ended < ended + limits.recovery => continue,
                None => self.last - ended,
                Some(at) => at - ended,
            };
            if took > limits.recovery {
                let fault = &window.fault;
                findings.add(Kind::SlowRecovery, ended, || {
                    format!("{fault}: no new message was answered for {} ms", took / 1000)
                });
            }
            self.recoveries.push((window.fault.clone(), took));
        }
    }

    /// The 99th percentile of pings, in microseconds.
    pub(super) fn ping(&self) -> u64 {
        self.pings.percentile(|_| true)
    }

    /// The same for the bare echo.
    pub(super) fn echo(&self) -> u64 {
        self.pings.echo()
    }

    pub(super) fn rows(&self, findings: &Findings) -> Vec<Row> {
        let mut rows: Vec<Row> = Vec::new();
        // Before the first answer there were no clients.
        let began = self.answers.first().map_or(0, |answer| answer.at);
        let calm = Window { fault: CALM.to_owned(), began, ended: None, unreachable: Vec::new() };
        let mut windows: Vec<&Window> = vec![&calm];
        windows.extend(&self.windows);
        let ends = windows.iter().skip(1).map(|window| window.began).chain([u64::MAX]);
        for (window, end) in windows.iter().zip(ends) {
            let at = rows.iter().position(|row| row.fault == window.fault).unwrap_or_else(|| {
                rows.push(Row { fault: window.fault.clone(), ..Row::default() });
                rows.len() - 1
            });
            let row = &mut rows[at];
            row.times += 1;
            self.add_up(window.began..end, row, findings);
        }
        let mut slowest: BTreeMap<&str, u64> = BTreeMap::new();
        for (fault, took) in &self.recoveries {
            let slowest = slowest.entry(fault).or_default();
            *slowest = (*slowest).max(*took);
        }
        for row in &mut rows {
            row.recovery = slowest.get(row.fault.as_str()).copied().unwrap_or_default();
            row.ping = self.pings.percentile(|window| windows[window].fault == row.fault);
        }
        rows
    }

    fn add_up(&self, window: std::ops::Range<u64>, row: &mut Row, findings: &Findings) {
        let count = |kind: Kind| {
            let times = findings.times.iter();
            times.filter(|(found, at)| *found == kind && window.contains(at)).count() as u64
        };
        row.lost += count(Kind::Lost);
        row.disordered += count(Kind::Disordered);
        row.repeated += self.repeats.iter().filter(|at| window.contains(at)).count() as u64;
        // Nobody sends after the load has ended, so nothing is missed then.
        let end = window.end.min(self.load_ended.unwrap_or(self.last)).max(window.start);
        let mut since = window.start;
        for answer in self.answers.iter().filter(|answer| window.contains(&answer.at)) {
            row.answered += 1;
            if answer.at <= end {
                row.silence = row.silence.max(answer.at - since);
                since = answer.at;
            }
        }
        row.silence = row.silence.max(end.saturating_sub(since));
    }
}

impl Window {
    /// Whether nobody could have answered while the fault lasted.
    fn excuses(&self, sent: u64, ended: u64, entry: &str) -> bool {
        let overlaps = sent < self.ended.unwrap_or(u64::MAX) && ended > self.began;
        overlaps && self.unreachable.iter().any(|unreachable| unreachable == entry)
    }
}
