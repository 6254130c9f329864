use super::*;

fn chat(to: i64, msg: &str) -> Request<'static> {
    Request::Chat { id: None, to: UserId(to), msg: msg.to_owned().into(), time: None }
}

fn group_chat(group: i64, msg: &str) -> Request<'static> {
    Request::GroupChat { id: None, group: GroupId(group), msg: msg.to_owned().into(), time: None }
}

fn status(errno: Errno, retry_ms: Option<u64>) -> Status {
    Status { code: errno.code(), errmsg: None, retry_ms }
}

struct Fixture {
    outbox: Outbox,
    now: Instant,
}

impl Fixture {
    fn new(requests: impl IntoIterator<Item = Request<'static>>) -> Self {
        let mut outbox = Outbox::default();
        for (index, request) in requests.into_iter().enumerate() {
            outbox.push(format!("m{index}"), request).unwrap();
        }
        Self { outbox, now: Instant::now() }
    }

    /// The mids that are sent now.
    fn sent(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        self.outbox.transmit(self.now, &mut lines);
        let text = String::from_utf8(lines).unwrap();
        let mid =
            |line: &str| chatproto::decode(line.as_bytes()).unwrap().mid.unwrap().into_owned();
        text.lines().map(mid).collect()
    }

    fn answer(&mut self, mid: &str, errno: Errno, retry_ms: Option<u64>) -> Option<Answered> {
        self.outbox.handle_answer(mid, status(errno, retry_ms), None, None, self.now)
    }
}

#[test]
fn one_request_for_each_recipient_is_on_the_wire() {
    let requests =
        [chat(1, "a"), chat(1, "b"), chat(2, "c"), group_chat(1, "d"), group_chat(1, "e")];
    let mut fixture = Fixture::new(requests);
    assert_eq!(fixture.sent(), ["m0", "m2", "m3"]);
    assert_eq!(fixture.sent(), Vec::<String>::new());
    assert!(matches!(fixture.answer("m0", Errno::Ok, None), Some(Answered::Settled(_))));
    assert_eq!(fixture.answer("m0", Errno::Ok, None), None);
    assert_eq!(fixture.sent(), ["m1"]);
    fixture.answer("m3", Errno::Forbidden, None);
    assert_eq!(fixture.sent(), ["m4"]);
    assert_eq!(fixture.outbox.len(), 3);
}

#[test]
fn joining_a_group_comes_before_talking_in_it() {
    let join = Request::JoinGroup { id: None, group: GroupId(1) };
    let mut fixture = Fixture::new([join, group_chat(1, "a")]);
    assert_eq!(fixture.sent(), ["m0"]);
    fixture.answer("m0", Errno::Ok, None);
    assert_eq!(fixture.sent(), ["m1"]);
}

#[test]
fn after_a_disconnect_the_same_is_sent_again() {
    let mut fixture = Fixture::new([chat(1, "a"), chat(1, "b"), chat(2, "c")]);
    fixture.sent();
    fixture.outbox.handle_disconnect();
    assert_eq!(fixture.sent(), ["m0", "m2"]);
    let Some(Answered::Settled(settled)) = fixture.answer("m0", Errno::Ok, None) else { panic!() };
    assert!(settled.was_repeated);
    fixture.sent();
    let Some(Answered::Settled(settled)) = fixture.answer("m1", Errno::Ok, None) else { panic!() };
    assert!(!settled.was_repeated);
}

#[test]
fn a_postponed_request_holds_back_those_behind_it() {
    let mut fixture = Fixture::new([chat(1, "a"), chat(1, "b")]);
    fixture.sent();
    let wait = Duration::from_millis(250);
    let answered = fixture.answer("m0", Errno::Busy, Some(250));
    assert_eq!(answered, Some(Answered::Postponed(Box::new(chat(1, "a")), wait)));
    assert_eq!(fixture.sent(), Vec::<String>::new());
    assert_eq!(fixture.outbox.deadline(), Some(fixture.now + wait));
    fixture.now += wait;
    assert_eq!(fixture.sent(), ["m0"]);
    let answered = fixture.answer("m0", Errno::StoreUnavailable, None);
    assert_eq!(answered, Some(Answered::PostponedAgain));
    assert_eq!(fixture.outbox.deadline(), Some(fixture.now + DEFAULT_WAIT));
    // A new connection does not shorten the wait that the server asked for.
    fixture.outbox.handle_disconnect();
    assert_eq!(fixture.sent(), Vec::<String>::new());
    fixture.now += DEFAULT_WAIT;
    assert_eq!(fixture.sent(), ["m0"]);
}

#[test]
fn waits_are_bounded() {
    let check = |retry_ms, expected| {
        assert_eq!(wait_before_retry(&status(Errno::Busy, retry_ms)), expected, "{retry_ms:?}");
    };
    check(None, DEFAULT_WAIT);
    check(Some(0), SHORTEST_WAIT);
    check(Some(500), Duration::from_millis(500));
    check(Some(u64::MAX), LONGEST_WAIT);
}

#[test]
fn an_error_of_size_is_blamed_on_the_largest() {
    let mut fixture = Fixture::new([chat(1, "a"), chat(2, "aaa"), chat(1, "aaaaaaaaa")]);
    let too_large = status(Errno::TooLarge, None);
    assert_eq!(fixture.outbox.handle_too_large(too_large.clone()), None);
    fixture.sent();
    let settled = fixture.outbox.handle_too_large(too_large).unwrap();
    assert_eq!(settled.request, chat(2, "aaa"));
    assert_eq!(fixture.outbox.len(), 2);
}

#[test]
fn what_no_server_takes_is_refused_at_once() {
    let mut outbox = Outbox::default();
    assert!(outbox.push("m".to_owned(), chat(1, &"x".repeat(65_000))).is_ok());
    let refused = outbox.push("n".to_owned(), chat(1, &"x".repeat(66_000)));
    assert_eq!(refused, Err("that is too long to be sent".to_owned()));
    let group = Request::CreateGroup { id: None, name: "".into(), description: "".into() };
    let refused = outbox.push("n".to_owned(), group);
    assert_eq!(refused, Err("groupname must have 1 to 50 characters".to_owned()));
    assert_eq!(outbox.len(), 1);
}
