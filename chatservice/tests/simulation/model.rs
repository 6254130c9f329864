//! What must hold, whatever happens: every message that was answered with errno 0 reaches each
//! recipient's application, in its sender's order, and nobody else's.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use chatproto::{Chat, Delivery, Errno, Event, GroupId, Status, Target, UserId, decode_event};

use crate::profile::Profile;

/// The contract's number of pushed objects in flight.
const WINDOW_MAX: u64 = 256;
/// The only group of a run.
pub(crate) const GROUP: GroupId = GroupId(1);

/// Which message; all messages of a run are counted.
pub(crate) type MessageIndex = usize;

/// A message that some client sent.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) sender: usize,
    pub(crate) target: Target,
    /// Who must get it.
    recipients: BTreeSet<usize>,
    /// Without a mid there is no answer and no second attempt.
    pub(crate) has_mid: bool,
    answered: bool,
    refused: bool,
}

/// What was said on one connection.
#[derive(Debug, Default)]
struct Talk {
    acknowledging: bool,
    pushed: u64,
    acknowledged: u64,
    /// Where pushes to an original client end in the stream.
    ends: VecDeque<(u64, MessageIndex)>,
    /// Requests less answers, by message.
    open: BTreeMap<MessageIndex, i32>,
    /// Answered with success since they were asked last: one answer is for all requests that are
    /// open, as they are when a login at the same connection took an older one's refusal for its
    /// own.
    settled: BTreeSet<MessageIndex>,
}

/// Members of the group: those who know it, and those who may be.
#[derive(Debug, Default)]
pub(crate) struct Members {
    pub(crate) certain: BTreeSet<usize>,
    pub(crate) possible: BTreeSet<usize>,
}

/// See the module.
pub(crate) struct Model {
    failure: Option<String>,
    faultless: bool,
    /// With a failing store what was refused may come all the same, so order is judged at the end.
    store_fails: bool,
    /// With faults between nodes what has no mid may be late.
    unordered_without_mid: bool,
    disorder: Vec<(MessageIndex, String)>,
    pub(crate) messages: Vec<Sent>,
    pub(crate) members: Members,
    /// Pushes by recipient and message.
    pushed: BTreeMap<(usize, MessageIndex), usize>,
    /// What recipients have told that they have, or their kernels.
    had: BTreeSet<(usize, MessageIndex)>,
    shown: BTreeSet<(usize, MessageIndex)>,
    newest: BTreeMap<(usize, usize, Target), MessageIndex>,
    talks: BTreeMap<usize, Talk>,
}

impl Model {
    pub(crate) fn new(profile: &Profile) -> Self {
        let faultless = profile.is_faultless();
        Self {
            failure: None,
            faultless,
            store_fails: profile.store_failures > 0,
            unordered_without_mid: profile.nodes > 1 && !faultless,
            disorder: Vec::new(),
            messages: Vec::new(),
            members: Members::default(),
            pushed: BTreeMap::new(),
            had: BTreeSet::new(),
            shown: BTreeSet::new(),
            newest: BTreeMap::new(),
            talks: BTreeMap::new(),
        }
    }

    /// Something does not hold; the first one counts.
    pub(crate) fn fail(&mut self, what: impl FnOnce() -> String) {
        if self.failure.is_none() {
            self.failure = Some(what());
        }
    }

    pub(crate) fn failure(&self) -> Option<&String> {
        self.failure.as_ref()
    }

    pub(crate) fn sends(&mut self, sender: usize, target: Target, has_mid: bool) -> MessageIndex {
        let mut recipients = match target {
            Target::User(user) => BTreeSet::from([client_of(user)]),
            Target::Group(_) => self.members.certain.clone(),
        };
        if matches!(target, Target::Group(_)) {
            recipients.remove(&sender);
        }
        let (answered, refused) = (false, false);
        let sent = Sent { sender, target, recipients, has_mid, answered, refused };
        self.messages.push(sent);
        self.messages.len() - 1
    }

    pub(crate) fn requested(&mut self, link: usize, message: MessageIndex) {
        let talk = self.talk(link);
        *talk.open.entry(message).or_default() += 1;
        talk.settled.remove(&message);
    }

    /// A client says that it has everything up to `seq`.
    pub(crate) fn acknowledged(
        &mut self,
        link: usize,
        client: usize,
        seq: u64,
        messages: &[MessageIndex],
    ) {
        self.talk(link).acknowledged = seq;
        self.had.extend(messages.iter().map(|message| (client, *message)));
    }

    /// The server queued one object on a connection; in its stream it ends at `end`.
    pub(crate) fn server_said(&mut self, link: usize, client: usize, end: u64, line: &[u8]) {
        match decode_event(line) {
            Ok(Event::Chat(chat)) => self.server_pushed(link, client, end, &chat),
            Ok(Event::LoginAnswer(outcome)) if outcome.status.is_ok() => {
                let acknowledging = outcome.token.is_some();
                let talk = self.talk(link);
                (talk.acknowledging, talk.pushed, talk.acknowledged) = (acknowledging, 0, 0);
                for chat in &outcome.offline {
                    self.server_pushed(link, client, end, chat);
                }
            }
            Ok(Event::Answer { mid, status, state, .. }) => {
                self.server_answered(link, mid.as_deref(), &status, state);
            }
            Ok(_) => {}
            Err(error) => self.fail(|| format!("the server said nonsense: {error}")),
        }
    }

    /// The kernel took all up to `taken`: original clients have that.
    pub(crate) fn kernel_took(&mut self, link: usize, client: usize, taken: u64) {
        while let Some((end, message)) = self.talk(link).ends.front().copied()
            && end <= taken
        {
            self.talk(link).ends.pop_front();
            self.had.insert((client, message));
            self.shows(client, message);
        }
    }

    /// A recipient's application is shown a message, for the first time or again.
    pub(crate) fn shows(&mut self, client: usize, message: MessageIndex) {
        if !self.shown.insert((client, message)) {
            return;
        }
        let sent = &self.messages[message];
        // Where nobody may wait for a node that is out of reach, its order is kept by senders, who
        // say again what was not answered.
        if self.unordered_without_mid && !sent.has_mid {
            return;
        }
        // Who joined after the first attempt may be shown it after later ones.
        if !sent.recipients.contains(&client) {
            return;
        }
        let newest = self.newest.entry((client, sent.sender, sent.target)).or_insert(message);
        if *newest <= message {
            *newest = message;
            return;
        }
        let text = format!("client {client} was shown m{message} after m{newest}");
        if self.store_fails {
            self.disorder.push((message, text));
        } else if !sent.refused {
            self.fail(|| text);
        }
    }

    /// Everything has come to rest and everybody is online.
    pub(crate) fn check_arrivals(&mut self) {
        for (index, text) in std::mem::take(&mut self.disorder) {
            if !self.messages[index].refused {
                self.fail(|| text);
            }
        }
        let promised = |sent: &Sent| sent.answered || self.faultless;
        let missing = self.messages.iter().enumerate().filter(|(_, sent)| promised(sent)).find_map(
            |(index, sent)| {
                let shown = |recipient: &&usize| !self.shown.contains(&(**recipient, index));
                sent.recipients.iter().find(shown).map(|recipient| (index, *recipient))
            },
        );
        if let Some((index, recipient)) = missing {
            self.fail(|| format!("client {recipient} never got m{index}"));
        }
    }

    /// Everything that was asked on a connection that lives was answered.
    pub(crate) fn check_answers(&mut self, link: usize) {
        let Talk { open, settled, .. } = self.talk(link);
        let open = open.iter().find(|(message, count)| **count != 0 && !settled.contains(*message));
        if let Some((message, _)) = open.map(|(message, count)| (*message, *count)) {
            self.fail(|| format!("m{message} was not answered on link {link}"));
        }
    }

    fn talk(&mut self, link: usize) -> &mut Talk {
        self.talks.entry(link).or_default()
    }

    fn server_pushed(&mut self, link: usize, client: usize, end: u64, chat: &Chat) {
        let Some(message) = index_of(&chat.msg) else {
            return self.fail(|| format!("an unknown message: {}", chat.msg));
        };
        let sent = &self.messages[message];
        let (from, target, has_mid) = (user_of(sent.sender), sent.target, sent.has_mid);
        let may_get = match target {
            Target::User(user) => user == user_of(client),
            Target::Group(_) => client != sent.sender && self.members.possible.contains(&client),
        };
        if !may_get || chat.from != from || chat.target != target {
            return self.fail(|| format!("client {client} was pushed m{message}: {chat:?}"));
        }
        let times = self.pushed.entry((client, message)).or_default();
        *times += 1;
        if self.faultless && *times > 1 {
            return self.fail(|| format!("m{message} was pushed to client {client} twice"));
        }
        let talk = self.talk(link);
        if !talk.acknowledging {
            talk.ends.push_back((end, message));
            return;
        }
        talk.pushed += 1;
        let (pushed, window) = (talk.pushed, talk.pushed - talk.acknowledged);
        if chat.seq != Some(pushed) {
            self.fail(|| format!("seq {:?} in place of {pushed} on link {link}", chat.seq));
        }
        if window > WINDOW_MAX {
            self.fail(|| format!("{window} pushes are not acknowledged on link {link}"));
        }
        if has_mid && chat.mid.as_deref() != Some(&format!("m{message}")) {
            self.fail(|| format!("m{message} has the mid {:?}", chat.mid));
        }
    }

    fn server_answered(
        &mut self,
        link: usize,
        mid: Option<&str>,
        status: &Status,
        state: Option<Delivery>,
    ) {
        let Some(message) = mid.and_then(index_of) else {
            if self.faultless && !status.is_ok() {
                self.fail(|| format!("an error without a fault: {mid:?} {status:?}"));
            }
            return;
        };
        let talk = self.talk(link);
        if status.is_ok() {
            talk.settled.insert(message);
        }
        let open = talk.open.entry(message).or_default();
        *open -= 1;
        if *open < 0 {
            self.fail(|| format!("m{message} was answered more often than asked on link {link}"));
        }
        let sent = &mut self.messages[message];
        match status.errno() {
            Some(Errno::Ok) => sent.answered = true,
            Some(Errno::Busy | Errno::StoreUnavailable) if !self.faultless => sent.refused = true,
            _ => return self.fail(|| format!("m{message} was answered with {status:?}")),
        }
        let lacks = sent.recipients.iter().find(|client| !self.had.contains(&(**client, message)));
        if let (Some(Delivery::Delivered), Some(client)) = (state, lacks.copied()) {
            self.fail(|| format!("m{message} is not delivered to client {client}"));
        }
    }
}

pub(crate) fn user_of(client: usize) -> UserId {
    UserId(client as i64 + 1)
}

fn client_of(user: UserId) -> usize {
    user.0 as usize - 1
}

/// Mids and texts start with `m` and the message's index.
pub(crate) fn index_of(text: &str) -> Option<MessageIndex> {
    let word = text.split(' ').next()?;
    word.strip_prefix('m')?.parse().ok()
}
