use super::*;
use std::net::SocketAddr;
use std::time::Duration;

const FIRST: Duration = Duration::from_millis(500);
const MAX: Duration = Duration::from_secs(30);

fn address(port: u16) -> Address {
    SocketAddr::from(([127, 0, 0, 1], port)).into()
}

fn schedule(addresses: u16) -> ConnectSchedule {
    let addresses = (1..=addresses).map(address).collect();
    ConnectSchedule::new(addresses, u32::MAX, Backoff::new(FIRST, MAX))
}

/// Fails the attempt at `now`; returns the wait until the next and the port that it is for.
fn fail(schedule: &mut ConnectSchedule, now: Instant) -> (Duration, u16) {
    let next = schedule.fail(now, Obstacle::Address, 1.0).unwrap();
    (next - now, schedule.address().socket_addr().unwrap().port())
}

#[test]
fn addresses_are_tried_in_turn_with_a_pause_after_each_round() {
    let (mut schedule, now) = (schedule(3), Instant::now());
    assert_eq!(schedule.address().socket_addr().unwrap().port(), 1);
    for pause in [FIRST, FIRST * 2, FIRST * 4] {
        assert_eq!(fail(&mut schedule, now), (Duration::ZERO, 2));
        assert_eq!(fail(&mut schedule, now), (Duration::ZERO, 3));
        assert_eq!(fail(&mut schedule, now), (pause, 1));
    }
    assert_eq!(schedule.attempts(), 9);
}

#[test]
fn a_shortage_pauses_and_keeps_the_address() {
    let (mut schedule, now) = (schedule(2), Instant::now());
    assert_eq!(schedule.fail(now, Obstacle::Shortage, 1.0), Some(now + FIRST));
    assert_eq!(schedule.address().socket_addr().unwrap().port(), 1);
    assert_eq!(schedule.fail(now, Obstacle::Shortage, 1.0), Some(now + FIRST * 2));
    assert_eq!(fail(&mut schedule, now), (Duration::ZERO, 2), "a new round");
}

#[test]
fn attempts_are_bounded_and_counted_anew_after_a_restart() {
    let backoff = Backoff::new(FIRST, MAX);
    let mut schedule = ConnectSchedule::new(vec![address(1), address(2)], 3, backoff);
    let now = Instant::now();
    for _ in 0..2 {
        fail(&mut schedule, now);
        assert!(schedule.fail(now, Obstacle::Address, 1.0).is_some());
        assert_eq!(schedule.fail(now, Obstacle::Address, 1.0), None);
        assert_eq!(schedule.attempts(), 3);
        schedule.restart();
        assert_eq!((schedule.attempts(), schedule.address().socket_addr().unwrap().port()), (0, 1));
    }
}

#[test]
fn after_a_lasting_connection_it_begins_with_the_first_address_and_delay() {
    let (mut schedule, now) = (schedule(2), Instant::now());
    for _ in 0..5 {
        fail(&mut schedule, now);
    }
    assert_eq!(schedule.address().socket_addr().unwrap().port(), 2);
    schedule.establish(now);
    let later = now + MAX;
    assert_eq!(schedule.lose(later, 1.0), later + FIRST);
    assert_eq!((schedule.address().socket_addr().unwrap().port(), schedule.attempts()), (1, 0));
}

#[test]
fn after_short_connections_delays_grow_and_addresses_rotate() {
    let (mut schedule, mut now) = (schedule(2), Instant::now());
    for (pause, port) in [(FIRST, 2), (FIRST * 2, 1), (FIRST * 4, 2)] {
        schedule.establish(now);
        let lost = now + Duration::from_millis(1);
        now = schedule.lose(lost, 1.0);
        assert_eq!((now - lost, schedule.address().socket_addr().unwrap().port()), (pause, port));
    }
    schedule.restart();
    schedule.establish(now);
    assert_eq!(schedule.lose(now, 0.0), now + FIRST / 2, "the first delay, with all its jitter");
}

#[test]
fn new_addresses_begin_a_round_and_none_change_nothing() {
    let (mut schedule, now) = (schedule(2), Instant::now());
    fail(&mut schedule, now);
    schedule.set_addresses(Vec::new());
    assert_eq!(schedule.address().socket_addr().unwrap().port(), 2);
    schedule.set_addresses(vec![address(7), address(8), address(9)]);
    assert_eq!(schedule.address().socket_addr().unwrap().port(), 7);
    assert_eq!(fail(&mut schedule, now), (Duration::ZERO, 8));
    assert_eq!(fail(&mut schedule, now), (Duration::ZERO, 9));
    assert_eq!(fail(&mut schedule, now), (FIRST, 7));
}
