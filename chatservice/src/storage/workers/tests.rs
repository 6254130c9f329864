use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use chatproto::{ChatObject, GroupId, UserId};
use crossbeam_channel::{Receiver, Sender, unbounded};

use super::*;
use crate::message::{Audience, Message, Sid};
use crate::storage::memory::MemoryStore;
use crate::storage::{
    Arrival, Credentials, PageLimit, Profile, Row, RowId, StoreError, StoreLimits,
};

const LIMITS: StoreLimits =
    StoreLimits { friends_max: 9, groups_max: 9, members_max: 9, rows_max: 10_000 };
/// Long enough for the slowest machine; a test that waits so long has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// Works when the test lets it: each commit says how many writes it has, then waits for what it
/// shall do.
struct GatedStore {
    inner: MemoryStore,
    entered: Sender<usize>,
    gate: Receiver<Gate>,
}

enum Gate {
    Work,
    Fail,
    Panic,
}

impl Store for GatedStore {
    fn credentials(&self, user: UserId) -> Result<Option<Credentials>, StoreError> {
        assert_ne!(user, UserId(-1), "the test wants a panic");
        self.inner.credentials(user)
    }

    fn profile(&self, user: UserId, members_max: usize) -> Result<Profile, StoreError> {
        self.inner.profile(user, members_max)
    }

    fn members(&self, group: GroupId) -> Result<Option<Vec<UserId>>, StoreError> {
        self.inner.members(group)
    }

    fn rows(
        &self,
        recipient: UserId,
        after: RowId,
        limit: PageLimit,
    ) -> Result<Vec<Row>, StoreError> {
        self.inner.rows(recipient, after, limit)
    }

    fn arrivals(&self, after: RowId, limit: usize) -> Result<Vec<Arrival>, StoreError> {
        self.inner.arrivals(after, limit)
    }

    fn newest_row(&self) -> Result<RowId, StoreError> {
        self.inner.newest_row()
    }

    fn commit(&self, writes: &[Write]) -> Result<Vec<Outcome>, StoreError> {
        self.entered.send(writes.len()).unwrap();
        match self.gate.recv_timeout(PATIENCE).unwrap() {
            Gate::Work => self.inner.commit(writes),
            Gate::Fail => Err(StoreError::Unavailable("the disk is full".into())),
            Gate::Panic => panic!("the test wants a panic"),
        }
    }
}

type Answers = Receiver<Vec<(usize, Answer)>>;

fn start(store: impl Store + 'static, options: Options) -> (Workers<usize>, Answers) {
    let (sender, answers) = unbounded();
    // A test may end with answers on their way.
    let deliver: Deliver<usize> = Arc::new(move |batch| drop(sender.send(batch)));
    let hasher = PasswordHasher::new(8).unwrap();
    (Workers::start(Arc::new(store), hasher, options, deliver).unwrap(), answers)
}

/// The workers on a gated store, and the two ends of its gate.
fn start_gated(options: Options) -> (Workers<usize>, Answers, Receiver<usize>, Sender<Gate>) {
    let ((entered_in, entered), (open, gate)) = (unbounded(), unbounded());
    let store = GatedStore { inner: MemoryStore::new(LIMITS), entered: entered_in, gate };
    let (workers, answers) = start(store, options);
    (workers, answers, entered, open)
}

fn submit(workers: &Workers<usize>, tag: usize, request: Request) {
    assert!(workers.submit(tag, request).is_ok(), "request {tag} was refused");
}

fn registration(n: usize) -> Request {
    Request::Write(Write::Register { name: format!("user {n}"), password: "hash".into() })
}

fn one(answers: &Answers) -> (usize, Answer) {
    let mut batch = answers.recv_timeout(PATIENCE).unwrap();
    assert_eq!(batch.len(), 1);
    batch.remove(0)
}

fn registered(answer: &Answer) -> Option<i64> {
    match answer {
        Answer::Written(Ok(Outcome::Registered(id))) => Some(id.0),
        _ => None,
    }
}

fn is_unavailable(answer: &Answer) -> bool {
    matches!(answer, Answer::Written(Err(StoreError::Unavailable(_))))
}

#[test]
fn every_kind_of_request_is_answered_in_kind() {
    let (workers, answers) = start(MemoryStore::new(LIMITS), Options::default());
    let user = UserId(1);
    submit(&workers, 1, registration(1));
    assert_eq!(registered(&one(&answers).1), Some(1));
    submit(&workers, 2, Request::Credentials(user));
    assert!(matches!(one(&answers), (2, Answer::Credentials(Ok(Some(_))))));
    submit(&workers, 3, Request::Profile { user, members_max: 1 });
    assert!(matches!(one(&answers), (3, Answer::Profile(Ok(_)))));
    submit(&workers, 9, Request::Resume { user, token: [0; 32], members_max: 1 });
    assert!(matches!(one(&answers), (9, Answer::Resumed(Ok(None)))));
    submit(&workers, 4, Request::Members(GroupId(1)));
    assert!(matches!(one(&answers), (4, Answer::Members(Ok(None)))));
    submit(
        &workers,
        5,
        Request::Rows { recipient: user, after: RowId(0), limit: PageLimit::rows(1) },
    );
    assert!(matches!(one(&answers), (5, Answer::Rows(Ok(rows))) if rows.is_empty()));
    submit(&workers, 9, Request::Arrivals { after: RowId(0), limit: 1 });
    assert!(matches!(one(&answers), (9, Answer::Arrivals(Ok(rows))) if rows.is_empty()));
    submit(&workers, 10, Request::NewestRow);
    assert!(matches!(one(&answers), (10, Answer::NewestRow(Ok(RowId(0))))));
    submit(&workers, 6, Request::Hash { password: "secret".into() });
    let (6, Answer::Hashed(Ok(hash))) = one(&answers) else { panic!("no hash") };
    for (tag, password, right) in [(7, "secret", true), (8, "wrong", false)] {
        let verify = Request::Verify { password: password.into(), hash: Some(hash.clone()) };
        submit(&workers, tag, verify);
        assert!(matches!(one(&answers), (t, Answer::Verified(yes)) if t == tag && yes == right));
    }
    assert_eq!(workers.metrics().queued(), 0);
}

#[test]
fn what_waits_is_committed_together_in_order() {
    let (workers, answers, entered, gate) = start_gated(Options::default());
    submit(&workers, 0, registration(0));
    assert_eq!(entered.recv_timeout(PATIENCE), Ok(1), "a lone write waits for nothing");
    for n in 1..=100 {
        submit(&workers, n, registration(n));
    }
    gate.send(Gate::Work).unwrap();
    assert_eq!(one(&answers).0, 0);
    assert_eq!(entered.recv_timeout(PATIENCE), Ok(100));
    gate.send(Gate::Work).unwrap();
    let batch = answers.recv_timeout(PATIENCE).unwrap();
    for (n, (tag, answer)) in (1..).zip(&batch) {
        assert_eq!((*tag, registered(answer)), (n, Some(n as i64 + 1)));
    }
    assert_eq!(batch.len(), 100);
    assert_eq!((workers.metrics().commits(), workers.metrics().writes()), (2, 101));
    assert!(workers.metrics().slowest_commit() < PATIENCE);
}

#[test]
fn a_users_barrier_waits_for_what_is_under_way_of_that_user_alone() {
    let (workers, answers, entered, gate) = start_gated(Options::default());
    let barrier = |user| Request::Write(Write::UserBarrier { user: UserId(user) });
    submit(&workers, 0, Request::Write(Write::SetToken { user: UserId(1), token: None }));
    entered.recv_timeout(PATIENCE).unwrap();
    submit(&workers, 1, barrier(1));
    submit(&workers, 2, barrier(2));
    let is_passed = |answer: &Answer| matches!(answer, Answer::Written(Ok(Outcome::Done)));
    assert!(matches!(one(&answers), (2, answer) if is_passed(&answer)));
    gate.send(Gate::Fail).unwrap();
    assert_eq!(one(&answers).0, 0);
    assert_eq!(entered.recv_timeout(PATIENCE), Ok(1), "the barrier of the first");
    submit(&workers, 3, barrier(2));
    gate.send(Gate::Work).unwrap();
    assert!(matches!(one(&answers), (1, answer) if is_passed(&answer)));
    assert_eq!(entered.recv_timeout(PATIENCE), Ok(1), "what failed may yet take effect");
    gate.send(Gate::Work).unwrap();
    assert_eq!(one(&answers).0, 3);
    submit(&workers, 4, barrier(1));
    assert_eq!(one(&answers).0, 4, "all has ended");
    assert_eq!((workers.metrics().queued(), workers.metrics().commits()), (0, 3));
}

#[test]
fn a_barrier_is_answered_behind_the_answers_to_what_was_before_it() {
    let ((entered_in, entered), (open, gate)) = (unbounded(), unbounded());
    let store = GatedStore { inner: MemoryStore::new(LIMITS), entered: entered_in, gate };
    let ((sender, answers), (go_on, wait)) = (unbounded(), unbounded());
    let deliver: Deliver<usize> = Arc::new(move |batch: Vec<(usize, Answer)>| {
        sender.send(batch[0].0).unwrap();
        wait.recv_timeout(PATIENCE).unwrap();
    });
    let hasher = PasswordHasher::new(8).unwrap();
    let workers = Workers::start(Arc::new(store), hasher, Options::default(), deliver).unwrap();
    let user = UserId(1);
    submit(&workers, 0, Request::Write(Write::SetToken { user, token: None }));
    open.send(Gate::Work).unwrap();
    assert_eq!((entered.recv_timeout(PATIENCE), answers.recv_timeout(PATIENCE)), (Ok(1), Ok(0)));
    // The answer is being delivered: it may not be where it belongs.
    submit(&workers, 1, Request::Write(Write::UserBarrier { user }));
    go_on.send(()).unwrap();
    open.send(Gate::Work).unwrap();
    assert_eq!((entered.recv_timeout(PATIENCE), answers.recv_timeout(PATIENCE)), (Ok(1), Ok(1)));
    go_on.send(()).unwrap();
}

#[test]
fn a_batch_is_bounded_in_writes_and_bytes() {
    let object = ChatObject::direct(UserId(1), "ann", UserId(1), &"x".repeat(1000), "then");
    let deposit = |n: u128| {
        let (sender, mid) = (UserId(1), format!("m{n}").into());
        let object = object.clone();
        let message = Message { sid: Sid(n), sender, mid, audience: Audience::One, object };
        let messages = vec![Arc::new(message)];
        Request::Write(Write::Deposit { recipient: UserId(1), messages })
    };
    let options = Options { batch_max: 4, batch_bytes_max: 2500, ..Options::default() };
    let (workers, _answers, entered, gate) = start_gated(options);
    submit(&workers, 0, registration(0));
    assert_eq!(entered.recv_timeout(PATIENCE), Ok(1));
    for n in 1..=4 {
        submit(&workers, n, registration(n));
    }
    for n in 5..=8 {
        submit(&workers, n, deposit(n as u128));
    }
    // As many writes as are allowed, then twice as many deposits as their bytes allow.
    for expected in [4, 2, 2] {
        gate.send(Gate::Work).unwrap();
        assert_eq!(entered.recv_timeout(PATIENCE), Ok(expected));
    }
    gate.send(Gate::Work).unwrap();
}

#[test]
fn a_full_queue_gives_the_request_back() {
    let options = Options { queue_max: 2, ..Options::default() };
    let (workers, answers, entered, gate) = start_gated(options);
    submit(&workers, 0, registration(0));
    entered.recv_timeout(PATIENCE).unwrap();
    submit(&workers, 1, registration(1));
    submit(&workers, 2, registration(2));
    let refused = workers.submit(3, registration(3));
    assert!(matches!(refused, Err((3, Request::Write(Write::Register { name, .. })))
        if name == "user 3"));
    let token = Write::SetToken { user: UserId(1), token: None };
    assert!(workers.submit(3, Request::Write(token)).is_err());
    submit(&workers, 3, Request::Write(Write::UserBarrier { user: UserId(1) }));
    assert_eq!(one(&answers).0, 3, "what was refused is not under way");
    assert_eq!(workers.metrics().queued(), 3);
    submit(&workers, 4, Request::Credentials(UserId(1)));
    assert_eq!(one(&answers).0, 4, "writes that wait do not hold up reads");
    gate.send(Gate::Work).unwrap();
    gate.send(Gate::Work).unwrap();
    assert_eq!(one(&answers).0, 0);
    assert_eq!(answers.recv_timeout(PATIENCE).unwrap().len(), 2);
    submit(&workers, 5, registration(5));
    gate.send(Gate::Work).unwrap();
    assert_eq!(one(&answers).0, 5);
}

#[test]
fn a_failed_commit_is_told_to_each_write_and_passes() {
    let (workers, answers, entered, gate) = start_gated(Options::default());
    for (failure, tags) in [(Gate::Fail, 10..13), (Gate::Panic, 20..23)] {
        submit(&workers, 0, registration(0));
        entered.recv_timeout(PATIENCE).unwrap();
        for tag in tags.clone() {
            submit(&workers, tag, registration(tag));
        }
        gate.send(Gate::Work).unwrap();
        one(&answers);
        gate.send(failure).unwrap();
        assert_eq!(entered.recv_timeout(PATIENCE), Ok(3));
        let batch = answers.recv_timeout(PATIENCE).unwrap();
        assert!(batch.iter().all(|(_, answer)| is_unavailable(answer)));
        assert!(batch.iter().map(|(tag, _)| *tag).eq(tags));
    }
    submit(&workers, 1, registration(1));
    gate.send(Gate::Work).unwrap();
    assert!(registered(&one(&answers).1).is_some());
}

#[test]
fn a_read_that_panics_is_told_and_passes() {
    let (workers, answers, _entered, _gate) =
        start_gated(Options { readers: 1, ..Options::default() });
    submit(&workers, 1, Request::Credentials(UserId(-1)));
    let (1, Answer::Credentials(Err(error))) = one(&answers) else { panic!("no error") };
    assert!(error.to_string().contains("the test wants a panic"), "{error}");
    submit(&workers, 2, Request::Credentials(UserId(1)));
    assert!(matches!(one(&answers), (2, Answer::Credentials(Ok(None)))));
}

#[test]
fn stopping_answers_all_that_was_taken() {
    const REQUESTS: usize = 300;
    let answered = Arc::new(AtomicUsize::new(0));
    let deliver: Deliver<usize> = {
        let answered = Arc::clone(&answered);
        Arc::new(move |batch| {
            answered.fetch_add(batch.len(), Ordering::SeqCst);
        })
    };
    let store = Arc::new(MemoryStore::new(LIMITS));
    let hasher = PasswordHasher::new(8).unwrap();
    let workers = Workers::start(store, hasher, Options::default(), deliver).unwrap();
    for n in 0..REQUESTS {
        let request = match n % 3 {
            0 => registration(n),
            1 => Request::Credentials(UserId(1)),
            _ => Request::Hash { password: "secret".into() },
        };
        submit(&workers, n, request);
    }
    workers.stop();
    assert_eq!(answered.load(Ordering::SeqCst), REQUESTS);
}
