use super::*;
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::iter::from_fn;
use std::mem;

const SECOND: Duration = Duration::from_secs(1);

fn fired(timers: &mut TimerQueue<u32>) -> Vec<u32> {
    from_fn(|| timers.take_due().map(|(_, value)| value)).collect()
}

#[test]
fn deadlines_then_ids_give_the_order() {
    let start = Instant::now();
    let mut timers = TimerQueue::new();
    timers.add(1, start + 2 * SECOND, None, 10);
    timers.add(2, start + SECOND, None, 20);
    timers.add(3, start + SECOND, None, 30);
    timers.add(4, start + 5 * SECOND, None, 40);
    assert_eq!(timers.next_deadline(), Some(start + SECOND));
    timers.expire(start + 2 * SECOND);
    assert_eq!(fired(&mut timers), [20, 30, 10]);
    assert_eq!(timers.len(), 1);
}

#[test]
fn a_timer_is_not_early() {
    let start = Instant::now();
    let mut timers = TimerQueue::new();
    timers.add(1, start + SECOND, None, 1);
    timers.expire(start + SECOND - Duration::from_nanos(1));
    assert!(timers.take_due().is_none());
    timers.expire(start + SECOND);
    assert_eq!(fired(&mut timers), [1]);
}

#[test]
fn cancel_works_while_waiting_due_and_firing() {
    let start = Instant::now();
    let mut timers = TimerQueue::new();
    let waiting = timers.add(1, start + 9 * SECOND, None, 1);
    assert_eq!(timers.cancel(waiting), Some(1));
    assert_eq!(timers.next_deadline(), None);

    timers.add(2, start, None, 2);
    let due = timers.add(3, start, None, 3);
    timers.expire(start);
    assert_eq!(timers.take_due().map(|(_, value)| value), Some(2));
    assert_eq!(timers.cancel(due), Some(3));
    assert!(timers.take_due().is_none());

    timers.add(4, start, Some(SECOND), 4);
    timers.expire(start);
    let (firing, value) = timers.take_due().unwrap();
    assert_eq!(timers.cancel(firing), None);
    timers.put_back(firing, value, start);
    assert!(timers.is_empty());
}

#[test]
fn all_of_a_kind_are_cancelled_at_once() {
    let start = Instant::now();
    let mut timers = TimerQueue::new();
    for number in 0..6 {
        timers.add(number, start + SECOND * (number as u32 / 4), None, number as u32 % 2);
    }
    timers.expire(start);
    timers.cancel_all(|&value| value == 1);
    assert_eq!((timers.len(), fired(&mut timers)), (3, vec![0, 0]));
    timers.cancel_all(|&value| value == 0);
    assert_eq!((timers.len(), timers.next_deadline()), (0, None));
}

#[test]
fn cancel_is_harmless_after_the_end() {
    let start = Instant::now();
    let mut timers = TimerQueue::new();
    let id = timers.add(1, start, None, 1);
    timers.expire(start);
    assert_eq!(fired(&mut timers), [1]);
    assert_eq!(timers.cancel(id), None);
}

#[test]
fn timers_added_by_a_batch_wait_for_the_next() {
    let start = Instant::now();
    let mut timers = TimerQueue::new();
    timers.add(1, start, None, 1);
    timers.expire(start);
    timers.take_due().unwrap();
    timers.add(2, start - SECOND, None, 2);
    assert!(timers.take_due().is_none());
    timers.expire(start);
    assert_eq!(fired(&mut timers), [2]);
}

#[test]
fn repeating_timers_do_not_drift_and_skip_missed_beats() {
    let start = Instant::now();
    let mut timers = TimerQueue::new();
    timers.add(1, start + SECOND, Some(SECOND), 1);
    let fire = |timers: &mut TimerQueue<u32>, now: Instant| {
        timers.expire(now);
        let (id, value) = timers.take_due().unwrap();
        timers.put_back(id, value, now);
        timers.next_deadline().unwrap() - start
    };
    assert_eq!(fire(&mut timers, start + SECOND + SECOND / 3), 2 * SECOND);
    assert_eq!(fire(&mut timers, start + 2 * SECOND), 3 * SECOND);
    assert_eq!(fire(&mut timers, start + 7 * SECOND + SECOND / 2), 8 * SECOND);
}

#[test]
fn periods_of_zero_are_raised_to_the_minimum() {
    let start = Instant::now();
    let mut timers = TimerQueue::new();
    timers.add(1, start, Some(Duration::ZERO), 1);
    timers.expire(start);
    let (id, value) = timers.take_due().unwrap();
    timers.put_back(id, value, start);
    assert_eq!(timers.next_deadline(), Some(start + PERIOD_MIN));
}

#[test]
fn endless_delays_do_not_overflow() {
    let start = Instant::now();
    assert!(deadline_after(start, Duration::MAX) > start);
    let mut timers = TimerQueue::new();
    timers.add(1, start, Some(Duration::MAX), 1);
    timers.expire(start);
    let (id, value) = timers.take_due().unwrap();
    timers.put_back(id, value, start);
    assert!(timers.next_deadline() > Some(start));
}

#[test]
fn a_name_that_is_over_does_no_harm_to_the_next_timer_in_its_place() {
    let start = Instant::now();
    let mut timers = TimerQueue::new();
    let over = timers.add(1, start, None, 1);
    timers.cancel(over);
    let next = timers.add(2, start + SECOND, None, 2);
    assert_eq!(next.slot(), over.slot());
    assert_eq!(timers.cancel(over), None);
    // The order still has the first one, whose deadline has passed.
    timers.expire(start);
    assert!(timers.take_due().is_none());
    assert_eq!(timers.cancel(next), Some(2));
}

#[test]
fn cancelled_timers_do_not_pile_up() {
    let start = Instant::now();
    let mut timers = TimerQueue::new();
    timers.add(0, start, None, 0);
    for number in 1..10_000 {
        let id = timers.add(number, start + SECOND, None, 0);
        timers.cancel(id);
        assert!(timers.order.len() <= 2 + CANCELLED_MIN + 1);
    }
    assert_eq!(timers.len(), 1);
}

/// What happens to a queue; numbers are made to fit by taking them modulo what there is.
#[derive(Clone, Debug)]
enum Step {
    Add { after: u64 },
    Cancel { which: usize },
    Pass { time: u64 },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..50_u64).prop_map(|after| Step::Add { after }),
        3 => any::<usize>().prop_map(|which| Step::Cancel { which }),
        1 => (0..20_u64).prop_map(|time| Step::Pass { time }),
    ];
    vec(step, 0..400)
}

proptest! {
    #[test]
    fn the_queue_does_as_a_sorted_map(steps in steps()) {
        let mut now = Instant::now();
        let (mut timers, mut map, mut ids) = (TimerQueue::new(), BTreeMap::new(), Vec::new());
        for (number, step) in steps.into_iter().enumerate() {
            match step {
                Step::Add { after } => {
                    let deadline = now + Duration::from_millis(after);
                    ids.push((timers.add(number as u64, deadline, None, number), deadline));
                    map.insert((deadline, number), number);
                }
                Step::Cancel { which } if !ids.is_empty() => {
                    // Often one that has fired or was cancelled before.
                    let (id, deadline) = ids[which % ids.len()];
                    let expected = map.remove(&(deadline, id.number as usize));
                    prop_assert_eq!(timers.cancel(id), expected);
                }
                Step::Cancel { .. } => {}
                Step::Pass { time } => {
                    now += Duration::from_millis(time);
                    timers.expire(now);
                    let fired: Vec<_> = from_fn(|| Some(timers.take_due()?.1)).collect();
                    let later = map.split_off(&(now, usize::MAX));
                    let due: Vec<_> = mem::replace(&mut map, later).into_values().collect();
                    prop_assert_eq!(fired, due);
                }
            }
            prop_assert_eq!(timers.len(), map.len());
            prop_assert_eq!(timers.next_deadline(), map.keys().next().map(|key| key.0));
        }
    }
}
