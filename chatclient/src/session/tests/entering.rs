use super::*;

#[test]
fn without_a_first_connection_the_program_ends() {
    let mut fixture = Fixture::new();
    fixture.handle(Input::Start);
    assert!(fixture.did(&Effect::Connect));
    assert_eq!(fixture.session.phase(), Phase::Busy);
    fixture.handle(Input::LinkDown("refused".to_owned()));
    assert_eq!(fixture.shown(), [&Notice::CannotConnect("refused".to_owned())]);
    assert!(fixture.did(&Effect::Exit { success: false }));
}

#[test]
fn a_login_acknowledges_and_is_named() {
    let mut fixture = Fixture::new();
    fixture.handle(Input::Start);
    fixture.handle(Input::LinkUp);
    assert_eq!(fixture.session.phase(), Phase::Menu);
    fixture.log_in(5);
    let (mid, request) = fixture.sent_one();
    assert!(mid.is_some());
    assert!(matches!(request, Request::Login(login) if login.ack && !login.force));
    assert_eq!(fixture.session.phase(), Phase::Busy);
    fixture.answer_login(1, None);
    assert_eq!(fixture.shown(), [&Notice::LoginRefused(status(1))]);
    assert_eq!(fixture.session.phase(), Phase::Menu);
}

#[test]
fn the_menu_needs_no_connection_until_a_login() {
    let mut fixture = Fixture::new();
    fixture.handle(Input::Start);
    fixture.handle(Input::LinkUp);
    fixture.handle(Input::LinkDown("idle".to_owned()));
    assert_eq!((fixture.effects.len(), fixture.session.deadline()), (0, None));
    fixture.log_in(1);
    assert_eq!(fixture.effects, [Effect::Connect]);
    fixture.handle(Input::LinkUp);
    assert!(matches!(fixture.sent_one().1, Request::Login(_)));
}

#[test]
fn an_interrupted_login_is_tried_again_past_its_own_ghost() {
    let mut fixture = Fixture::new();
    fixture.handle(Input::Start);
    fixture.handle(Input::LinkUp);
    fixture.log_in(1);
    let first = fixture.sent_one();
    fixture.handle(Input::LinkDown("reset".to_owned()));
    fixture.wait();
    assert!(fixture.did(&Effect::Connect));
    fixture.handle(Input::LinkUp);
    assert_eq!(fixture.sent_one(), first);
    fixture.answer_login(2, None);
    assert_eq!(fixture.effects, []);
    fixture.wait();
    assert_eq!(fixture.sent_one(), first);
    fixture.answer_login(0, Some("t"));
    assert_eq!(fixture.session.phase(), Phase::Commands);
}

#[test]
fn an_account_that_is_online_is_taken_over_only_when_asked() {
    let mut fixture = Fixture::new();
    fixture.handle(Input::Start);
    fixture.handle(Input::LinkUp);
    for yes in [false, true] {
        fixture.log_in(1);
        fixture.answer_login(2, None);
        assert_eq!(fixture.shown(), [&Notice::AlreadyOnline]);
        assert_eq!(fixture.session.phase(), Phase::OfferTakeOver);
        fixture.handle(Input::TakeOver(yes));
        assert_eq!(fixture.sent().len(), usize::from(yes));
    }
    assert!(matches!(fixture.sent_one().1, Request::Login(login) if login.force));
}

#[test]
fn nobody_is_asked_where_nobody_is() {
    let options = Options { message_ids: MessageIds::new(7), seed: 1, may_ask: false };
    let mut fixture = Fixture { session: Session::new(options), ..Fixture::new() };
    fixture.handle(Input::Start);
    fixture.handle(Input::LinkUp);
    fixture.log_in(1);
    fixture.answer_login(2, None);
    assert_eq!(fixture.session.phase(), Phase::Menu);
}

#[test]
fn a_busy_server_is_asked_again_and_given_up_in_the_end() {
    let mut fixture = Fixture::new();
    fixture.handle(Input::Start);
    fixture.handle(Input::LinkUp);
    fixture.log_in(1);
    let start = fixture.now;
    fixture.answer_login(106, None);
    assert_eq!(fixture.shown(), [&Notice::EntranceBusy(status(106))]);
    while fixture.session.phase() == Phase::Busy {
        fixture.wait();
        if !fixture.sent().is_empty() {
            fixture.answer_login(107, None);
            assert_eq!(fixture.shown(), Vec::<&Notice>::new());
        }
    }
    assert_eq!(fixture.shown(), [&Notice::EntranceGaveUp]);
    assert_eq!(fixture.now - start, Duration::from_secs(60));
}

#[test]
fn a_registration_is_never_sent_twice() {
    let mut fixture = Fixture::new();
    fixture.handle(Input::Start);
    fixture.handle(Input::LinkUp);
    let register = || Input::Register { name: "ann".to_owned(), password: "p".to_owned() };
    fixture.handle(register());
    assert!(matches!(fixture.sent_one().1, Request::Register { .. }));
    fixture.handle(Input::LinkDown("reset".to_owned()));
    assert_eq!(fixture.shown(), [&Notice::RegistrationUnknown]);
    fixture.handle(register());
    fixture.handle(Input::LinkUp);
    let (mid, _) = fixture.sent_one();
    let id = Some(UserId(22));
    fixture.hear(Event::RegisterAnswer { mid: Some("x".to_owned()), status: status(0), id });
    assert_eq!(fixture.effects, []);
    fixture.hear(Event::RegisterAnswer { mid, status: status(0), id });
    let registered = Notice::Registered { id: UserId(22), name: "ann".to_owned() };
    assert_eq!(fixture.shown(), [&registered]);
    assert_eq!(fixture.session.phase(), Phase::Menu);
}
