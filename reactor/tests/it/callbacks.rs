//! What callbacks do to their own connection and to others, in each of them.

use crate::puppet::{MOMENTS, Moment, RESET};
use crate::stage::{Actor, Stage, TOO_MUCH};
use crate::support::{read_exactly, reset, wait_until};
use reactor::{CloseReason, ConnectionId, SendStatus};
use std::io::Write;
use std::sync::{Arc, Mutex};

/// What the log says of one connection.
fn story(log: &[(ConnectionId, Moment)], id: ConnectionId) -> Vec<Moment> {
    log.iter().filter(|(of, _)| *of == id).map(|(_, moment)| *moment).collect()
}

fn is_end(moment: &Moment) -> bool {
    matches!(moment, Moment::Closed(_))
}

#[test]
fn a_connection_closed_in_its_own_callback_is_told_so_once_and_nothing_else() {
    for moment in MOMENTS {
        let stage = Stage::new(move |reached, connection| {
            if reached == moment {
                connection.force_close();
                assert_eq!(connection.send(b"x"), SendStatus::Closed);
                connection.force_close();
                connection.shutdown();
            }
        });
        let actor = stage.enter();
        let id = actor.id;
        let _open = stage.bring(vec![actor], moment);
        wait_until("it is gone", || stage.running.server.connection_count() == 0);
        let story = story(&stage.log(), id);
        let end = if moment == RESET { RESET } else { Moment::Closed(CloseReason::Closed) };
        assert_eq!(story.last(), Some(&end), "{moment:?}");
        assert_eq!(story.iter().filter(|moment| is_end(moment)).count(), 1, "{moment:?}");
        assert_eq!(stage.running.service_loop().stats().panics, 0, "{moment:?}");
    }
}

#[test]
fn neighbours_closed_in_a_callback_hear_nothing_more_in_that_batch() {
    for moment in MOMENTS {
        let stage = Stage::new(move |reached, connection| {
            let own = connection.id();
            let mut connections = connection.connections();
            if reached == moment && connections.len() > 1 {
                for id in connections.ids() {
                    if id != own {
                        connections.get(id).unwrap().force_close();
                    }
                }
            }
        });
        let actors: Vec<Actor> = (0..3).map(|_| stage.enter()).collect();
        let ids: Vec<_> = actors.iter().map(|actor| actor.id).collect();
        let _open = stage.bring(actors, moment);
        let left = usize::from(moment != RESET);
        wait_until("one is left", || stage.running.server.connection_count() == left);
        let log = stage.log();
        assert_eq!(log.iter().filter(|(_, moment)| is_end(moment)).count(), 3 - left, "{log:?}");
        for id in ids {
            let story = story(&log, id);
            let end = story.iter().position(is_end);
            assert!(end.is_none_or(|end| end + 1 == story.len()), "{moment:?}: {story:?}");
            if story.last() == Some(&Moment::Closed(CloseReason::Closed)) {
                let early = moment == Moment::Connected || !story.contains(&moment);
                assert!(early, "{moment:?} came to one that was closed");
            }
        }
    }
}

#[test]
fn what_a_callback_sends_comes_behind_what_was_sent_before() {
    for moment in MOMENTS {
        let statuses = Arc::<Mutex<Vec<SendStatus>>>::default();
        let told = statuses.clone();
        let stage = Stage::new(move |reached, connection| {
            let mut statuses = told.lock().unwrap();
            // What it sends may bring it here again.
            if reached == moment && statuses.is_empty() {
                statuses.push(connection.send(b"again"));
            }
        });
        let actors = stage.bring(vec![stage.enter()], moment);
        let before = match moment {
            Moment::HighWater => TOO_MUCH,
            Moment::WriteComplete => 1,
            _ => 0,
        };
        for actor in &actors {
            assert!(read_exactly(&actor.stream, before + 5).ends_with(b"again"), "{moment:?}");
        }
        let status = if moment == RESET { SendStatus::Closed } else { SendStatus::Queued };
        wait_until("it has sent", || *statuses.lock().unwrap() == [status]);
    }
}

#[test]
fn a_send_that_finds_another_connection_broken_closes_it_after_the_callback() {
    let victim = Arc::<Mutex<Option<ConnectionId>>>::default();
    let known = victim.clone();
    let stage = Stage::new(move |reached, connection| {
        let victim = *known.lock().unwrap();
        if let (Moment::Message, Some(victim)) = (reached, victim) {
            let mut connections = connection.connections();
            let mut victim_connection = connections.get(victim).unwrap();
            // Large enough to be written at once.
            assert_eq!(victim_connection.send(&[0; 8192]), SendStatus::Closed);
            assert!(connections.get(victim).is_none());
            connection.send(b"still here");
        }
    });
    let (sender, broken) = (stage.enter(), stage.enter());
    *victim.lock().unwrap() = Some(broken.id);
    stage.while_held(|| {
        // The kernel tells of the first one first.
        (&sender.stream).write_all(b"x").unwrap();
        reset(broken.stream);
    });
    assert_eq!(read_exactly(&sender.stream, 10), b"still here");
    let log = stage.log();
    let ends: Vec<_> = story(&log, broken.id).into_iter().filter(is_end).collect();
    let told = log.iter().position(|(_, moment)| is_end(moment));
    assert_eq!(ends.len(), 1, "{log:?}");
    assert!(matches!(ends[0], Moment::Closed(CloseReason::Error(_))), "{log:?}");
    assert!(told > log.iter().position(|(_, moment)| *moment == Moment::Message));
    assert_eq!(stage.running.service_loop().stats().panics, 0);
}
