//! The verdict in Markdown.

use std::fmt::Write;

use crate::checker::{Row, Verdict};

/// The table, what it rests on, and what was found.
pub fn markdown(verdict: &Verdict) -> String {
    let mut text = String::from(
        "| fault | times | answered | lost | repeated | out of order | longest silence | back after | 99 % of pings |\n\
         |---|---:|---:|---:|---:|---:|---:|---:|---:|\n",
    );
    let mut all = Row { fault: "**all**".to_owned(), ..Row::default() };
    for row in &verdict.rows {
        line(&mut text, row);
        all.times += row.times;
        all.answered += row.answered;
        all.lost += row.lost;
        all.repeated += row.repeated;
        all.disordered += row.disordered;
        all.silence = all.silence.max(row.silence);
        all.recovery = all.recovery.max(row.recovery);
    }
    all.ping = verdict.ping;
    line(&mut text, &all);
    // Writing to a String cannot fail.
    let _ = write!(
        text,
        "\n{} messages sent, {} answered with errno 0, {} received. 99 of 100 bare \
         echoes beside the servers within {}.\n",
        verdict.sent,
        verdict.answered,
        verdict.received,
        milliseconds(verdict.echo),
    );
    for (kind, count) in &verdict.counts {
        let _ = write!(text, "\n{kind:?}: {count}\n");
        for violation in verdict.violations.iter().filter(|violation| violation.kind == *kind) {
            let _ = writeln!(text, "- at {}: {}", milliseconds(violation.at), violation.text);
        }
    }
    text
}

fn line(text: &mut String, row: &Row) {
    let Row { fault, times, answered, lost, repeated, disordered, silence, recovery, ping } = row;
    let [silence, recovery, ping] = [*silence, *recovery, *ping].map(milliseconds);
    // As above.
    let _ = writeln!(
        text,
        "| {fault} | {times} | {answered} | {lost} | {repeated} | {disordered} | {silence} | {recovery} | {ping} |"
    );
}

fn milliseconds(micros: u64) -> String {
    format!("{}.{} ms", micros / 1000, micros % 1000 / 100)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::{Kind, Violation};

    #[test]
    fn rows_are_added_up_and_findings_listed() {
        let row = |fault: &str, answered, silence| Row {
            fault: fault.to_owned(),
            times: 1,
            answered,
            silence,
            ..Row::default()
        };
        let verdict = Verdict {
            rows: vec![row("one", 3, 1500), row("other", 4, 200)],
            counts: [(Kind::Lost, 1)].into(),
            violations: vec![Violation { kind: Kind::Lost, at: 2000, text: "m1".to_owned() }],
            ..Verdict::default()
        };
        let text = markdown(&verdict);
        assert!(
            text.contains("| one | 1 | 3 | 0 | 0 | 0 | 1.5 ms | 0.0 ms | 0.0 ms |\n"),
            "{text}"
        );
        assert!(
            text.contains("| **all** | 2 | 7 | 0 | 0 | 0 | 1.5 ms | 0.0 ms | 0.0 ms |\n"),
            "{text}"
        );
        assert!(text.ends_with("Lost: 1\n- at 2.0 ms: m1\n"), "{text}");
    }
}
