use super::*;

#[test]
fn what_was_pushed_is_acknowledged_once_it_was_shown() {
    let mut fixture = Fixture::logged_in();
    fixture.push("a", 1);
    fixture.push("b", 2);
    assert!(matches!(fixture.shown()[..], [Notice::Chat(_)]));
    assert_eq!(fixture.sent(), []);
    fixture.push("a", 3);
    assert_eq!(fixture.effects, []);
    fixture.handle(Input::Shown);
    assert_eq!(fixture.sent_one().1, Request::Received { seq: 3 });
    fixture.handle(Input::Shown);
    assert_eq!(fixture.effects, []);
}

#[test]
fn a_lost_connection_is_resumed_and_what_was_unanswered_sent_again() {
    let mut fixture = Fixture::logged_in();
    fixture.chat(2, "a");
    let first = fixture.sent_one();
    fixture.push("x", 1);
    fixture.handle(Input::LinkDown("reset".to_owned()));
    assert_eq!(fixture.shown(), [&Notice::ConnectionLost("reset".to_owned())]);
    fixture.handle(Input::Shown);
    assert_eq!(fixture.effects, []);
    assert_eq!(fixture.session.phase(), Phase::Commands);
    fixture.chat(3, "b");
    assert_eq!(fixture.effects, []);
    for _ in 0..5 {
        fixture.wait();
        assert_eq!(fixture.effects, [Effect::Connect]);
        fixture.handle(Input::LinkDown("refused".to_owned()));
        assert_eq!(fixture.effects, []);
    }
    fixture.wait();
    fixture.handle(Input::LinkUp);
    assert!(is_token(&fixture.sent_one().1, "t"));
    fixture.answer_login(0, Some("u"));
    assert_eq!(fixture.shown(), [&Notice::Reconnected]);
    let sent = fixture.sent();
    assert_eq!((sent.len(), &sent[0]), (2, &first));
    fixture.push("x", 1);
    assert_eq!(fixture.effects, []);
    fixture.handle(Input::LinkDown("reset".to_owned()));
    fixture.wait();
    fixture.handle(Input::LinkUp);
    assert!(is_token(&fixture.sent_one().1, "u"));
}

#[test]
fn a_resumption_waits_for_a_busy_server_and_ends_when_refused() {
    let mut fixture = Fixture::logged_in();
    fixture.chat(2, "a");
    fixture.handle(Input::LinkDown("reset".to_owned()));
    fixture.wait();
    fixture.handle(Input::LinkUp);
    fixture.answer_login(107, None);
    assert_eq!(fixture.effects, []);
    assert_eq!(fixture.wait(), Duration::from_secs(1));
    assert!(is_token(&fixture.sent_one().1, "t"));
    fixture.answer_login(1, None);
    assert_eq!(fixture.shown(), [&Notice::SessionEnded(status(1)), &Notice::Unanswered(1)]);
    assert_eq!(fixture.session.phase(), Phase::Menu);
    // The same user sends what is left; another does not.
    fixture.log_in(1);
    fixture.answer_login(0, None);
    assert!(matches!(fixture.sent_one().1, Request::Chat { .. }));
}

#[test]
fn another_user_does_not_send_what_is_left() {
    let mut fixture = Fixture::logged_in();
    fixture.chat(2, "a");
    fixture.hear(goodbye(109, None));
    assert_eq!(fixture.shown(), [&Notice::TakenOver, &Notice::Unanswered(1)]);
    assert!(fixture.did(&Effect::Disconnect));
    assert_eq!(fixture.session.deadline(), None);
    fixture.log_in(9);
    fixture.handle(Input::LinkUp);
    fixture.answer_login(0, None);
    assert_eq!(fixture.shown()[0], &Notice::Abandoned { owner: UserId(1), count: 1 });
    assert_eq!(fixture.sent(), []);
    fixture.handle(Input::Leave);
    fixture.wait();
    fixture.answer(Some(&fixture.sent_one().0.unwrap()), 0);
    assert!(fixture.did(&Effect::Exit { success: false }));
}

#[test]
fn a_server_that_shuts_down_says_when_to_return() {
    let mut fixture = Fixture::logged_in();
    fixture.hear(goodbye(111, Some(4000)));
    assert!(matches!(fixture.shown()[0], Notice::Goodbye(_)));
    assert!(fixture.did(&Effect::Disconnect));
    assert_eq!(fixture.wait(), Duration::from_secs(4));
    assert_eq!(fixture.effects, [Effect::Connect]);
}

#[test]
fn silence_is_asked_about_and_then_given_up() {
    let mut fixture = Fixture::logged_in();
    assert_eq!(fixture.wait(), Duration::from_secs(30));
    assert_eq!(fixture.sent_one().1, Request::Ping);
    fixture.hear(Event::Pong);
    assert_eq!(fixture.wait(), Duration::from_secs(30));
    assert_eq!(fixture.wait(), Duration::from_secs(30));
    assert!(fixture.did(&Effect::Disconnect));
    assert!(matches!(fixture.shown()[..], [Notice::ConnectionLost(_)]));
    fixture.wait();
    assert_eq!(fixture.effects, [Effect::Connect]);
}

#[test]
fn pings_are_answered() {
    let mut fixture = Fixture::logged_in();
    fixture.hear(Event::Ping);
    assert_eq!(fixture.sent_one(), (None, Request::Pong));
}

#[test]
fn what_cannot_be_understood_does_no_harm() {
    let mut fixture = Fixture::logged_in();
    let why = String::new();
    fixture.handle(Input::Heard(Err(DecodeError::Wrong { mid: None, msgid: None, why })));
    assert_eq!(fixture.shown(), [&Notice::Unreadable]);
    fixture.hear(Event::Unknown(2000));
    fixture.answer(Some("nobody"), 0);
    assert_eq!(fixture.effects, []);
    fixture.answer(None, 100);
    assert_eq!(fixture.shown(), [&Notice::ServerError(status(100))]);
    fixture.handle(Input::Heard(Err(DecodeError::Malformed)));
    assert!(fixture.did(&Effect::Disconnect));
}

#[test]
fn a_full_outbox_takes_no_more() {
    let mut fixture = Fixture::logged_in();
    for number in 0..1000 {
        assert_eq!(fixture.session.phase(), Phase::Commands);
        fixture.chat(number, "x");
    }
    assert_eq!(fixture.shown(), [&Notice::OutboxFull(1000)]);
    assert_eq!(fixture.session.phase(), Phase::Busy);
    fixture.chat(2, "one too many");
    assert_eq!((fixture.session.unanswered(), fixture.sent().len()), (1000, 0));
    fixture.answer(Some(&format!("{:032x}-2", 7)), 103);
    assert_eq!(fixture.session.phase(), Phase::Commands);
}

#[test]
fn a_refusal_for_now_is_told_once() {
    let mut fixture = Fixture::logged_in();
    fixture.chat(2, "a");
    let (mid, _) = fixture.sent_one();
    for round in 0..3 {
        fixture.answer(mid.as_deref(), Errno::StoreUnavailable.code());
        assert_eq!(fixture.shown().len(), usize::from(round == 0));
        assert_eq!(fixture.wait(), Duration::from_secs(1));
        assert_eq!(fixture.sent_one().0, mid);
    }
}
