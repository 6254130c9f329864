//! The clients of a run: who they are, whom they write to, and their threads.

use std::io;
use std::ops::Range;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use fastrand::Rng;
use serde_json::{Value, json};

use crate::client::{
    Account, Control, Entry, Habits, Messenger, OriginalClient, Seat, ask, register,
};
use crate::cluster::Cluster;
use crate::history::{ClientNumber, History, Style, Target, What};

/// How many clients, and how busy.
#[derive(Clone, Debug)]
pub struct Load {
    /// Acknowledging clients; at least 4.
    pub messengers: usize,
    /// Original clients.
    pub originals: usize,
    /// How acknowledging clients behave; when they join is seen to.
    pub habits: Habits,
}

/// An acknowledging client writes to so many users, besides its groups.
const PEERS: usize = 4;
/// An original client's mean time between two messages: people type.
const BETWEEN_TYPED: Duration = Duration::from_millis(500);
/// When late members join, one after the other.
const JOIN_AFTER: Duration = Duration::from_secs(5);
/// Nodes that have just started find each other in a second or two.
const SET_UP_WITHIN: Duration = Duration::from_secs(10);
const ASK_AGAIN: Duration = Duration::from_millis(100);
/// Members that come late.
const LATE: usize = 2;

impl Default for Load {
    fn default() -> Self {
        Self {
            messengers: 12,
            originals: 3,
            habits: Habits {
                between_messages: Duration::from_millis(100),
                unanswered_max: 64,
                unanswered_per_target: 12,
                stay: Some(Duration::from_secs(15)),
                away: Duration::from_secs(2),
                joins: None,
            },
        }
    }
}

/// All clients, running.
pub(super) struct Crowd {
    messengers: Range<ClientNumber>,
    threads: Vec<JoinHandle<()>>,
}

struct Person {
    seat: Seat,
    account: Account,
    targets: Vec<Target>,
    joins: Option<(Duration, i64)>,
}

impl Crowd {
    /// Registers everybody, makes two groups, and lets all clients loose.
    pub(super) fn start(
        cluster: &Cluster,
        control: &mut Control,
        history: &History,
        load: &Load,
        seed: u64,
    ) -> io::Result<Self> {
        let entries = cluster.entries();
        let mut random = Rng::with_seed(seed);
        let count = load.messengers + load.originals;
        let mut people: Vec<Person> = Vec::new();
        for number in 0..count {
            let messenger = number < load.messengers;
            let style = if messenger { Style::Acknowledging } else { Style::Original };
            let entry = &entries[number % entries.len()];
            let account = register(entry, &format!("client {number}"))?;
            let seat = control.seat();
            seat.record(What::Registered { account: account.id, style });
            people.push(Person { seat, account, targets: Vec::new(), joins: None });
        }
        let half: Vec<ClientNumber> = (0..load.messengers / 2).collect();
        // An original client is in the other one, if there is any.
        let mut odd: Vec<ClientNumber> = (0..load.messengers).filter(|it| it % 2 == 1).collect();
        odd.extend((load.messengers..count).take(1));
        for (name, members) in [("half", &half), ("odd", &odd)] {
            found_group(&entries, &mut people, name, members, history)?;
        }
        let group = people[0].targets[0];
        if let Target::Group(group) = group {
            for (late, after) in (load.messengers / 2..load.messengers).take(LATE).zip(1..) {
                people[late].joins = Some((JOIN_AFTER * after, group));
            }
        }
        choose_peers(&mut people, &mut random);
        let threads = people.into_iter().enumerate().map(|(number, person)| {
            let seed = random.u64(..);
            let entries = entries.clone();
            let messenger = number < load.messengers;
            start(person, entries, messenger.then_some(&load.habits), seed)
        });
        let threads: io::Result<Vec<_>> = threads.collect();
        Ok(Self { messengers: 0..load.messengers, threads: threads? })
    }

    /// The acknowledging clients.
    pub(super) fn messengers(&self) -> Range<ClientNumber> {
        self.messengers.clone()
    }

    /// Waits for all to leave; who did not leave by itself.
    pub(super) fn join(self) -> Vec<String> {
        let ends = self.threads.into_iter().enumerate();
        ends.filter_map(|(number, thread)| {
            thread.join().err().map(|_| format!("client {number} panicked"))
        })
        .collect()
    }
}

fn start(
    person: Person,
    entries: Vec<Entry>,
    habits: Option<&Habits>,
    seed: u64,
) -> io::Result<JoinHandle<()>> {
    let Person { seat, account, targets, joins } = person;
    let thread = thread::Builder::new().name(format!("client {}", seat.number));
    match habits {
        Some(habits) => {
            let habits = Habits { joins, ..habits.clone() };
            let client = Messenger::new(seat, account, entries, targets, habits, seed);
            thread.spawn(move || client.run())
        }
        None => {
            // It cannot tell that a connection is dead, so it takes none that dies in silence.
            let entries = entries.into_iter().filter(|entry| !entry.dies_in_silence).collect();
            let client = OriginalClient::new(seat, account, entries, targets, BETWEEN_TYPED, seed);
            thread.spawn(move || client.run())
        }
    }
}

/// The first of `members` makes a group and the others join it.
fn found_group(
    entries: &[Entry],
    people: &mut [Person],
    name: &str,
    members: &[ClientNumber],
    history: &History,
) -> io::Result<()> {
    let mut group = None;
    for member in members {
        let person = &mut people[*member];
        let entry = &entries[member % entries.len()];
        let request = match group {
            None => json!({"msgid": 1007, "groupname": name, "groupdesc": "", "mid": name}),
            Some(group) => {
                history.record(Some(*member), What::Joining { group });
                json!({"msgid": 1008, "groupid": group, "mid": name})
            }
        };
        let answer = ask_until_done(entry, &person.account, &request)?;
        let founded = *group.get_or_insert_with(|| answer["groupid"].as_i64().unwrap_or_default());
        history.record(Some(*member), What::Joined { group: founded });
        person.targets.push(Target::Group(founded));
    }
    Ok(())
}

/// Asks again as long as it is told to try again.
fn ask_until_done(entry: &Entry, account: &Account, request: &Value) -> io::Result<Value> {
    let deadline = Instant::now() + SET_UP_WITHIN;
    loop {
        let answer = ask(entry, account, request)?;
        match answer["errno"].as_i64() {
            Some(0) => return Ok(answer),
            Some(106 | 107) if Instant::now() < deadline => thread::sleep(ASK_AGAIN),
            _ => return Err(io::Error::other(format!("{request}: {answer}"))),
        }
    }
}

fn choose_peers(people: &mut [Person], random: &mut Rng) {
    let ids: Vec<i64> = people.iter().map(|person| person.account.id).collect();
    for (number, person) in people.iter_mut().enumerate() {
        // The one beside it, so that nobody is left out, and some others.
        person.targets.push(Target::User(ids[(number + 1) % ids.len()]));
        for _ in 1..PEERS {
            person.targets.push(Target::User(ids[random.usize(..ids.len())]));
        }
    }
}
