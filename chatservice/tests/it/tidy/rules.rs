//! The rules.

use super::Rule;
use super::source::{Source, names};

const LINES_MAX: usize = 500;

/// The file that holds these words as data.
const THIS: &str = "chatservice/tests/it/tidy/";

/// Modules of the reactor that are plain data structures.
const REACTOR_PURE: [&str; 8] = [
    "buffer",
    "codec",
    "event_loop/timer_queue",
    "connection/state",
    "connection/output_queue",
    "server/accept_error",
    "client/backoff",
    "client/sequel",
];

fn is_pure(path: &str) -> bool {
    path.starts_with("chatservice/src/chat/")
        || path.starts_with("chatservice/src/cluster/") && !path.contains("/redis")
        || path == "chatservice/src/message.rs"
        || path == "chatservice/src/server/outbox.rs"
        || path.starts_with("chatservice/src/server/proxy_header")
        || path == "chatservice/src/server/health/http.rs"
        || path.starts_with("chatproto/src/")
        || path.starts_with("faults/src/checker")
        || path.starts_with("faults/src/client/outbox")
        || path == "faults/src/plan.rs"
        || is_pure_reactor(path)
}

fn is_pure_reactor(path: &str) -> bool {
    REACTOR_PURE.iter().any(|name| {
        path == format!("reactor/src/{name}.rs")
            || path.starts_with(&format!("reactor/src/{name}/"))
    })
}

/// Whatever reaches outside of the process, or differs from run to run.
const OUTSIDE: &[&str] = &[
    "std::net",
    "std::fs",
    "std::thread",
    "std::process",
    "std::env",
    "std::sync::Mutex",
    "std::sync::RwLock",
    "std::sync::mpsc",
    "Instant::now",
    "SystemTime::now",
    "mio",
    "socket2",
    "rusqlite",
    "parking_lot",
    "crossbeam_channel",
    "getrandom",
    "signal_hook",
    "Timestamp::now",
    "Zoned::now",
    "TimeZone::system",
    "println!",
    "print!",
    "eprintln!",
    "eprint!",
];

pub(super) const ALL: &[Rule] = &[
    Rule {
        name: "pure modules",
        covers: is_pure,
        breaches: |source| source.lines_naming(OUTSIDE),
        instead: "take the value as an argument, or return an effect that the server carries out",
    },
    Rule {
        name: "chat rules know no server",
        covers: |path| path.starts_with("chatservice/src/chat/"),
        breaches: |source| {
            source.lines_naming(&[
                "crate::server",
                "crate::storage::sqlite",
                "crate::storage::workers",
                "storage::sqlite",
                "storage::workers",
                "reactor",
            ])
        },
        instead: "return an effect; chatservice/src/server carries it out",
    },
    Rule {
        name: "the reactor knows no chat",
        covers: |path| path.starts_with("reactor/"),
        breaches: |source| lines_with(source, &["chatproto", "chatservice"]),
        instead: "make it general, or move it to chatservice/src/server",
    },
    Rule {
        name: "the fault suite knows the contract alone",
        covers: |path| {
            ["client", "checker", "history"]
                .iter()
                .any(|part| path.starts_with(&format!("faults/src/{part}")))
        },
        breaches: |source| lines_with(source, &["chatproto", "chatservice"]),
        instead: "read the bytes as the contract describes them",
    },
    Rule {
        name: "one user of the poller",
        covers: |path| path.starts_with("reactor/src/") && path != "reactor/src/driver/poller.rs",
        breaches: |source| source.lines_naming(&["mio::Poll", "mio::Waker", "Waker"]),
        instead: "go through reactor/src/driver/poller.rs",
    },
    Rule {
        name: "one user of the reactor",
        covers: |path| {
            path.starts_with("chatservice/src/")
                && !path.starts_with("chatservice/src/server/")
                && path != "chatservice/src/server.rs"
        },
        breaches: |source| source.lines_naming(&["reactor"]),
        instead: "keep connections and loops in chatservice/src/server",
    },
    Rule {
        name: "short files",
        covers: |_| true,
        breaches: |source| {
            let lines = source.text.lines().count();
            let long = lines > LINES_MAX;
            long.then(|| (LINES_MAX, format!("has {lines} lines"))).into_iter().collect()
        },
        instead: "split it by nouns; move large tests to a file beside it",
    },
    Rule {
        name: "nothing left for later",
        covers: |path| !path.starts_with(THIS),
        breaches: |source| {
            lines_with(source, &["todo!", "unimplemented!", "FIXME", "TODO", "#[ignore", "dbg!"])
        },
        instead: "finish it, or leave it out and say so in the documentation",
    },
    Rule {
        name: "no unsafe code",
        covers: |path| !path.starts_with(THIS),
        breaches: |source| source.lines_naming(&["unsafe", "allow(unsafe_code)"]),
        instead: "use a safe call of std, rustix or socket2",
    },
    Rule {
        name: "SQL is never built",
        covers: |path| path.starts_with("chatservice/src/"),
        breaches: built_sql,
        instead: "write the statement as one constant text and bind parameters",
    },
];

/// Lines in which one of `words` stands, comments and tests included.
fn lines_with(source: &Source, words: &[&str]) -> Vec<(usize, String)> {
    let lines = source.text.lines().enumerate();
    let found = |line: &str| words.iter().find(|word| names(line, word)).copied();
    lines.filter_map(|(at, line)| found(line).map(|word| (at, format!("has {word}")))).collect()
}

/// Macros and methods that put texts together.
const BUILDERS: [&str; 6] = ["format!(", "write!(", "writeln!(", "push_str(", "concat!(", "join("];
/// How a statement begins, or goes on after a piece.
const SQL: [&str; 12] = [
    "SELECT ", "INSERT ", "UPDATE ", "DELETE ", "CREATE ", "DROP ", "ALTER ", "PRAGMA ", " WHERE ",
    " VALUES", " FROM ", " SET ",
];

/// Texts with SQL in them as an argument of something that builds texts.
fn built_sql(source: &Source) -> Vec<(usize, String)> {
    let mut breaches = Vec::new();
    for builder in BUILDERS {
        for (at, _) in source.text.match_indices(builder) {
            let behind = &source.text[at + builder.len()..];
            let Some(literal) = behind.split('"').nth(1) else { continue };
            // The literal must be the first argument, or the second after a destination.
            let before = behind.split('"').next().unwrap_or_default();
            let near = before.len() < 40 && !before.contains([';', ')', '{']);
            let words = SQL.iter().filter(|word| literal.contains(*word)).count();
            let starts = SQL[..8].iter().any(|word| literal.trim_start().starts_with(word));
            if near && (starts || words > 1) {
                let line = source.text[..at].matches('\n').count();
                breaches.push((line, format!("builds SQL with {builder}…)")));
            }
        }
    }
    breaches
}
