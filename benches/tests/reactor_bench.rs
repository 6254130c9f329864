//! The reactor bench, in its quick form.

use benches::measures::{Measure, Row};
use clap::ValueEnum;
use std::process::Command;

#[test]
fn each_measure_fills_its_rows() {
    for measure in Measure::value_variants() {
        let name = measure.to_possible_value().unwrap().get_name().to_owned();
        let mut bench = Command::new(env!("CARGO_BIN_EXE_reactor-bench"));
        let output = bench.args(["--quick", "--rounds", "2", "--only", &name]).output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{name}: {told}");
        assert!(told.contains(&format!("{name}: round 2 of 2")), "{told}");
        let table = String::from_utf8(output.stdout).unwrap();
        let (_, rows) = table.split_once(Row::HEADINGS).unwrap();
        assert!(rows.lines().count() > 1, "{table}");
        for not_a_figure in ["NaN", "inf"] {
            assert!(!rows.contains(not_a_figure), "{table}");
        }
    }
}
