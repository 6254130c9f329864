use super::*;
use crate::storage::RowId;

const ALL: Limits = Limits { writes: 99, bytes: 0 };
const ANN: UserId = UserId(1);
const BOB: UserId = UserId(2);

fn remove(recipient: UserId, rows: usize) -> Write {
    Write::Remove { recipient, rows: vec![RowId(1); rows] }
}

fn barrier(user: UserId) -> Write {
    Write::UserBarrier { user }
}

/// A backlog of these, tagged 0, 1 and so on.
fn backlog_of(limits: Limits, writes: impl IntoIterator<Item = Write>) -> Backlog<usize> {
    let mut backlog = Backlog::new(limits);
    writes.into_iter().enumerate().for_each(|it| backlog.push(it));
    backlog
}

fn tags(backlog: &mut Backlog<usize>) -> Vec<usize> {
    backlog.take().into_iter().map(|(tag, _)| tag).collect()
}

#[test]
fn others_go_before_removals_but_not_before_those_of_their_user() {
    let writes = [remove(ANN, 1), remove(BOB, 1), remove(ANN, 1), barrier(ANN), remove(ANN, 1)];
    let mut backlog = backlog_of(ALL, writes);
    assert_eq!(backlog.len(), 5);
    assert_eq!(tags(&mut backlog), [0, 2, 3, 1, 4]);
    assert_eq!((backlog.len(), backlog.rows_waiting, backlog.own.len()), (0, 0, 0));
    assert!(tags(&mut backlog).is_empty());
}

#[test]
fn a_barrier_waits_for_all_before_it() {
    let many = ROWS_AT_ONCE;
    let writes =
        [remove(ANN, many), remove(BOB, many), Write::Barrier, barrier(ANN), remove(ANN, 1)];
    let mut backlog = backlog_of(ALL, writes);
    // Those that go with other writes, and as many by themselves.
    assert_eq!(tags(&mut backlog), [0, 1]);
    assert_eq!(tags(&mut backlog), [2, 3, 4]);
}

#[test]
fn removals_go_on_while_there_are_always_other_writes() {
    let mut backlog = backlog_of(Limits { writes: 1, ..ALL }, [remove(BOB, 1), barrier(ANN)]);
    let mut tags = Vec::new();
    for round in 0..100 {
        backlog.push((2 * round + 10, remove(ANN, 1)));
        backlog.push((2 * round + 11, barrier(ANN)));
        tags.extend(backlog.take().into_iter().map(|(tag, _)| tag));
        assert!(backlog.removals.len() < 5, "{}", backlog.removals.len());
    }
    assert!(tags.contains(&0));
}

#[test]
fn many_small_removals_are_too_much_as_well() {
    let removals = (0..=REMOVALS_BEHIND).map(|_| remove(BOB, 1));
    let mut backlog = backlog_of(ALL, removals.chain([barrier(ANN)]));
    assert!(tags(&mut backlog).into_iter().eq(0..2 * ROWS_AT_ONCE));
    assert_eq!(tags(&mut backlog)[0], REMOVALS_BEHIND + 1);
}

#[test]
fn a_removal_never_goes_before_what_came_before_it() {
    let mut backlog = backlog_of(
        Limits { writes: 2, ..ALL },
        [barrier(BOB), barrier(BOB), barrier(ANN), remove(ANN, 1), remove(BOB, 1)],
    );
    assert_eq!(tags(&mut backlog), [0, 1]);
    assert_eq!(tags(&mut backlog), [2, 3, 4]);
}

#[test]
fn rows_of_a_commit_are_bounded_and_the_rest_waits_for_others() {
    let mut backlog = backlog_of(ALL, [remove(ANN, ROWS_AT_ONCE), remove(BOB, 1)]);
    assert_eq!(tags(&mut backlog), [0]);
    backlog.push((7, barrier(ANN)));
    assert_eq!(tags(&mut backlog), [7, 1]);
}

#[test]
fn too_much_behind_all_keep_their_order() {
    let pages = ROWS_BEHIND / ROWS_AT_ONCE + 1;
    let removals = (0..pages).map(|_| remove(BOB, ROWS_AT_ONCE));
    let mut backlog = backlog_of(ALL, removals.chain([barrier(ANN), barrier(BOB)]));
    assert_eq!(tags(&mut backlog), [0, 1], "it was more than may be behind");
    assert_eq!(tags(&mut backlog), [pages, 2, 3]);
    for page in (4..pages - 1).step_by(2) {
        assert_eq!(tags(&mut backlog), [page, page + 1]);
    }
    assert_eq!(tags(&mut backlog), [pages - 1, pages + 1], "what is Bob's goes before his barrier");
}

/// Of any sequence every write comes out once, and only what may overtake does.
#[test]
fn order_is_kept_where_it_must_be() {
    let mut random = fastrand::Rng::with_seed(7);
    for round in 0..200 {
        let mut backlog = Backlog::new(Limits { writes: 1 + round % 7, bytes: 0 });
        let (mut came, mut went): (Vec<Write>, Vec<usize>) = (Vec::new(), Vec::new());
        while came.len() < 200 || backlog.len() > 0 {
            if came.len() < 200 && random.u8(..4) > 0 {
                let user = UserId(random.i64(1..4));
                let write = match random.u8(..8) {
                    0 => Write::Barrier,
                    1 | 2 => barrier(user),
                    3 => Write::AddFriend { user, friend: user },
                    _ => remove(user, random.usize(..2 * ROWS_AT_ONCE)),
                };
                backlog.push((came.len(), write.clone()));
                came.push(write);
            } else {
                went.extend(tags(&mut backlog));
            }
        }
        let place: HashMap<usize, usize> = went.iter().copied().zip(0..).collect();
        assert_eq!((went.len(), place.len()), (200, 200));
        for (later, write) in came.iter().enumerate() {
            for (earlier, before) in came[..later].iter().enumerate() {
                let may_overtake = match (before, write) {
                    (Write::Remove { recipient: one, .. }, Write::Remove { recipient, .. }) => {
                        one != recipient
                    }
                    (_, Write::Remove { .. } | Write::Barrier) => false,
                    (Write::Remove { recipient, .. }, _) => write.queue() != Some(*recipient),
                    _ => false,
                };
                assert!(may_overtake || place[&earlier] < place[&later], "{earlier} {later}");
            }
        }
    }
}
