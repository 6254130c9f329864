//! What a server wrote.

use std::fs::{self, File};
use std::path::Path;

const LINES: usize = 30;

/// The last lines of a log file; nothing when there is none.
pub fn log_tail(path: &Path) -> String {
    let text = fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let text = text.unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}

/// A file to which a server's output is appended.
pub(crate) fn appended(path: &Path) -> File {
    let file = File::options().create(true).append(true).open(path);
    file.expect("the temporary folder takes a file")
}
