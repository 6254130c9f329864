//! Each test feeds an inbox and compares what it wants done, written in short: letters are live
//! messages, numbers are rows. What is due when stands in tests of its own.

use chatproto::{ChatObject, UserId};

use super::excess::BACKLOG_MAX;
use super::*;
use crate::chat::effect::NodeId;
use crate::message::Audience;

const PATIENCE: Duration = Duration::from_millis(1500);
const LANE: LaneKey = LaneKey { sender: UserId(1), recipient: UserId(2) };
/// More rows than any test stores.
const FULL_PAGE: PageLimit = PageLimit { rows: 256, bytes: usize::MAX };
const DEBT: Debt = Debt { home: ShardId { node: NodeId::ALONE, index: 0 }, lane: LANE };

/// Messages are named by a letter, which gives their ids; `text` is what makes them large.
fn message(letter: char, text: &str) -> Arc<Message> {
    let object = ChatObject::direct(LANE.sender, "a", LANE.recipient, text, "");
    let (sid, sender, audience) = (Sid(letter as u128), LANE.sender, Audience::One);
    Arc::new(Message { sid, sender, mid: letter.to_string().into(), audience, object })
}

fn row(id: i64, letter: char) -> Row {
    Row { id: RowId(id), message: message(letter, "") }
}

impl Inbox {
    /// Everything was acknowledged and nothing waits.
    fn is_idle(&self) -> bool {
        let nothing_waits = self.excess.as_ref().is_none_or(|excess| !excess.has_waiting());
        self.window.is_empty() && nothing_waits && self.drain == Drain::Done
    }
}

struct Rig {
    inbox: Inbox,
    now: Instant,
}

impl Rig {
    /// Not opened yet.
    fn held() -> Self {
        Self { inbox: Inbox::new(PATIENCE), now: Instant::now() }
    }

    /// Opened; the store is being asked.
    fn reading() -> Self {
        let mut rig = Self::held();
        rig.inbox.open(rig.now);
        rig.wanted();
        rig
    }

    /// Nothing is stored: live messages pass.
    fn idle() -> Self {
        let mut rig = Self::reading();
        rig.rows(&[]);
        rig
    }

    fn send(&mut self, letters: &str) -> Vec<String> {
        for letter in letters.chars() {
            self.inbox.handle_message(self.now, message(letter, ""), DEBT, false);
        }
        self.wanted()
    }

    fn send_again(&mut self, letter: char) -> Vec<String> {
        self.inbox.handle_message(self.now, message(letter, ""), DEBT, true);
        self.wanted()
    }

    fn rows(&mut self, rows: &[(i64, char)]) -> Vec<String> {
        let rows = rows.iter().map(|(id, letter)| row(*id, *letter)).collect();
        self.inbox.handle_rows(self.now, Some(rows));
        self.wanted()
    }

    fn mail(&mut self, first: i64) -> Vec<String> {
        self.inbox.handle_mail(self.now, RowId(first));
        self.wanted()
    }

    fn received(&mut self, seq: u64) -> Vec<String> {
        self.inbox.handle_received(self.now, seq).unwrap();
        self.wanted()
    }

    fn deposited(&mut self, result: Result<&[i64], Refusal>) -> Vec<String> {
        let rows = result.map(|rows| rows.iter().copied().map(RowId).collect());
        self.inbox.handle_deposited(self.now, rows);
        self.wanted()
    }

    fn removed(&mut self, letters: &str) -> Vec<String> {
        let sids: Vec<_> = letters.chars().map(|letter| Sid(letter as u128)).collect();
        self.inbox.handle_removed(&sids);
        self.wanted()
    }

    fn wait(&mut self, time: Duration) -> Vec<String> {
        self.now += time;
        self.inbox.handle_deadline(self.now);
        self.wanted()
    }

    fn close(&mut self) -> Vec<String> {
        self.inbox.close();
        self.wanted()
    }

    /// What it wants done, but for deadlines.
    fn wanted(&mut self) -> Vec<String> {
        let actions = self.inbox.take_actions();
        actions.iter().filter(|action| !matches!(action, Action::Arm(_))).map(short).collect()
    }

    /// In how many milliseconds it wants to be looked at.
    fn armed(&mut self) -> Option<u128> {
        self.inbox.take_actions().iter().find_map(|action| match action {
            Action::Arm(at) => Some((*at - self.now).as_millis()),
            _ => None,
        })
    }
}

fn letters(messages: &[Arc<Message>]) -> String {
    messages.iter().map(|message| &*message.mid).collect()
}

fn short(action: &Action) -> String {
    let letter = |sid: &Sid| char::from(sid.0 as u8);
    match action {
        Action::Push { seq, message } => format!("push {seq} {}", message.mid),
        Action::Settle { sid, how, .. } => format!("{} {how:?}", letter(sid)),
        Action::NotHere(_) => "not here".to_owned(),
        Action::Read { after, .. } => format!("read above {}", after.0),
        Action::Deposit(messages) => format!("deposit {}", letters(messages)),
        Action::Withdraw(messages) => format!("withdraw {}", letters(messages)),
        Action::Remove { rows, .. } => {
            let rows: Vec<_> = rows.iter().map(|row| row.0).collect();
            format!("remove {rows:?}")
        }
        Action::Arm(_) => "arm".to_owned(),
    }
}

const NOTHING: [&str; 0] = [];

#[test]
fn a_login_is_shown_rows_first_and_then_what_came_meanwhile() {
    let mut rig = Rig::held();
    assert_eq!(rig.send("x"), NOTHING);
    rig.inbox.open(rig.now);
    assert_eq!(rig.wanted(), ["read above 0"]);
    assert_eq!(rig.send("y"), NOTHING);
    let wanted = rig.rows(&[(1, 'a'), (2, 'b')]);
    assert_eq!(wanted, ["push 1 a", "push 2 b", "push 3 x", "push 4 y"]);
    assert_eq!(rig.send("z"), ["push 5 z"]);
}

#[test]
fn an_acknowledgement_settles_live_messages_and_removes_rows() {
    let mut rig = Rig::reading();
    rig.rows(&[(1, 'a'), (2, 'b')]);
    rig.send("x");
    assert_eq!(rig.received(1), ["remove [1]"]);
    assert_eq!(rig.received(3), ["x Delivered", "remove [2]"]);
    assert!(rig.inbox.is_idle() && rig.inbox.is_settled());
}

#[test]
fn an_acknowledgement_may_be_repeated_but_not_invented() {
    let mut rig = Rig::idle();
    rig.send("x");
    assert_eq!(rig.received(1), ["x Delivered"]);
    assert_eq!(rig.received(1), NOTHING);
    assert_eq!(rig.received(0), NOTHING);
    assert_eq!(rig.inbox.handle_received(rig.now, 2), Err(NeverPushed));
    assert_eq!(rig.inbox.handle_received(rig.now, u64::MAX), Err(NeverPushed));
}

#[test]
fn for_an_original_client_written_is_acknowledged() {
    let mut rig = Rig::held();
    rig.inbox.first_page(rig.now, vec![row(1, 'a'), row(2, 'b')], FULL_PAGE);
    rig.inbox.open(rig.now);
    assert_eq!(rig.wanted(), NOTHING);
    rig.send("x");
    rig.inbox.handle_written(rig.now);
    assert_eq!(rig.wanted(), ["x Delivered", "remove [1, 2]"]);
    rig.inbox.handle_written(rig.now);
    assert_eq!(rig.wanted(), NOTHING);
}

#[test]
fn mail_brings_the_new_rows_before_live_messages() {
    let mut rig = Rig::idle();
    assert_eq!(rig.mail(7), ["read above 0"]);
    assert_eq!(rig.send("x"), NOTHING);
    assert_eq!(rig.rows(&[(7, 'a')]), ["push 1 a", "push 2 x"]);
}

#[test]
fn mail_that_comes_while_rows_are_read_is_not_missed() {
    let mut rig = Rig::reading();
    assert_eq!(rig.mail(3), NOTHING);
    assert_eq!(rig.rows(&[(5, 'a')]), ["push 1 a", "read above 2"]);
    assert_eq!(rig.rows(&[(3, 'b'), (5, 'a')]), ["push 2 b"]);
}

#[test]
fn mail_before_the_login_is_answered_is_not_missed() {
    let mut rig = Rig::held();
    rig.mail(3);
    rig.inbox.first_page(rig.now, vec![row(5, 'a')], FULL_PAGE);
    rig.inbox.open(rig.now);
    assert_eq!(rig.wanted(), ["read above 2"]);
}

#[test]
fn rows_that_are_being_removed_are_not_shown_again() {
    let mut rig = Rig::reading();
    rig.rows(&[(1, 'a')]);
    assert_eq!(rig.received(1), ["remove [1]"]);
    rig.mail(1);
    // The read may have been carried out before the removal, whichever answer is first.
    assert_eq!(rig.removed("a"), NOTHING);
    assert_eq!(rig.rows(&[(1, 'a')]), NOTHING);
    assert!(rig.inbox.is_idle());
    assert!(rig.inbox.excess.is_none(), "what is gone is forgotten");
}

#[test]
fn when_the_store_does_not_answer_it_is_asked_again_later() {
    let mut rig = Rig::reading();
    rig.inbox.handle_rows(rig.now, None);
    assert_eq!(rig.armed(), Some(1500));
    assert_eq!(rig.send("x"), NOTHING);
    assert_eq!(rig.mail(1), NOTHING);
    assert_eq!(rig.wait(PATIENCE), ["deposit x", "read above 0"]);
}

#[test]
fn no_more_than_256_are_in_flight() {
    let mut rig = Rig::idle();
    for _ in 0..300 {
        rig.send("x");
    }
    assert_eq!(rig.inbox.window.next_seq(), 257);
    let wanted = rig.received(10);
    assert_eq!(wanted.iter().filter(|action| action.starts_with("push")).count(), 10);
    assert_eq!(rig.inbox.window.next_seq(), 267);
}

#[test]
fn large_messages_fill_the_window_by_their_bytes() {
    let mut rig = Rig::idle();
    let large = "x".repeat(300_000);
    for letter in "abcdef".chars() {
        rig.inbox.handle_message(rig.now, message(letter, &large), DEBT, false);
    }
    let pushed = |wanted: &[String]| wanted.iter().filter(|a| a.starts_with("push")).count();
    assert_eq!(pushed(&rig.wanted()), 4);
    assert_eq!(pushed(&rig.received(2)), 2);
}

#[test]
fn rows_are_fetched_as_room_appears() {
    let mut rig = Rig::reading();
    let page: Vec<_> = (1..=256).map(|id| (id, 'a')).collect();
    // Distinct ids, since a row of a message that is shown already is only noted.
    let rows = page.iter().map(|(id, _)| {
        let mut row = row(*id, 'a');
        Arc::make_mut(&mut row.message).sid = Sid(*id as u128);
        row
    });
    rig.inbox.handle_rows(rig.now, Some(rows.collect()));
    assert_eq!(rig.wanted().len(), 256);
    assert_eq!(rig.send("x"), NOTHING);
    assert_eq!(rig.received(2), ["remove [1, 2]", "read above 256"]);
    assert_eq!(rig.rows(&[]), ["push 257 x"]);
}

#[test]
fn a_silent_client_gets_a_row_and_its_sender_an_answer() {
    let mut rig = Rig::idle();
    rig.inbox.handle_message(rig.now, message('x', ""), DEBT, false);
    assert_eq!(rig.armed(), Some(1500));
    assert_eq!(rig.wait(PATIENCE), ["deposit x"]);
    assert_eq!(rig.deposited(Ok(&[4])), ["x Stored"]);
    assert!(rig.inbox.is_settled() && !rig.inbox.is_idle());
    assert_eq!(rig.received(1), ["remove [4]"]);
}

#[test]
fn a_row_of_what_is_acknowledged_meanwhile_is_withdrawn() {
    let mut rig = Rig::idle();
    rig.send("xy");
    rig.wait(PATIENCE);
    assert_eq!(rig.received(1), ["x Delivered", "withdraw x"]);
    assert_eq!(rig.deposited(Ok(&[4, 5])), ["y Stored"]);
    assert_eq!(rig.removed("x"), NOTHING);
    assert_eq!(rig.received(2), ["remove [5]"]);
}

#[test]
fn a_silent_clients_backlog_becomes_rows_that_come_back_in_order() {
    let mut rig = Rig::reading();
    rig.send("xy");
    assert_eq!(rig.wait(PATIENCE), ["deposit xy"]);
    assert_eq!(rig.rows(&[(1, 'a')]), ["push 1 a"]);
    // What comes now must not overtake what is on its way into the store.
    assert_eq!(rig.send("z"), NOTHING);
    assert_eq!(rig.deposited(Ok(&[2, 3])), ["x Stored", "y Stored", "read above 1"]);
    assert_eq!(rig.rows(&[(2, 'x'), (3, 'y')]), ["push 2 x", "push 3 y", "push 4 z"]);
}

#[test]
fn a_full_backlog_becomes_rows_at_once() {
    let mut rig = Rig::reading();
    for _ in 0..BACKLOG_MAX {
        assert_eq!(rig.send("x"), NOTHING);
    }
    let wanted = rig.send("x");
    assert_eq!(wanted, ["deposit ".to_owned() + &"x".repeat(BACKLOG_MAX + 1)]);
}

#[test]
fn too_much_behind_a_deposit_is_refused() {
    let mut rig = Rig::reading();
    for _ in 0..=BACKLOG_MAX {
        rig.send("x");
    }
    for _ in 0..=BACKLOG_MAX * SWAMPED_FACTOR {
        assert_eq!(rig.send("y"), NOTHING);
    }
    assert_eq!(rig.send("z"), ["z Refused(Swamped)"]);
}

#[test]
fn a_refused_deposit_drops_everything_that_waits() {
    let mut rig = Rig::reading();
    rig.rows(&[]);
    rig.send("w");
    rig.mail(9);
    rig.send("x");
    assert_eq!(rig.wait(PATIENCE), ["deposit wx"]);
    rig.send("y");
    let wanted = rig.deposited(Err(Refusal::MailboxFull));
    let refused = |letter| format!("{letter} Refused(MailboxFull)");
    assert_eq!(wanted, [refused('w'), refused('x'), refused('y')]);
    // It was shown all the same, and may be acknowledged.
    assert_eq!(rig.received(1), NOTHING);
    assert!(rig.inbox.is_settled());
}

#[test]
fn what_is_here_already_is_not_taken_twice() {
    let mut rig = Rig::idle();
    rig.send("x");
    assert_eq!(rig.send_again('x'), NOTHING);
    rig.received(1);
    assert_eq!(rig.send_again('x'), ["push 2 x"]);
    rig.mail(1);
    rig.send("y");
    assert_eq!(rig.send_again('y'), NOTHING);
    assert_eq!(rig.rows(&[]), ["push 3 y"]);
}

#[test]
fn what_is_in_a_deposit_is_not_taken_twice() {
    let mut rig = Rig::reading();
    rig.send("x");
    rig.wait(PATIENCE);
    rig.send_again('x');
    rig.rows(&[]);
    rig.deposited(Ok(&[1]));
    assert_eq!(rig.rows(&[(1, 'x')]), ["push 1 x"]);
}

#[test]
fn a_row_of_what_waits_takes_its_place_and_its_debt() {
    let mut rig = Rig::reading();
    rig.send("xy");
    assert_eq!(rig.rows(&[(1, 'y')]), ["push 1 y", "push 2 x"]);
    assert_eq!(rig.received(2), ["y Delivered", "x Delivered", "remove [1]"]);
    assert!(rig.inbox.is_idle());
}

#[test]
fn a_closed_inbox_gives_every_debt_back() {
    let mut rig = Rig::idle();
    rig.send("x");
    rig.mail(1);
    rig.send("y");
    rig.wait(PATIENCE);
    rig.send("z");
    assert_eq!(rig.close(), ["not here"; 3]);
}

#[test]
fn what_a_row_holds_is_not_given_back() {
    let mut rig = Rig::idle();
    rig.send("x");
    rig.wait(PATIENCE);
    rig.deposited(Ok(&[1]));
    assert_eq!(rig.close(), NOTHING);
}

#[test]
fn a_stopping_node_stores_everything() {
    let mut rig = Rig::idle();
    rig.send("x");
    rig.mail(1);
    rig.send("y");
    rig.inbox.store_debts();
    assert_eq!(rig.wanted(), ["deposit xy"]);
    rig.inbox.store_debts();
    assert_eq!(rig.wanted(), NOTHING);
    assert!(!rig.inbox.is_settled());
    rig.deposited(Ok(&[1, 2]));
    assert!(rig.inbox.is_settled());
}

#[test]
fn a_deposit_that_is_never_answered_is_not_looked_at_all_the_time() {
    let mut rig = Rig::idle();
    rig.send("x");
    rig.now += PATIENCE;
    rig.inbox.handle_deadline(rig.now);
    assert!(rig.armed().is_some_and(|ms| ms >= 1500 / 8));
    rig.now += PATIENCE;
    rig.inbox.handle_deadline(rig.now);
    assert!(rig.armed().is_some_and(|ms| ms >= 1500 / 8));
}

#[test]
fn stray_answers_do_nothing() {
    let mut rig = Rig::idle();
    assert_eq!(rig.rows(&[(1, 'a')]), NOTHING);
    assert_eq!(rig.deposited(Ok(&[1])), NOTHING);
    assert_eq!(rig.deposited(Err(Refusal::MailboxFull)), NOTHING);
    assert_eq!(rig.removed("a"), NOTHING);
}

#[test]
fn what_rests_keeps_no_memory_but_for_what_is_shown() {
    let mut rig = Rig::idle();
    rig.send("x");
    rig.inbox.rest();
    assert_eq!(rig.received(1), ["x Delivered"]);
    rig.mail(1);
    rig.rows(&[(1, 'y')]);
    rig.received(2);
    rig.inbox.rest();
    assert!(rig.inbox.is_writing(), "the removal is not forgotten");
    rig.removed("y");
    rig.inbox.rest();
    assert!(rig.inbox.excess.is_none() && rig.inbox.window.has_rested());
}
