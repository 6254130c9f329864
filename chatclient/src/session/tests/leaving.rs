use super::*;

#[test]
fn a_logout_waits_for_answers_and_keeps_the_connection() {
    let mut fixture = Fixture::logged_in();
    fixture.chat(2, "a");
    let (message, _) = fixture.sent_one();
    fixture.handle(Input::LogOut);
    assert_eq!(fixture.shown(), [&Notice::AwaitingAnswers(1)]);
    assert_eq!((fixture.sent().len(), fixture.session.phase()), (0, Phase::Busy));
    fixture.answer(message.as_deref(), 0);
    let (logout, request) = fixture.sent_one();
    assert_eq!(request, Request::Logout { id: None });
    fixture.answer(logout.as_deref(), 0);
    assert_eq!(fixture.shown(), [&Notice::LoggedOut]);
    assert_eq!(fixture.session.phase(), Phase::Menu);
    fixture.log_in(9);
    assert!(matches!(fixture.sent_one().1, Request::Login(_)));
}

#[test]
fn leaving_waits_as_long_as_there_is_progress() {
    let mut fixture = Fixture::logged_in();
    fixture.chat(2, "a");
    let (first, _) = fixture.sent_one();
    fixture.chat(2, "b");
    fixture.handle(Input::Leave);
    fixture.now += Duration::from_secs(9);
    fixture.answer(first.as_deref(), 0);
    assert_eq!(fixture.wait(), Duration::from_secs(10));
    assert_eq!(fixture.shown(), [&Notice::Unanswered(1)]);
    assert_eq!(fixture.sent_one().1, Request::Logout { id: None });
    assert_eq!(fixture.wait(), Duration::from_secs(2));
    assert!(fixture.did(&Effect::Exit { success: false }));
}

#[test]
fn leaving_sends_again_after_a_reconnect() {
    let mut fixture = Fixture::logged_in();
    fixture.chat(2, "a");
    let message = fixture.sent_one();
    fixture.handle(Input::Leave);
    fixture.handle(Input::LinkDown("reset".to_owned()));
    fixture.wait();
    fixture.handle(Input::LinkUp);
    fixture.answer_login(0, None);
    assert_eq!(fixture.sent_one(), message);
    fixture.answer(message.0.as_deref(), 0);
    fixture.wait();
    let (logout, _) = fixture.sent_one();
    fixture.answer(logout.as_deref(), 0);
    assert!(fixture.did(&Effect::Exit { success: true }));
}

#[test]
fn leaving_the_program_waits_until_no_more_messages_come() {
    let mut fixture = Fixture::logged_in();
    fixture.handle(Input::Leave);
    for seq in 1..4 {
        fixture.now += QUIET_BEFORE_EXIT - Duration::from_millis(1);
        fixture.push(&seq.to_string(), seq);
        assert_eq!(fixture.shown().len(), 1);
        // Nothing is left to be waited for but the screen.
        let deadline = fixture.session.deadline().unwrap();
        assert!(deadline > fixture.now + Duration::from_secs(1));
        fixture.handle(Input::Shown);
        assert_eq!(fixture.sent_one().1, Request::Received { seq });
    }
    assert_eq!(fixture.wait(), QUIET_BEFORE_EXIT);
    assert_eq!(fixture.sent_one().1, Request::Logout { id: None });
}

#[test]
fn leaving_the_program_does_not_wait_for_ever_for_a_pause() {
    let mut fixture = Fixture::logged_in();
    fixture.handle(Input::Leave);
    let start = fixture.now;
    let mut requests = Vec::new();
    for seq in 1..100 {
        fixture.now += QUIET_BEFORE_EXIT / 2;
        fixture.push(&seq.to_string(), seq);
        fixture.handle(Input::Shown);
        requests = fixture.sent();
        if requests.len() > 1 {
            break;
        }
    }
    assert!(matches!(requests[0].1, Request::Received { .. }));
    assert_eq!(requests[1].1, Request::Logout { id: None });
    assert_eq!(fixture.now - start, DEPARTURE_PATIENCE);
}

#[test]
fn a_logout_acknowledges_what_is_shown_first() {
    let mut fixture = Fixture::logged_in();
    fixture.push("a", 1);
    fixture.handle(Input::LogOut);
    assert_eq!(fixture.effects, []);
    fixture.handle(Input::Shown);
    let sent = fixture.sent();
    assert_eq!(sent[0].1, Request::Received { seq: 1 });
    assert_eq!(sent[1].1, Request::Logout { id: None });
}

#[test]
fn from_the_menu_one_leaves_at_once() {
    let mut fixture = Fixture::new();
    fixture.handle(Input::Start);
    fixture.handle(Input::LinkUp);
    fixture.handle(Input::Leave);
    assert_eq!(fixture.effects, [Effect::Disconnect, Effect::Exit { success: true }]);
}

#[test]
fn being_taken_over_while_leaving_ends_the_program() {
    let mut fixture = Fixture::logged_in();
    fixture.chat(2, "a");
    fixture.handle(Input::Leave);
    fixture.hear(goodbye(109, None));
    assert!(fixture.did(&Effect::Exit { success: false }));
}
