//! All interleavings of posters and a loop, as far as loom can try them.

use super::*;
use loom::thread;

/// What a loop does in its turns with regard to mail, by the calls that `EventLoop` makes.
struct Turns {
    letters: Vec<u32>,
    taken: Vec<u32>,
}

impl Turns {
    fn new() -> Self {
        Self { letters: Vec::new(), taken: Vec::new() }
    }

    /// As `EventLoop::run_letters`.
    fn run_letters(&mut self, mailbox: &Mailbox<u32>) {
        if mailbox.signal.take_notification() {
            mailbox.swap(&mut self.letters);
            self.taken.append(&mut self.letters);
        }
    }

    /// A turn up to the wait of the next; returns whether that would sleep.
    fn turn(&mut self, mailbox: &Mailbox<u32>) -> bool {
        self.run_letters(mailbox);
        mailbox.signal.try_sleep()
    }
}

fn mailbox() -> Arc<Mailbox<u32>> {
    Arc::new(Mailbox::new(Arc::new(WakeSignal::silent())))
}

fn post(mailbox: &Arc<Mailbox<u32>>, letters: [u32; 2]) -> thread::JoinHandle<()> {
    let mailbox = mailbox.clone();
    thread::spawn(move || {
        for letter in letters {
            mailbox.push(letter).expect("it is open");
        }
    })
}

#[test]
fn loom_no_letter_is_left_while_the_loop_sleeps() {
    loom::model(|| {
        let mailbox = mailbox();
        let poster = post(&mailbox, [1, 2]);
        let mut turns = Turns::new();
        let mut rung = 0;
        let mut asleep = false;
        for _ in 0..2 {
            // A loop that sleeps has no turn before it is woken.
            if asleep && mailbox.signal.wakeups() == rung {
                break;
            }
            rung = mailbox.signal.wakeups();
            asleep = turns.turn(&mailbox);
        }
        poster.join().expect("the poster ends");
        let woken = mailbox.signal.wakeups() > rung;
        if asleep && !woken {
            assert_eq!(turns.taken, [1, 2], "it sleeps over its mail");
        }
        // Awake or woken, it takes the rest in its next turn.
        turns.run_letters(&mailbox);
        assert_eq!(turns.taken, [1, 2]);
        assert!(mailbox.signal.wakeups() <= 2);
    });
}

#[test]
fn loom_two_posters_wake_a_sleeper_once_and_keep_their_order() {
    loom::model(|| {
        let mailbox = mailbox();
        assert!(mailbox.signal.try_sleep());
        let posters = [post(&mailbox, [10, 11]), post(&mailbox, [20, 21])];
        for poster in posters {
            poster.join().expect("the poster ends");
        }
        assert_eq!(mailbox.signal.wakeups(), 1);
        let mut turns = Turns::new();
        turns.run_letters(&mailbox);
        for pair in [[10, 11], [20, 21]] {
            let own: Vec<_> = turns.taken.iter().filter(|letter| pair.contains(letter)).collect();
            assert_eq!(own, [&pair[0], &pair[1]]);
        }
    });
}

#[test]
fn loom_a_letter_is_taken_handed_back_or_refused() {
    loom::model(|| {
        let mailbox = mailbox();
        let posting = mailbox.clone();
        let poster = thread::spawn(move || posting.push(1).is_ok());
        let mut turns = Turns::new();
        turns.turn(&mailbox);
        let rest = mailbox.close();
        let accepted = poster.join().expect("the poster ends");
        assert_eq!(turns.taken.len() + rest.len(), usize::from(accepted));
    });
}
