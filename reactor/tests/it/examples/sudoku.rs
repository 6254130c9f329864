//! The sudoku server, with as many workers as a test wants.

#[path = "../../../examples/sudoku/main.rs"]
mod example;

use crate::support::{Running, read_exactly, read_to_end, serve, wait_until};
use crossbeam_channel::{Receiver, bounded};
use example::solver::solve;
use example::{Answer, Job, Sudoku, work};
use std::io::Write;
use std::net::Shutdown;
use std::thread;

const PUZZLE: &str =
    "530070000600195000098000060800060003400803001700020006060000280000419005000080079";
const SOLUTION: &str =
    "534678912672195348198342567859761423426853791713924856961537284287419635345286179";

/// A server on two loops, and what waits for a worker: at most `room` puzzles.
fn start(room: usize) -> (Running<Answer>, Receiver<Job>) {
    let (queue, jobs) = bounded(room);
    let running =
        serve(|builder| builder.threads(2), move |seat| Sudoku { seat, queue: queue.clone() });
    (running, jobs)
}

/// The lines that come until the server ends, sorted: workers do not keep the order.
fn rest(stream: &std::net::TcpStream) -> Vec<String> {
    let text = String::from_utf8(read_to_end(stream)).unwrap();
    let mut lines: Vec<_> = text.split_terminator("\r\n").map(str::to_owned).collect();
    lines.sort();
    lines
}

#[test]
fn all_that_was_asked_is_answered_before_the_end() {
    let (running, jobs) = start(100);
    for _ in 0..2 {
        let jobs = jobs.clone();
        thread::spawn(move || work(&jobs));
    }
    let twice = format!("11{}", &PUZZLE[2..]);
    // No value is left for the last cell of the first row.
    let stuck = format!("123456780{}9{}", "0".repeat(8), "0".repeat(63));
    for _ in 0..2 {
        let mut stream = running.connect();
        write!(stream, "{PUZZLE}\r\nb:{PUZZLE}\nc:d:{twice}\r\ne:{stuck}\r\n").unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let solved = format!("b:{SOLUTION}");
        assert_eq!(rest(&stream), [SOLUTION, &solved, "c:d:NoSolution", "e:NoSolution"]);
    }
}

#[test]
fn a_full_queue_is_told_at_once_and_does_not_hold_up_the_loop() {
    let (running, jobs) = start(1);
    let mut stream = running.connect();
    write!(stream, "a:{PUZZLE}\r\nb:{PUZZLE}\r\n").unwrap();
    assert_eq!(read_exactly(&stream, 17), b"b:ServerTooBusy\r\n");
    thread::spawn(move || work(&jobs));
    let solved = format!("a:{SOLUTION}\r\n");
    assert_eq!(read_exactly(&stream, solved.len()), solved.as_bytes());
}

#[test]
fn a_bad_request_ends_what_comes_after_it_alone() {
    let bad = [
        PUZZLE[1..].to_owned(),
        format!("0{PUZZLE}"),
        format!("{}x", &PUZZLE[1..]),
        format!("{}:{PUZZLE}", "i".repeat(64)),
        String::new(),
        "0".repeat(65_537),
    ];
    for bad in bad {
        let (running, jobs) = start(10);
        let mut stream = running.connect();
        write!(stream, "a:{PUZZLE}\r\n{bad}\r\nb:{PUZZLE}\r\n").unwrap();
        assert_eq!(read_exactly(&stream, 14), b"Bad Request!\r\n", "{bad}");
        thread::spawn(move || work(&jobs));
        assert_eq!(rest(&stream), [format!("a:{SOLUTION}")], "{bad}");
    }
}

#[test]
fn an_answer_to_somebody_who_has_gone_hurts_nobody() {
    let (running, jobs) = start(10);
    let mut gone = running.connect();
    write!(gone, "{PUZZLE}\r\n").unwrap();
    wait_until("it is asked", || jobs.len() == 1);
    crate::support::reset(gone);
    wait_until("it has gone", || running.server.connection_count() == 0);
    thread::spawn(move || work(&jobs));
    let [mut first, mut second] = [running.connect(), running.connect()];
    for stream in [&mut first, &mut second] {
        write!(stream, "{PUZZLE}\r\n").unwrap();
        assert_eq!(read_exactly(stream, 83), format!("{SOLUTION}\r\n").as_bytes());
    }
}

#[test]
fn a_puzzle_made_to_be_hard_is_given_up() {
    let digits =
        b"000005080000601043000000000010500000000106000300000005530000061000000004000000000";
    let mut cells = digits.map(|digit| digit - b'0');
    assert_eq!(solve(&mut cells, &mut 1000), None);
}
