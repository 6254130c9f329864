use super::*;
use chatproto::{Chat, Errno, LoginOutcome, Status, Target, decode};
use std::borrow::Cow;

mod entering;
mod online;
mod leaving;

/// A session, its clock, and what it did last.
struct Fixture {
    session: Session,
    now: Instant,
    effects: Vec<Effect>,
}

impl Fixture {
    fn new() -> Self {
        let options = Options { message_ids: MessageIds::new(7), seed: 1, may_ask: true };
        let session = Session::new(options);
        Self { session, now: Instant::now(), effects: Vec::new() }
    }

    /// Logged in as user 1 with token `t`.
    fn logged_in() -> Self {
        let mut fixture = Self::new();
        fixture.handle(Input::Start);
        fixture.handle(Input::LinkUp);
        fixture.log_in(1);
        fixture.answer_login(0, Some("t"));
        assert_eq!(fixture.session.phase(), Phase::Commands);
        fixture
    }

    fn handle(&mut self, input: Input) {
        self.effects = self.session.handle(input, self.now);
    }

    fn hear(&mut self, event: Event) {
        self.handle(Input::Heard(Ok(event)));
    }

    fn log_in(&mut self, id: i64) {
        let password = "p".to_owned();
        self.handle(Input::Login { id: UserId(id), password, force: false });
    }

    fn answer_login(&mut self, code: i64, token: Option<&str>) {
        self.hear(Event::LoginAnswer(LoginOutcome {
            mid: None,
            status: status(code),
            id: None,
            name: Some("ann".to_owned()),
            friends: Vec::new(),
            groups: Vec::new(),
            offline: Vec::new(),
            token: token.map(str::to_owned),
        }));
    }

    fn chat(&mut self, to: i64, msg: &str) {
        let msg = Cow::Owned(msg.to_owned());
        self.handle(Input::Send(Request::Chat { id: None, to: UserId(to), msg, time: None }));
    }

    fn answer(&mut self, mid: Option<&str>, code: i64) {
        let mid = mid.map(str::to_owned);
        self.hear(Event::Answer { mid, status: status(code), group: None, state: None });
    }

    fn push(&mut self, mid: &str, seq: u64) {
        self.hear(Event::Chat(Chat {
            from: UserId(2),
            name: "bob".to_owned(),
            target: Target::User(UserId(1)),
            msg: mid.to_owned(),
            time: String::new(),
            seq: Some(seq),
            sid: None,
            mid: Some(mid.to_owned()),
        }));
    }

    /// Lets time pass until the session wants it, and tells it.
    fn wait(&mut self) -> Duration {
        let deadline = self.session.deadline().expect("something is due");
        let waited = deadline.saturating_duration_since(self.now);
        self.now = self.now.max(deadline);
        self.handle(Input::Tick);
        waited
    }

    /// The requests that were sent last, and their mids.
    fn sent(&self) -> Vec<(Option<String>, Request<'static>)> {
        let mut sent = Vec::new();
        for effect in &self.effects {
            let Effect::Transmit(bytes) = effect else { continue };
            for line in bytes.split_inclusive(|byte| *byte == b'\n') {
                let envelope = decode(line).unwrap();
                let mut copy = Vec::new();
                envelope.write(&mut copy);
                let copy: &'static [u8] = copy.leak();
                let envelope = decode(copy).unwrap();
                sent.push((envelope.mid.map(Cow::into_owned), envelope.request));
            }
        }
        sent
    }

    /// The only request that was sent last.
    fn sent_one(&self) -> (Option<String>, Request<'static>) {
        let mut sent = self.sent();
        assert_eq!(sent.len(), 1, "{:?}", self.effects);
        sent.remove(0)
    }

    fn shown(&self) -> Vec<&Notice> {
        let mut shown = Vec::new();
        for effect in &self.effects {
            if let Effect::Show(notice) = effect {
                shown.push(notice);
            }
        }
        shown
    }

    fn did(&self, effect: &Effect) -> bool {
        self.effects.contains(effect)
    }
}

fn status(code: i64) -> Status {
    Status { code, errmsg: None, retry_ms: None }
}

fn goodbye(code: i64, retry_ms: Option<u64>) -> Event {
    Event::Goodbye { status: Status { code, errmsg: None, retry_ms } }
}

fn is_token(request: &Request<'_>, expected: &str) -> bool {
    matches!(
        request,
        Request::Login(login) if login.ack
            && login.credentials == chatproto::Credentials::Token(expected.into())
    )
}
