use super::chat::TIME;
use super::*;
use crate::numbered_text::{Template, digits_of};
use chatproto::{Answer, ChatObject, Delivery, Request, UserId};

fn account() -> Account {
    Account { id: 1, name: "ann".to_owned(), partner: 2 }
}

fn player(dialogue: Dialogue, held: u64) -> Player {
    Player::new(dialogue, held, Instant::now())
}

/// The number of the message in `line`, if it is one.
fn receive(player: &mut Player, line: &[u8]) -> io::Result<Option<u64>> {
    let taken = player.receive(&[line, b"\n"].concat())?.unwrap();
    assert_eq!(taken.bytes, line.len() + 1);
    Ok(taken.message)
}

fn output(player: &mut Player, play: Play) -> String {
    let mut out = Vec::new();
    player.respond(Instant::now(), play, &mut out);
    String::from_utf8(out).unwrap()
}

/// What the server pushes when the partner has sent message `number`.
fn pushed(number: u64) -> ChatObject {
    let mut text = Vec::new();
    Template::new(wire::text()).write(number, &mut text);
    let text = String::from_utf8(text).unwrap();
    assert_eq!(text.len(), TEXT_BYTES);
    ChatObject::direct(UserId(2), "bob", UserId(1), &text, TIME)
}

fn plain(number: u64) -> Vec<u8> {
    pushed(number).text().into_bytes()
}

fn numbered(number: u64) -> Vec<u8> {
    let mut line = Vec::new();
    let mid = String::from_utf8(digits_of(number).to_vec()).unwrap();
    pushed(number).write_acknowledged(&mut line, number + 1, "0123456789abcdef01234567", &mid);
    line.pop();
    line
}

fn answer(number: u64, state: Delivery) -> Vec<u8> {
    let mut line = Vec::new();
    let mid = String::from_utf8(digits_of(number).to_vec()).unwrap();
    Answer { mid: Some(&mid), state: Some(state), ..Answer::default() }.write(&mut line);
    line.pop();
    line
}

#[test]
fn blocks_are_numbered_and_sent_on() {
    let mut player = player(Dialogue::Echo, 2);
    let blocks = output(&mut player, Play::On);
    assert_eq!(blocks.len(), 2 * TEXT_BYTES);
    for (number, block) in blocks.lines().enumerate() {
        assert_eq!(receive(&mut player, block.as_bytes()).unwrap(), Some(number as u64));
    }
    assert!(output(&mut player, Play::Paused).is_empty());
    assert_eq!(output(&mut player, Play::On).lines().count(), 2);
}

#[test]
fn a_request_is_one_that_the_server_reads() {
    for dialogue in [Dialogue::Original(account()), Dialogue::Acknowledged(account())] {
        let mut player = player(dialogue, 1);
        let request = output(&mut player, Play::On);
        let envelope = chatproto::decode(request.trim_end_matches(['\0', '\n']).as_bytes());
        let request = envelope.unwrap().request;
        let Request::Chat { to, msg, .. } = request else { panic!("{request:?}") };
        assert_eq!((to, msg.len()), (UserId(2), TEXT_BYTES));
    }
}

#[test]
fn messages_of_the_partner_are_accepted_in_order_only() {
    let mut player = player(Dialogue::Original(account()), 0);
    assert_eq!(receive(&mut player, &plain(0)).unwrap(), Some(0));
    assert_eq!(receive(&mut player, &plain(1)).unwrap(), Some(1));
    let error = receive(&mut player, &plain(1)).unwrap_err();
    assert!(error.to_string().contains("message 1, not 2"), "{error}");
    receive(&mut player, &plain(3)).unwrap_err();
    receive(&mut player, &plain(2)).unwrap();
}

#[test]
fn a_first_message_is_looked_at_in_full() {
    let wrong = [
        ChatObject::direct(UserId(3), "eve", UserId(1), "hi", TIME).text(),
        ChatObject::direct(UserId(2), "bob", UserId(1), "hi", TIME).text(),
        r#"{"msgid":1010,"errno":0}"#.to_owned(),
        "not an object".to_owned(),
    ];
    for line in wrong {
        let mut player = player(Dialogue::Original(account()), 0);
        receive(&mut player, line.as_bytes()).unwrap_err();
    }
}

#[test]
fn pushes_are_acknowledged_and_answers_counted() {
    let mut player = player(Dialogue::Acknowledged(account()), 1);
    assert!(output(&mut player, Play::On).contains(r#""mid":"0000000000000000""#));
    assert_eq!(player.unanswered(), 1);
    receive(&mut player, &numbered(0)).unwrap();
    receive(&mut player, &answer(0, Delivery::Delivered)).unwrap();
    assert_eq!(player.unanswered(), 0);
    receive(&mut player, &numbered(1)).unwrap();
    assert_eq!(output(&mut player, Play::Paused), "{\"msgid\":1011,\"seq\":2}\n");
    assert_eq!(player.held(), 2);
    receive(&mut player, &answer(0, Delivery::Delivered)).unwrap_err();
}

#[test]
fn a_message_that_was_stored_is_a_failure() {
    let mut player = player(Dialogue::Acknowledged(account()), 1);
    output(&mut player, Play::On);
    receive(&mut player, &numbered(0)).unwrap();
    receive(&mut player, &answer(0, Delivery::Stored)).unwrap_err();
}

#[test]
fn a_ping_is_answered() {
    let mut player = player(Dialogue::Acknowledged(account()), 0);
    receive(&mut player, &numbered(0)).unwrap();
    assert_eq!(receive(&mut player, br#"{"msgid":1012}"#).unwrap(), None);
    assert!(output(&mut player, Play::Paused).starts_with(r#"{"msgid":1013}"#));
}
