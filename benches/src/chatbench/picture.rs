//! Throughput and latency over time, as a picture.

use super::report::{PhaseReport, Report, Sample};
use plotters::prelude::*;
use plotters::style::RGBColor;
use std::io;
use std::path::Path;

const WIDTH: u32 = 1000;
const CHART_HEIGHT: u32 = 300;
/// Milliseconds that are drawn at the least, where a logarithm needs more than nothing.
const LATENCY_MIN: f64 = 0.001;

type Failed = Box<dyn std::error::Error>;
type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;
type Percentile = (&'static str, fn(&Sample) -> Option<f64>, RGBColor);

const PERCENTILES: [Percentile; 4] = [
    ("p50", |sample| sample.p50, RGBColor(0x1b, 0x7f, 0x4d)),
    ("p99", |sample| sample.p99, RGBColor(0xd9, 0x82, 0x1b)),
    ("p99.9", |sample| sample.p999, RGBColor(0xb8, 0x2e, 0x2e)),
    ("max", |sample| sample.max, RGBColor(0x99, 0x99, 0x99)),
];

/// Draws every phase of `report` in which something was counted, two charts each, into an SVG file.
pub(super) fn draw(report: &Report, file: &Path) -> io::Result<()> {
    let mut svg = String::new();
    let failed = |error: &dyn std::fmt::Display| {
        io::Error::other(format!("cannot draw {}: {error}", file.display()))
    };
    draw_all(report, &mut svg).map_err(|error| failed(&error))?;
    std::fs::write(file, svg).map_err(|error| failed(&error))
}

fn draw_all(report: &Report, svg: &mut String) -> Result<(), Failed> {
    let phases: Vec<_> = report.phases.iter().filter(|phase| phase.count > 0).collect();
    let rows = phases.len() * 2;
    let size = (WIDTH, CHART_HEIGHT * rows as u32);
    let root = SVGBackend::with_string(svg, size).into_drawing_area();
    root.fill(&WHITE)?;
    let areas = root.split_evenly((rows, 1));
    for (phase, areas) in phases.iter().zip(areas.chunks(2)) {
        draw_rate(report.scenario, phase, &areas[0])?;
        draw_latency(phase, &areas[1])?;
    }
    root.present()?;
    Ok(())
}

fn draw_rate(scenario: &str, phase: &PhaseReport, area: &Area<'_>) -> Result<(), Failed> {
    let points: Vec<_> = phase.series.iter().map(|sample| (sample.at, sample.rate)).collect();
    let most = points.iter().map(|point| point.1).fold(1.0, f64::max);
    let title = format!("{scenario}, {}: {} a second", phase.name, phase.unit);
    let mut chart = ChartBuilder::on(area)
        .caption(title, ("sans-serif", 18))
        .margin(10)
        .margin_right(25)
        .x_label_area_size(35)
        .y_label_area_size(70)
        .build_cartesian_2d(0.0..phase.end(), 0.0..most * 1.1)?;
    chart.configure_mesh().x_desc("seconds").max_light_lines(0).draw()?;
    chart.draw_series(LineSeries::new(points, BLUE.stroke_width(2)))?;
    Ok(())
}

fn draw_latency(phase: &PhaseReport, area: &Area<'_>) -> Result<(), Failed> {
    let all = || {
        let figures = |sample: &Sample| PERCENTILES.map(|(_, figure, _)| figure(sample));
        phase.series.iter().flat_map(figures).flatten()
    };
    let least = all().fold(f64::MAX, f64::min).max(LATENCY_MIN) * 0.8;
    let most = all().fold(least * 10.0, f64::max);
    let mut chart = ChartBuilder::on(area)
        .caption("latency in milliseconds", ("sans-serif", 18))
        .margin(10)
        .margin_right(25)
        .x_label_area_size(35)
        .y_label_area_size(70)
        .build_cartesian_2d(0.0..phase.end(), (least..most * 1.2).log_scale())?;
    chart.configure_mesh().x_desc("seconds").max_light_lines(0).draw()?;
    for (name, figure, colour) in PERCENTILES {
        let at =
            |sample: &Sample| figure(sample).map(|figure| (sample.at, figure.max(LATENCY_MIN)));
        let line = LineSeries::new(phase.series.iter().filter_map(at), colour.stroke_width(2));
        let series = chart.draw_series(line)?.label(name);
        series
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 15, y)], colour.stroke_width(2)));
    }
    let labels = &mut chart.configure_series_labels();
    labels.position(SeriesLabelPosition::UpperLeft).background_style(WHITE.mix(0.8)).draw()?;
    Ok(())
}

impl PhaseReport {
    /// Where the axis of time ends.
    fn end(&self) -> f64 {
        self.series.last().map_or(1.0, |sample| sample.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_phase_has_its_lines() {
        let sample = |at: f64, latency: Option<f64>| Sample {
            at,
            rate: 1000.0,
            p50: latency,
            p99: latency,
            p999: latency,
            max: latency,
            connected: 1,
            processors: Vec::new(),
            anonymous_bytes: Vec::new(),
        };
        let phase = |name: &str| PhaseReport {
            name: name.to_owned(),
            unit: "messages",
            count: 1,
            seconds: 2.0,
            rate: 1.0,
            latencies: Vec::new(),
            processes: Vec::new(),
            load_processors: 0.0,
            facts: Vec::new(),
            series: vec![sample(1.0, Some(0.5)), sample(2.0, None), sample(3.0, Some(20.0))],
        };
        let report = Report {
            scenario: "store",
            command: String::new(),
            machine: String::new(),
            options: serde_json::Value::Null,
            servers: Vec::new(),
            phases: vec![phase("store"), phase("drain")],
        };
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("picture.svg");
        draw(&report, &file).unwrap();
        let svg = std::fs::read_to_string(&file).unwrap();
        assert!(svg.starts_with("<svg"), "{svg}");
        for part in ["store, store: messages a second", "store, drain", "p99.9", "<polyline"] {
            assert!(svg.contains(part), "{part} in {svg}");
        }
    }
}
