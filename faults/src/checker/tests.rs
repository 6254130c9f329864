//! A good history passes; the same with one planted fault of each kind does not.

use super::*;
use crate::history::{Mark, Push, STORE, Style, Target, What};

const MILLISECOND: u64 = 1000;
const GROUP: i64 = 9;
/// Accounts have other numbers than clients.
const FIRST_ACCOUNT: i64 = 101;
const ORIGINAL: usize = 3;

/// Writes a history, one millisecond an event.
#[derive(Default)]
struct Script {
    events: Vec<Event>,
    now: u64,
    seqs: [u64; 4],
}

impl Script {
    fn add(&mut self, client: impl Into<Option<usize>>, what: What) -> &mut Self {
        self.now += MILLISECOND;
        self.events.push(Event { at: self.now, client: client.into(), what });
        self
    }

    fn open(&mut self, client: usize) -> &mut Self {
        self.seqs[client] = 0;
        self.add(client, What::Opened { entry: format!("node {}", client % 2 + 1) })
    }

    fn send(&mut self, client: usize, mid: &str, target: Target) -> &mut Self {
        let told = (client != ORIGINAL).then(|| mid.to_owned());
        self.add(client, What::Sent { mid: told, target, text: format!("{mid} text") })
    }

    fn push(&mut self, client: usize, sender: usize, mid: &str, target: Target) -> &mut Self {
        self.seqs[client] += 1;
        let mark =
            Mark { seq: self.seqs[client], sid: format!("sid of {mid}"), mid: mid.to_owned() };
        let mark = (client != ORIGINAL).then_some(mark);
        let from = account(sender);
        self.add(client, What::Pushed(Push { from, target, text: format!("{mid} text"), mark }))
    }

    fn answer(&mut self, client: usize, mid: &str, errno: i64) -> &mut Self {
        self.add(client, What::Answered { mid: mid.to_owned(), errno })
    }

    fn ping(&mut self, client: usize) -> &mut Self {
        self.add(client, What::Ping { micros: 300 })
    }

    fn fault(&mut self) -> &mut Self {
        let unreachable = vec!["node 1".to_owned()];
        self.add(None, What::FaultBegan { fault: "kill".to_owned(), unreachable, only: None });
        self.now += 200 * MILLISECOND;
        self.add(None, What::FaultEnded { fault: "kill".to_owned() })
    }
}

fn account(client: usize) -> i64 {
    FIRST_ACCOUNT + i64::try_from(client).unwrap()
}

fn user(client: usize) -> Target {
    Target::User(account(client))
}

/// Four clients, the last an original one; clients 0, 1 and 2 are in the group, 2 from later on.
fn calm() -> Script {
    let mut script = Script::default();
    for client in 0..4 {
        let style = if client == ORIGINAL { Style::Original } else { Style::Acknowledging };
        script.add(client, What::Registered { account: account(client), style }).open(client);
    }
    for client in 0..2 {
        script.add(client, What::Joining { group: GROUP });
        script.add(client, What::Joined { group: GROUP });
    }
    let group = Target::Group(GROUP);
    script.send(0, "a1", user(1)).send(0, "a2", user(1)).send(0, "g1", group);
    script.push(1, 0, "a1", user(1)).push(1, 0, "a2", user(1)).push(1, 0, "g1", group);
    script.answer(0, "a2", 0).answer(0, "a1", 0).answer(0, "g1", 0).ping(0).ping(1);
    script.add(2, What::Joining { group: GROUP }).add(2, What::Joined { group: GROUP });
    script.send(0, "g2", group).push(1, 0, "g2", group).push(2, 0, "g2", group);
    script.answer(0, "g2", 0);
    script.send(ORIGINAL, "o1", user(2)).push(2, ORIGINAL, "o1", user(2));
    script.send(2, "c1", user(ORIGINAL)).push(ORIGINAL, 2, "c1", user(ORIGINAL)).answer(2, "c1", 0);
    script.add(None, What::Echo { micros: 100 });
    script
}

/// The calm one, and after it a fault with a repeat and a refusal that was tried again.
fn stormy() -> Script {
    let mut script = calm();
    script.fault();
    script.add(1, What::Closed { why: "reset".to_owned() }).open(1);
    script.send(0, "b1", user(1)).push(1, 0, "b1", user(1)).answer(0, "b1", 107);
    script.send(0, "b1", user(1)).push(1, 0, "b1", user(1)).answer(0, "b1", 0);
    script.send(0, "b2", user(1)).push(1, 0, "b2", user(1)).answer(0, "b2", 0);
    script.add(None, What::LoadEnded);
    script
}

fn judge(script: &Script) -> Verdict {
    check(&script.events, Limits::default())
}

/// The kinds that are found after `change` was made to the stormy history.
fn planted(change: impl FnOnce(&mut Vec<Event>)) -> Vec<Kind> {
    let mut script = stormy();
    change(&mut script.events);
    let verdict = judge(&script);
    verdict.counts.into_keys().collect()
}

fn position(events: &[Event], matches: impl Fn(&What) -> bool) -> usize {
    events.iter().position(|event| matches(&event.what)).expect("it is in the history")
}

fn push_of(mid: &'static str) -> impl Fn(&What) -> bool {
    move |what| matches!(what, What::Pushed(Push { mark: Some(mark), .. }) if mark.mid == mid)
}

fn answer_of(mid: &'static str) -> impl Fn(&What) -> bool {
    move |what| matches!(what, What::Answered { mid: named, errno: 0 } if named == mid)
}

fn change_push(events: &mut [Event], mid: &'static str, change: impl FnOnce(&mut Push)) {
    let at = position(events, push_of(mid));
    if let What::Pushed(push) = &mut events[at].what {
        change(push);
    }
}

fn mark(push: &mut Push) -> &mut Mark {
    push.mark.as_mut().expect("an acknowledging client's push has one")
}

#[test]
fn good_histories_pass() {
    for script in [calm(), stormy()] {
        let verdict = judge(&script);
        assert!(verdict.is_good(), "{:#?}", verdict.violations);
    }
    let verdict = judge(&stormy());
    assert_eq!((verdict.sent, verdict.answered, verdict.received), (8, 7, 9));
    assert_eq!((verdict.ping, verdict.echo), (300, 100));
    let [calm, kill] = &verdict.rows[..] else { panic!("{:?}", verdict.rows) };
    assert_eq!((&calm.fault[..], calm.times, calm.answered, calm.repeated), ("no fault", 1, 5, 0));
    assert_eq!((&kill.fault[..], kill.times, kill.answered, kill.repeated), ("kill", 1, 2, 1));
    assert_eq!(kill.recovery, 8 * MILLISECOND);
    assert!(kill.silence > 200 * MILLISECOND);
}

#[test]
fn lost() {
    let drop = |mid| {
        move |events: &mut Vec<Event>| {
            // The last push of a connection, so that its numbers have no gap.
            let at = events.iter().rposition(|event| push_of(mid)(&event.what)).unwrap();
            events.remove(at);
        }
    };
    assert_eq!(planted(drop("b2")), [Kind::Lost]);
    assert_eq!(planted(drop("g2")), [Kind::Lost, Kind::Misnumbered]);
}

#[test]
fn lost_by_an_original_client_is_lost_without_a_fault_only() {
    let without = |mut script: Script| {
        let is_it = |what: &What| matches!(what, What::Pushed(Push { mark: None, .. }));
        let at = position(&script.events, is_it);
        script.events.remove(at);
        judge(&script).counts.into_keys().collect::<Vec<_>>()
    };
    assert_eq!(without(calm()), [Kind::Lost]);
    assert_eq!(without(stormy()), []);
}

#[test]
fn phantoms() {
    assert_eq!(
        planted(|events| change_push(events, "g1", |push| push.from += 1)),
        [Kind::Lost, Kind::Phantom]
    );
    let renamed = planted(|events| change_push(events, "g1", |push| mark(push).mid.push('x')));
    assert_eq!(renamed, [Kind::Lost, Kind::Phantom]);
    let invented = planted(|events| {
        change_push(events, "g1", |push| {
            mark(push).mid.push('x');
            push.text.push('x');
        });
    });
    assert_eq!(invented, [Kind::Lost, Kind::Phantom]);
}

#[test]
fn one_changed_byte() {
    let altered = planted(|events| change_push(events, "b2", |push| push.text.push('\0')));
    assert_eq!(altered, [Kind::Altered]);
    let aimed = planted(|events| change_push(events, "b2", |push| push.target = user(2)));
    assert_eq!(aimed, [Kind::Altered]);
}

#[test]
fn delivered_to_another_account() {
    let stolen = |client, mid| {
        move |events: &mut Vec<Event>| {
            let at = position(events, push_of(mid));
            let mut event = events[at].clone();
            event.client = Some(client);
            let What::Pushed(push) = &mut event.what else { panic!() };
            mark(push).seq = 1;
            // Before anything else came to the thief.
            events.insert(
                at + 1,
                Event {
                    client: Some(client),
                    what: What::Opened { entry: "node 1".into() },
                    ..event.clone()
                },
            );
            events.insert(at + 2, event);
            let again = Event {
                at: events[at].at,
                client: Some(client),
                what: What::Opened { entry: "node 1".into() },
            };
            events.insert(at + 3, again);
        }
    };
    assert_eq!(planted(stolen(2, "a1")), [Kind::Misdelivered]);
    assert_eq!(planted(stolen(2, "g1")), [Kind::Misdelivered], "it joined later");
    assert_eq!(planted(stolen(0, "g1")), [Kind::Misdelivered], "its own");
}

#[test]
fn overtaken() {
    let swapped = planted(|events| {
        let (one, other) = (position(events, push_of("a1")), position(events, push_of("a2")));
        let seqs = [1, 2];
        events.swap(one, other);
        for (at, seq) in [one, other].into_iter().zip(seqs) {
            if let What::Pushed(push) = &mut events[at].what {
                mark(push).seq = seq;
            }
        }
    });
    assert_eq!(swapped, [Kind::Disordered]);
}

#[test]
fn order_begins_when_a_member_has_joined() {
    let group = Target::Group(GROUP);
    let get = |mids: [&str; 2]| {
        let mut script = calm();
        script.fault();
        // Refused since somebody could not be reached, and sent again after the new one joined.
        script.send(1, "h1", group).push(0, 1, "h1", group).push(2, 1, "h1", group);
        script.answer(1, "h1", 107);
        script.add(ORIGINAL, What::Joining { group: GROUP });
        script.add(ORIGINAL, What::Joined { group: GROUP });
        for mid in ["h2", "h3"] {
            script.send(1, mid, group).push(0, 1, mid, group).push(2, 1, mid, group);
        }
        for mid in mids {
            script.push(ORIGINAL, 1, mid, group);
        }
        script.send(1, "h1", group).push(ORIGINAL, 1, "h1", group);
        for mid in ["h1", "h2", "h3"] {
            script.answer(1, mid, 0);
        }
        judge(&script).counts.into_keys().collect::<Vec<_>>()
    };
    assert_eq!(get(["h2", "h3"]), []);
    assert_eq!(get(["h3", "h2"]), [Kind::Disordered]);
}

#[test]
fn wrong_numbers() {
    let numbered = planted(|events| change_push(events, "b2", |push| mark(push).seq += 1));
    assert_eq!(numbered, [Kind::Misnumbered]);
    let from_zero = planted(|events| {
        let at = position(events, |what| matches!(what, What::Closed { .. }));
        // It opens again without a new numbering.
        events.remove(at + 1);
    });
    assert_eq!(from_zero, [Kind::Misnumbered]);
}

#[test]
fn one_sid_for_two_messages_or_two_for_one() {
    let shared = planted(|events| {
        change_push(events, "b2", |push| mark(push).sid = "sid of b1".to_owned());
    });
    assert_eq!(shared, [Kind::Misnamed]);
    let mut script = calm();
    let other = |push: &mut Push| mark(push).sid.push('x');
    // Of the two members who got it, one.
    change_push(&mut script.events, "g2", other);
    assert_eq!(judge(&script).counts.into_keys().collect::<Vec<_>>(), [Kind::Misnamed]);
}

#[test]
fn repeated_without_a_fault() {
    let mut script = calm();
    script.push(1, 0, "a1", user(1));
    assert_eq!(judge(&script).counts.into_keys().collect::<Vec<_>>(), [Kind::Repeated]);
}

#[test]
fn late_for_somebody_who_was_there() {
    // Its last answer, its push, and what comes between.
    let late = |between: &[(Option<usize>, What)]| {
        planted(|events| {
            events.retain(|event| event.what != What::LoadEnded);
            let at = events.iter().rposition(|event| push_of("b2")(&event.what)).unwrap();
            let mut push = events.remove(at);
            let begin = events.last().unwrap().at;
            push.at = begin + 5_001 * MILLISECOND;
            for (after, (client, what)) in (1..).zip(between) {
                let at = begin + after * MILLISECOND;
                events.push(Event { at, client: *client, what: what.clone() });
            }
            events.push(push);
        })
    };
    let fault = |name: &str| {
        let unreachable = vec![name.to_owned()];
        let ended = What::FaultEnded { fault: "it".to_owned() };
        [
            (None, What::FaultBegan { fault: "it".to_owned(), unreachable, only: None }),
            (None, ended),
        ]
    };
    assert_eq!(late(&[]), [Kind::Late]);
    assert_eq!(late(&[(Some(0), What::StoodStill)]), [Kind::Late], "the sender");
    assert_eq!(late(&[(Some(1), What::StoodStill)]), []);
    assert_eq!(late(&fault(STORE)), []);
    assert_eq!(late(&fault("node 1")), [Kind::Late]);
}

#[test]
fn never_answered() {
    let silent = planted(|events| {
        let at = position(events, answer_of("b2"));
        events.remove(at);
    });
    assert_eq!(silent, [Kind::Unanswered]);
    let refused = planted(|events| {
        let at = position(events, answer_of("b2"));
        events[at].what = What::Answered { mid: "b2".to_owned(), errno: 107 };
    });
    assert_eq!(refused, [Kind::Unanswered]);
}

#[test]
fn errors_that_nobody_has_earned() {
    let forbidden = planted(|events| {
        let at = position(events, answer_of("b2"));
        let what = What::Answered { mid: "b2".to_owned(), errno: 102 };
        events.insert(at, Event { what, ..events[at].clone() });
    });
    assert_eq!(forbidden, [Kind::Refused]);
    let told = planted(|events| {
        let what = What::Refused { answer: "{}".to_owned() };
        events.push(Event { at: events.last().unwrap().at, client: Some(0), what });
    });
    assert_eq!(told, [Kind::Refused]);
    let unknown = planted(|events| {
        let what = What::Answered { mid: "never".to_owned(), errno: 0 };
        events.push(Event { at: events.last().unwrap().at, client: Some(0), what });
    });
    assert_eq!(unknown, [Kind::Refused]);
}

#[test]
fn slow_pings_unless_nobody_could_answer() {
    let slow = |at_fault: bool, entry: &'static str| {
        planted(move |events| {
            let fault = position(events, |what| matches!(what, What::FaultEnded { .. }));
            let after = events.last().unwrap().at + 100 * MILLISECOND;
            let at = if at_fault { events[fault].at } else { after };
            let place = if at_fault { fault + 1 } else { events.len() };
            let opened = What::Opened { entry: entry.to_owned() };
            let ping = What::Ping { micros: 51_000 };
            events.insert(place, Event { at, client: Some(2), what: opened });
            events.insert(place + 1, Event { at, client: Some(2), what: ping });
        })
    };
    assert_eq!(slow(false, "node 1"), [Kind::SlowPings]);
    assert_eq!(slow(true, "node 2"), [Kind::SlowPings]);
    assert_eq!(slow(true, "node 1"), []);
}

#[test]
fn cut_off_while_another_node_was_ended() {
    let interrupted = |node: &str, what: What| {
        planted(|events| {
            let began = position(events, |what| matches!(what, What::FaultBegan { .. }));
            if let What::FaultBegan { only, .. } = &mut events[began].what {
                *only = Some(node.to_owned());
            }
            // It is at node 2.
            events.insert(began + 1, Event { at: events[began].at, client: Some(1), what });
        })
    };
    let closed = || What::Closed { why: "reset".to_owned() };
    assert_eq!(interrupted("node 1", closed()), [Kind::CutOff]);
    assert_eq!(interrupted("node 2", closed()), []);
    assert_eq!(interrupted("node 1", What::Left), []);
}

#[test]
fn service_that_comes_back_late() {
    let late = planted(|events| {
        let at = position(events, |what| matches!(what, What::FaultEnded { .. }));
        for event in &mut events[at + 1..] {
            event.at += 5_001 * MILLISECOND;
        }
    });
    assert_eq!(late, [Kind::SlowRecovery]);
    // Back for the clients of one node only.
    let alone = planted(|events| {
        let at = position(events, |what| matches!(what, What::FaultEnded { .. }));
        let what = What::Opened { entry: "node 1".to_owned() };
        events.insert(at + 3, Event { at: events[at].at, client: Some(1), what });
        for event in &mut events[at + 4..] {
            event.at += 5_001 * MILLISECOND;
        }
    });
    assert_eq!(alone, [Kind::SlowRecovery]);
}
