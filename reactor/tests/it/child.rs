//! Tests of what belongs to a process as a whole.

use std::env;
use std::process::Command;

const CHILD: &str = "REACTOR_TEST_CHILD";

/// Runs `body` in a child process, for what it changes is the whole process's.
pub(crate) fn in_child(test: &str, body: fn()) {
    if env::var_os(CHILD).is_some() {
        body();
        return;
    }
    let output = Command::new(env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(CHILD, "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("1 passed"), "the child ran something else: {text}");
}
