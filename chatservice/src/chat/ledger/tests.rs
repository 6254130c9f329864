//! Each test feeds a ledger and compares what it wants done, written in short: `1>2` is the lane
//! of user 1 to user 2, letters are messages, `@7` is connection 7.

use chatproto::ChatObject;

use super::*;
use crate::chat::effect::{ConnId, ShardId};
use crate::message::Audience;

const PATIENCE: Duration = Duration::from_secs(3);
const AB: LaneKey = lane(1, 2);

const fn lane(sender: i64, recipient: i64) -> LaneKey {
    LaneKey { sender: UserId(sender), recipient: UserId(recipient) }
}

const fn at(conn: u64) -> Place {
    let login = LoginId { conn: ConnId(conn), number: conn };
    Place { shard: ShardId { node: NodeId::ALONE, index: 0 }, login }
}

/// The letter's place in the alphabet.
fn sid(letter: char) -> Sid {
    Sid(letter as u128 - 'a' as u128)
}

struct Rig {
    ledger: Ledger,
    now: Instant,
    /// Messages without debts.
    over: usize,
}

impl Rig {
    fn new() -> Self {
        Self { ledger: Ledger::new(PATIENCE, false), now: Instant::now(), over: 0 }
    }

    /// User 1 sends messages, each to all of `recipients`.
    fn send(&mut self, letters: &str, recipients: &[i64]) -> Vec<String> {
        for letter in letters.chars() {
            self.hand_in(letter, Some(letter.to_string().into()), recipients);
        }
        self.wanted()
    }

    /// User 1 sends a message to user 2 and wants no answer.
    fn send_without_mid(&mut self, letter: char) -> Vec<String> {
        self.hand_in(letter, None, &[2]);
        self.wanted()
    }

    fn hand_in(&mut self, letter: char, mid: Option<CompactString>, recipients: &[i64]) {
        let text = letter.to_string();
        let object = ChatObject::direct(UserId(1), "a", UserId(2), &text, "");
        let (sid, sender, audience) = (sid(letter), UserId(1), Audience::One);
        let message = Message { sid, sender, mid: text.into(), audience, object };
        let asker = Asker { login: at(1).login, user: UserId(1), mid };
        let recipients = recipients.iter().copied().map(UserId);
        self.ledger.handle_message(self.now, asker, &Arc::new(message), recipients);
    }

    fn located(&mut self, place: Option<Place>) -> Vec<String> {
        let found = place.map_or(Located::Offline, Located::At);
        self.ledger.handle_located(self.now, AB, found);
        self.wanted()
    }

    fn settled(&mut self, letter: char, how: Settlement) -> Vec<String> {
        self.ledger.handle_settled(self.now, AB, sid(letter), how);
        self.wanted()
    }

    fn not_here(&mut self, conn: u64) -> Vec<String> {
        self.ledger.handle_not_here(AB, at(conn));
        self.wanted()
    }

    fn deposited(&mut self, result: Result<&[i64], Refusal>) -> Vec<String> {
        let rows = result.map(|rows| rows.iter().copied().map(RowId).collect());
        self.ledger.handle_deposited(self.now, AB, rows);
        self.wanted()
    }

    /// A message of which the recipient at connection 7 was told that row 10 holds it.
    fn mailing() -> Self {
        let mut rig = Self::depositing();
        rig.deposited(Ok(&[10]));
        assert_eq!(rig.located(Some(at(7))), ["mail @7 10"]);
        rig
    }

    fn mail_taken(&mut self, from: Place) -> Vec<String> {
        self.ledger.handle_mail_taken(self.now, AB, from);
        self.wanted()
    }

    fn wait(&mut self, time: Duration) -> Vec<String> {
        self.now += time;
        self.ledger.handle_deadline(self.now, AB);
        self.wanted()
    }

    fn wanted(&mut self) -> Vec<String> {
        let mut actions = Vec::new();
        self.ledger.swap_actions(&mut actions);
        let shown = actions.iter().filter(|action| !matches!(action, Action::Over { .. }));
        self.over += actions.len() - shown.clone().count();
        shown.map(|action| self.short(action)).collect()
    }

    /// [`Action::Over`] is only counted.
    fn short(&self, action: &Action) -> String {
        let key = |lane: &LaneKey| format!("{}>{}", lane.sender, lane.recipient);
        match action {
            Action::Locate(lane) => format!("locate {}", key(lane)),
            Action::Deliver { place, lane, again, message } => {
                let again = if *again { " again" } else { "" };
                format!("deliver {} {} @{}{again}", key(lane), message.mid, place.login.conn.0)
            }
            Action::Deposit { lane, messages } => {
                let mids: String = messages.iter().map(|message| &*message.mid).collect();
                format!("deposit {} {mids}", key(lane))
            }
            Action::Remove { recipient, rows } => {
                let rows: Vec<_> = rows.iter().map(|row| row.0).collect();
                format!("remove {recipient} {rows:?}")
            }
            Action::Mail { place, first, .. } => {
                format!("mail @{} {}", place.login.conn.0, first.0)
            }
            Action::Arm { at, .. } => format!("look in {} ms", (*at - self.now).as_millis()),
            Action::Answer(answer) => {
                format!("{} {:?}", answer.mid.as_deref().unwrap_or("?"), answer.how)
            }
            Action::Over { login, .. } => format!("over @{}", login.conn.0),
        }
    }

    /// `a` is on its way to user 2 at connection 7.
    fn live() -> Self {
        let mut rig = Self::new();
        rig.send("a", &[2]);
        rig.located(Some(at(7)));
        rig
    }

    /// `a` is in a deposit.
    fn depositing() -> Self {
        let mut rig = Self::new();
        rig.send("a", &[2]);
        rig.located(None);
        rig
    }
}

#[test]
fn what_is_sent_waits_for_the_place_and_then_goes_in_order() {
    let mut rig = Rig::new();
    assert_eq!(rig.send("a", &[2]), ["locate 1>2", "look in 3000 ms"]);
    assert_eq!(rig.send("b", &[2]), [""; 0]);
    assert_eq!(rig.located(Some(at(7))), ["deliver 1>2 a @7", "deliver 1>2 b @7"]);
    assert_eq!(rig.send("c", &[2]), ["deliver 1>2 c @7"]);
    assert_eq!(rig.settled('a', Settlement::Delivered), ["a Delivered"]);
    assert!(!rig.ledger.is_settled());
    assert_eq!(rig.settled('b', Settlement::Stored), ["b Stored"]);
    assert_eq!(rig.settled('c', Settlement::Delivered), ["c Delivered"]);
    assert!(rig.ledger.is_settled());
}

#[test]
fn an_answer_that_is_older_than_the_question_says_nothing() {
    let mut rig = Rig::new();
    rig.send("a", &[2]);
    assert_eq!(rig.wait(PATIENCE), ["deposit 1>2 a", "look in 3000 ms"]);
    assert_eq!(rig.deposited(Ok(&[10])), ["locate 1>2"]);
    assert_eq!(rig.send("b", &[2]), [""; 0]);
    assert_eq!(rig.located(None), [""; 0], "the recipient may have come since, and read");
    assert_eq!(rig.located(Some(at(7))), ["mail @7 10"]);
    assert_eq!(rig.mail_taken(at(7)), ["deliver 1>2 b @7 again", "a Stored"]);
}

#[test]
fn what_was_settled_once_is_not_settled_again() {
    let mut rig = Rig::live();
    rig.settled('a', Settlement::Delivered);
    assert_eq!(rig.settled('a', Settlement::Delivered), [""; 0]);
    assert_eq!(rig.settled('z', Settlement::Delivered), [""; 0]);
}

#[test]
fn a_message_to_nobody_is_delivered_at_once() {
    assert_eq!(Rig::new().send("a", &[]), ["a Delivered"]);
}

#[test]
fn the_worst_end_of_all_debts_is_what_the_sender_is_told() {
    use Settlement::{Delivered, Refused, Stored};
    let refused = Refused(Refusal::MailboxFull);
    for (ends, told) in [
        ([Delivered, Delivered], Delivered),
        ([Delivered, Stored], Stored),
        ([Stored, Delivered], Stored),
        ([Stored, refused], refused),
    ] {
        let mut rig = Rig::new();
        rig.send("a", &[2, 3]);
        rig.ledger.handle_settled(rig.now, lane(1, 2), sid('a'), ends[0]);
        assert_eq!(rig.wanted(), [""; 0]);
        rig.ledger.handle_settled(rig.now, lane(1, 3), sid('a'), ends[1]);
        assert_eq!(rig.wanted(), [format!("a {told:?}")]);
    }
}

#[test]
fn a_refusal_is_told_at_once_and_only_it() {
    let mut rig = Rig::new();
    rig.send("a", &[2, 3]);
    let refused = Settlement::Refused(Refusal::MailboxFull);
    assert_eq!(rig.settled('a', refused), [format!("a {refused:?}")]);
    assert_eq!(rig.over, 0, "user 3 may still get it");
    rig.ledger.handle_settled(rig.now, lane(1, 3), sid('a'), Settlement::Delivered);
    assert_eq!(rig.wanted(), [""; 0]);
    assert_eq!(rig.over, 1);
    assert!(rig.ledger.is_settled());
}

#[test]
fn who_is_offline_gets_rows_and_mail_before_anything_live() {
    let mut rig = Rig::new();
    rig.send("ab", &[2]);
    assert_eq!(rig.located(None), ["deposit 1>2 ab"]);
    assert_eq!(rig.send("c", &[2]), [""; 0]);
    // It may have come in the meantime, and have read its rows too early.
    assert_eq!(rig.deposited(Ok(&[11, 10])), ["locate 1>2"]);
    assert_eq!(rig.located(Some(at(7))), ["mail @7 10"]);
    // Nobody is answered, and nothing sent behind it, before it knows of the rows.
    assert_eq!(rig.mail_taken(at(6)), [""; 0]);
    let wanted = rig.mail_taken(at(7));
    assert_eq!(wanted, ["deliver 1>2 c @7", "a Stored", "b Stored"]);
}

#[test]
fn mail_that_nobody_takes_waits_until_everybody_has_looked() {
    let mut rig = Rig::mailing();
    rig.send("b", &[2]);
    assert_eq!(rig.wait(PATIENCE - Duration::from_millis(1)), ["look in 1 ms"]);
    let wanted = rig.wait(Duration::from_millis(1));
    assert_eq!(wanted, ["locate 1>2", "look in 3000 ms", "a Stored"]);
    assert_eq!(rig.located(Some(at(8))), ["deliver 1>2 b @8"]);
}

#[test]
fn mail_follows_a_recipient_who_has_moved() {
    let mut rig = Rig::mailing();
    rig.ledger.handle_not_here(AB, at(7));
    assert_eq!(rig.wanted(), ["locate 1>2"]);
    assert_eq!(rig.located(Some(at(8))), ["mail @8 10"]);
    assert_eq!(rig.mail_taken(at(8)), ["a Stored"]);
}

#[test]
fn a_row_whose_message_arrives_while_its_mail_is_out_is_removed() {
    let mut rig = Rig::mailing();
    let wanted = rig.settled('a', Settlement::Delivered);
    assert_eq!(wanted, ["remove 2 [10]", "a Delivered"]);
}

#[test]
fn after_a_lost_link_everything_open_is_said_again() {
    let mut rig = Rig::new();
    rig.send("ab", &[2]);
    rig.located(Some(at(7)));
    rig.settled('a', Settlement::Delivered);
    rig.ledger.handle_link_lost(NodeId(99));
    assert_eq!(rig.wanted(), [""; 0]);
    rig.ledger.handle_link_lost(NodeId::ALONE);
    assert_eq!(rig.wanted(), ["deliver 1>2 b @7 again"]);
    let mut rig = Rig::mailing();
    rig.ledger.handle_link_lost(NodeId::ALONE);
    assert_eq!(rig.wanted(), ["mail @7 10"]);
}

#[test]
fn what_was_sent_to_a_node_that_ended_becomes_rows() {
    let mut rig = Rig::new();
    rig.send("ab", &[2]);
    rig.located(Some(at(7)));
    rig.ledger.handle_unreachable(NodeId::ALONE);
    assert_eq!(rig.wanted(), ["deposit 1>2 ab"]);
}

#[test]
fn a_recipient_who_cannot_be_found_gets_rows_and_looks_for_them() {
    let mut rig = Rig::new();
    rig.send("a", &[2]);
    rig.ledger.handle_located(rig.now, AB, Located::Unknown);
    assert_eq!(rig.wanted(), ["deposit 1>2 a"]);
    rig.deposited(Ok(&[10]));
    rig.ledger.handle_located(rig.now, AB, Located::Unknown);
    assert_eq!(rig.wanted(), [""; 0]);
    rig.wait(PATIENCE / 2);
    assert_eq!(rig.wait(PATIENCE / 2), ["a Stored"]);
}

#[test]
fn who_stays_offline_gets_the_next_rows() {
    let mut rig = Rig::depositing();
    rig.send("b", &[2]);
    rig.deposited(Ok(&[10]));
    assert_eq!(rig.located(None), ["deposit 1>2 b", "a Stored"]);
    rig.deposited(Ok(&[11]));
    assert_eq!(rig.located(None), ["b Stored"]);
    assert_eq!(rig.send("c", &[2]), ["locate 1>2"]);
}

#[test]
fn a_refused_deposit_refuses_everything_behind_it_too() {
    let mut rig = Rig::depositing();
    rig.send("b", &[2]);
    let refused = "Refused(StoreUnavailable)";
    let wanted = rig.deposited(Err(Refusal::StoreUnavailable));
    assert_eq!(wanted, [format!("a {refused}"), format!("b {refused}")]);
}

#[test]
fn what_was_refused_comes_again_first() {
    let mut rig = Rig::depositing();
    rig.deposited(Err(Refusal::StoreUnavailable));
    let early = ["c Refused(StoreUnavailable)"];
    assert_eq!(rig.send("c", &[2]), early, "sent before its sender could know");
    assert_eq!(rig.send("a", &[2]), ["locate 1>2"]);
    assert_eq!(rig.send("c", &[2]), Vec::<String>::new(), "behind it");
}

#[test]
fn a_message_that_comes_again_is_kept_where_it_is_the_next_one() {
    let mut rig = Rig::new();
    rig.send("a", &[2, 3]);
    rig.located(None);
    rig.deposited(Err(Refusal::StoreUnavailable));
    // User 3 had it, and misses the one behind it.
    let ac = lane(1, 3);
    rig.ledger.handle_located(rig.now, ac, Located::At(at(7)));
    rig.ledger.handle_settled(rig.now, ac, sid('a'), Settlement::Delivered);
    rig.send("b", &[3]);
    let refused = Settlement::Refused(Refusal::StoreUnavailable);
    rig.ledger.handle_settled(rig.now, ac, sid('b'), refused);
    rig.wanted();
    let wanted = rig.send("a", &[2, 3]);
    assert!(wanted.contains(&"locate 1>2".to_owned()), "{wanted:?}");
    rig.send("b", &[2, 3]);
    assert_eq!(rig.located(Some(at(8))), ["deliver 1>2 a @8", "deliver 1>2 b @8"]);
}

#[test]
fn a_refused_message_that_does_not_come_again_is_not_waited_for_for_ever() {
    let mut rig = Rig::depositing();
    rig.deposited(Err(Refusal::StoreUnavailable));
    rig.wait(PATIENCE);
    assert_eq!(rig.send("c", &[2]), ["locate 1>2", "look in 3000 ms"]);
}

#[test]
fn who_gives_no_mid_does_not_wait() {
    let mut rig = Rig::depositing();
    rig.deposited(Err(Refusal::StoreUnavailable));
    assert_eq!(rig.send_without_mid('c'), ["locate 1>2"]);
}

#[test]
fn rows_of_what_was_delivered_meanwhile_go_again() {
    let mut rig = Rig::live();
    rig.send("b", &[2]);
    assert_eq!(rig.wait(PATIENCE), ["deposit 1>2 ab", "look in 3000 ms"]);
    assert_eq!(rig.settled('a', Settlement::Delivered), ["a Delivered"]);
    assert_eq!(rig.deposited(Ok(&[10, 11])), ["remove 2 [10]", "locate 1>2"]);
}

#[test]
fn rows_that_the_recipients_side_wrote_as_well_stay() {
    let mut rig = Rig::live();
    rig.wait(PATIENCE);
    assert_eq!(rig.settled('a', Settlement::Stored), ["a Stored"]);
    assert_eq!(rig.deposited(Ok(&[10])), ["locate 1>2"]);
}

#[test]
fn when_the_session_is_gone_all_debts_go_the_new_way_in_order() {
    let mut rig = Rig::live();
    rig.send("bc", &[2]);
    rig.settled('b', Settlement::Delivered);
    assert_eq!(rig.not_here(7), ["locate 1>2"]);
    assert_eq!(rig.not_here(7), [""; 0]);
    let wanted = rig.located(Some(at(8)));
    assert_eq!(wanted, ["deliver 1>2 a @8 again", "deliver 1>2 c @8 again"]);
    assert_eq!(rig.not_here(7), [""; 0], "an old answer changes nothing");
    assert_eq!(rig.send("d", &[2]), ["deliver 1>2 d @8"]);
}

#[test]
fn without_debts_a_lost_way_is_looked_for_later() {
    let mut rig = Rig::live();
    rig.settled('a', Settlement::Delivered);
    assert_eq!(rig.not_here(7), [""; 0]);
    assert_eq!(rig.send("b", &[2]), ["locate 1>2"]);
}

#[test]
fn who_is_never_where_it_should_be_gets_rows() {
    let mut rig = Rig::live();
    for _ in 0..3 {
        assert_eq!(rig.not_here(7), ["locate 1>2"]);
        rig.located(Some(at(7)));
    }
    assert_eq!(rig.not_here(7), ["deposit 1>2 a"]);
}

#[test]
fn a_silent_recipients_side_is_waited_for_once_and_never_spins() {
    let mut rig = Rig::live();
    rig.now += Duration::from_secs(1);
    assert_eq!(rig.wait(Duration::ZERO), ["look in 2000 ms"]);
    assert_eq!(rig.wait(PATIENCE), ["deposit 1>2 a", "look in 3000 ms"]);
    // The store is slow: one deposit at a time.
    assert_eq!(rig.wait(PATIENCE), ["look in 3000 ms"]);
    rig.deposited(Ok(&[10]));
    rig.located(None);
    assert_eq!(rig.wait(PATIENCE), [""; 0]);
}

#[test]
fn idle_lanes_are_forgotten() {
    let mut rig = Rig::live();
    rig.settled('a', Settlement::Delivered);
    assert_eq!(rig.ledger.lanes.len(), 1);
    rig.wait(PATIENCE);
    assert_eq!(rig.ledger.lanes.len(), 0);
}

#[test]
fn a_lane_whose_last_deposit_ends_late_is_forgotten_too() {
    let mut rig = Rig::live();
    rig.wait(PATIENCE);
    rig.settled('a', Settlement::Delivered);
    rig.wait(PATIENCE);
    rig.deposited(Ok(&[10]));
    rig.located(Some(at(7)));
    assert_eq!(rig.ledger.lanes.len(), 0);
}

#[test]
fn answers_for_unknown_lanes_do_nothing() {
    let mut rig = Rig::new();
    rig.located(Some(at(7)));
    rig.not_here(7);
    rig.settled('a', Settlement::Delivered);
    rig.deposited(Ok(&[1]));
    assert_eq!(rig.wait(PATIENCE), [""; 0]);
}

#[test]
fn stray_answers_do_not_disturb_a_lane() {
    let mut rig = Rig::live();
    assert_eq!(rig.located(Some(at(9))), [""; 0]);
    assert_eq!(rig.deposited(Ok(&[10])), [""; 0]);
    assert_eq!(rig.deposited(Err(Refusal::MailboxFull)), [""; 0]);
    assert_eq!(rig.send("b", &[2]), ["deliver 1>2 b @7"]);
}

#[test]
fn the_room_of_lanes_that_are_over_is_given_back() {
    let mut rig = Rig::new();
    let recipients: Vec<i64> = (2..5002).collect();
    rig.send("a", &recipients);
    assert!(rig.ledger.lanes.capacity() >= recipients.len());
    for key in rig.ledger.keys() {
        rig.ledger.handle_located(rig.now, key, Located::At(at(7)));
        rig.ledger.handle_settled(rig.now, key, sid('a'), Settlement::Delivered);
    }
    rig.now += PATIENCE * 2;
    for key in rig.ledger.keys() {
        rig.ledger.handle_deadline(rig.now, key);
    }
    assert!(rig.ledger.lanes.is_empty());
    assert!(rig.ledger.lanes.capacity() <= LANES_KEPT * 2);
}
