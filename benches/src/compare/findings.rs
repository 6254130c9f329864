//! What a comparison found: one table, and whether it is enough.

use super::contestant::{Contestant, Peer};
use super::requirement::{Bound, Requirement};
use super::shape::Shape;
use super::stage::Series;
use crate::accounts::Style;
use crate::cluster;
use crate::comparison::Comparison;
use crate::round::{Round, median_of};
use std::fmt;

/// How busy the server or the load must be, of 1.
const BUSY_MIN: f64 = 0.9;
/// Of what a server said when it failed, as much as a table holds.
const TROUBLE_CHARS: usize = 80;

/// See the module; displayed as Markdown.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    pub(super) series: Vec<Series>,
    pub(super) memory: Vec<(Contestant, f64)>,
    /// Of two nodes, by shape.
    pub(super) two_nodes: Vec<cluster::Report>,
}

impl Findings {
    /// Everything that is required of what was measured.
    pub fn requirements(&self) -> Vec<Requirement> {
        use Bound::{AtLeast, AtMost};
        let beside = |shape, peer| {
            let is_chosen = |series: &&Series| {
                series.shape == shape && series.contestant == Contestant::Theirs(peer)
            };
            self.series
                .iter()
                .find(is_chosen)
                .map(|series| self.comparison(series, peer).rate_ratio())
        };
        let memory = self.memory_of(Contestant::Ours(Style::Acknowledged));
        let [one_each, pipelined] = [cluster::Shape::ONE_EACH, cluster::Shape::PIPELINED]
            .map(|shape| self.two_nodes.iter().find(|report| report.shape.name == shape.name));
        let rate = |report: &cluster::Report| median_of(&report.comparison.chat, |of| of.rate);
        let ratio = |report: &cluster::Report| report.comparison.rate_ratio();
        let all = [
            ("one in flight, beside ngircd", AtLeast(1.1), beside(Shape::OneEach, Peer::Ngircd)),
            ("pipelined, beside nats-server", AtLeast(0.5), beside(Shape::Pipelined, Peer::Nats)),
            (
                "one in flight, acknowledged, beside mosquitto with QoS 1",
                AtLeast(1.5),
                beside(Shape::OneEach, Peer::MosquittoQos1),
            ),
            (
                "pipelined, acknowledged, beside mosquitto with QoS 1",
                AtLeast(5.0),
                beside(Shape::Pipelined, Peer::MosquittoQos1),
            ),
            ("bytes of an idle client, acknowledging", AtMost(1000.0), memory),
            (
                "two nodes, one in flight, beside two nats-servers",
                AtLeast(1.0),
                one_each.map(ratio),
            ),
            ("two nodes, pipelined, messages/s", AtLeast(500_000.0), pipelined.map(rate)),
        ];
        let measured = all.into_iter();
        measured
            .filter_map(|(what, bound, found)| Some(Requirement::new(what, bound, found?)))
            .collect()
    }

    /// Whether something else had the processors: in a turn one of both, the server or the load,
    /// always has something to do.
    pub fn is_disturbed(&self) -> bool {
        let busiest = |round: &Round| round.server_share.max(round.load_share);
        let mut series = self.series.iter().filter(|series| !series.rounds.is_empty());
        series.any(|series| median_of(&series.rounds, busiest) < BUSY_MIN)
    }

    fn memory_of(&self, contestant: Contestant) -> Option<f64> {
        self.memory.iter().find(|(of, _)| *of == contestant).map(|(_, bytes)| *bytes)
    }

    /// Ours, in the style that fits, beside `theirs`.
    fn comparison(&self, theirs: &Series, peer: Peer) -> Comparison {
        let ours = Contestant::Ours(peer.counterpart());
        let is_ours = |of: &&Series| of.shape == theirs.shape && of.contestant == ours;
        let chat = self.series.iter().find(is_ours).map(|ours| ours.rounds.clone());
        Comparison { reference: theirs.rounds.clone(), chat: chat.unwrap_or_default() }
    }

    fn write_series(&self, f: &mut fmt::Formatter<'_>, series: &Series) -> fmt::Result {
        let Series { shape, contestant, rounds, trouble } = series;
        let is_first = self.series.iter().find(|of| of.contestant == *contestant);
        let is_first = is_first.is_some_and(|first| first.shape == *shape);
        let bytes = if is_first { self.memory_of(*contestant) } else { None };
        let bytes = bytes.map_or_else(String::new, |bytes| format!("{bytes:.0}"));
        let (shape, name) = (shape.name(), contestant.name());
        if let Some(trouble) = trouble {
            let trouble = in_a_cell(trouble);
            return writeln!(f, "| {shape} | {name} | failed: {trouble} | | | | | | | {bytes} |");
        }
        let ratios = match contestant {
            Contestant::Ours(_) => None,
            Contestant::Theirs(peer) => Some(self.comparison(series, *peer)),
        };
        let ratios = ratios_of(ratios.as_ref());
        write_row(f, shape, name, rounds, &ratios, &bytes)
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "| shape | server | messages/s | CPU us each | p50 us | p99 us | p99.9 us \
             | ours / theirs by rate | by CPU | idle client, bytes |"
        )?;
        writeln!(f, "|---|---|---|---|---|---|---|---|---|---|")?;
        for series in &self.series {
            self.write_series(f, series)?;
        }
        // Those that only sat idle.
        for (contestant, bytes) in &self.memory {
            if !self.series.iter().any(|series| series.contestant == *contestant) {
                let (shape, name) = (Shape::Idle.name(), contestant.name());
                writeln!(f, "| {shape} | {name} | | | | | | | | {bytes:.0} |")?;
            }
        }
        for cluster::Report { shape, comparison } in &self.two_nodes {
            let shape = format!("{}, {}", Shape::TwoNodes.name(), shape.name);
            let (ours, theirs) = (ratios_of(None), ratios_of(Some(comparison)));
            write_row(f, &shape, "2 ChatServers, Redis, MariaDB", &comparison.chat, &ours, "")?;
            write_row(f, &shape, "2 nats-servers", &comparison.reference, &theirs, "")?;
        }
        Ok(())
    }
}

fn write_row(
    f: &mut fmt::Formatter<'_>,
    shape: &str,
    name: &str,
    rounds: &[Round],
    [by_rate, by_cpu]: &[String; 2],
    bytes: &str,
) -> fmt::Result {
    let rate = median_of(rounds, |round| round.rate);
    let cpu = median_of(rounds, Round::server_us);
    let us = |at: fn(&Round) -> std::time::Duration| {
        median_of(rounds, |round| at(round).as_secs_f64() * 1e6)
    };
    let (p50, p99, p999) = (us(|of| of.p50), us(|of| of.p99), us(|of| of.p999));
    writeln!(
        f,
        "| {shape} | {name} | {rate:.0} | {cpu:.2} | {p50:.0} | {p99:.0} | {p999:.0} \
         | {by_rate} | {by_cpu} | {bytes} |"
    )
}

/// What stands in the columns of ratios: by rate, and by processor time.
fn ratios_of(comparison: Option<&Comparison>) -> [String; 2] {
    comparison.map_or_else(Default::default, |comparison| {
        [comparison.rate_ratio(), comparison.cpu_ratio()].map(|ratio| format!("{ratio:.2}"))
    })
}

/// One short line without what ends a cell.
fn in_a_cell(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    line.chars().filter(|char| *char != '|' && !char.is_control()).take(TROUBLE_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::round::tests::round;

    fn series(contestant: Contestant, rate: f64) -> Series {
        let rounds = vec![round(rate, 2.0); 3];
        Series { shape: Shape::OneEach, contestant, rounds, trouble: None }
    }

    fn findings() -> Findings {
        let ours = Contestant::Ours(Style::Original);
        Findings {
            series: vec![
                series(ours, 110.0),
                series(Contestant::Theirs(Peer::Ngircd), 100.0),
                Series {
                    rounds: Vec::new(),
                    trouble: Some("lost | all\nof it".to_owned()),
                    ..series(Contestant::Theirs(Peer::MosquittoQos1), 0.0)
                },
            ],
            memory: vec![(ours, 700.4), (Contestant::Theirs(Peer::Ejabberd), 9000.0)],
            two_nodes: Vec::new(),
        }
    }

    #[test]
    fn the_table_has_a_row_for_each() {
        let table = findings().to_string();
        let rows: Vec<_> = table.lines().skip(2).collect();
        let expected = [
            "| one in flight | ChatServer | 110 | 2.00 | 5 | 9 | 20 |  |  | 700 |",
            "| one in flight | ngircd | 100 | 2.00 | 5 | 9 | 20 | 1.10 | 1.00 |  |",
            "| one in flight | mosquitto, QoS 1 | failed: lost  all | | | | | | |  |",
            "| idle | ejabberd | | | | | | | | 9000 |",
        ];
        assert_eq!(rows, expected);
    }

    #[test]
    fn a_series_in_which_nobody_was_busy_is_disturbed() {
        let mut findings = findings();
        assert!(!findings.is_disturbed());
        for round in &mut findings.series[1].rounds {
            round.server_share = 0.6;
        }
        assert!(findings.is_disturbed());
    }

    #[test]
    fn required_is_what_was_measured() {
        let requirements = findings().requirements();
        let verdicts: Vec<_> = requirements.iter().map(Requirement::is_met).collect();
        assert_eq!(verdicts, [true, false], "{requirements:?}");
    }
}
