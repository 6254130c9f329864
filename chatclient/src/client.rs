//! The loop that owns everything: takes events, asks the session what to do, does it.

use crate::args::Args;
use crate::dialogue::{Dialogue, Question, QuestionKind, Step};
use crate::editor::LineEditor;
use crate::keyboard::{self, Typed};
use crate::link::{Link, LinkEvent};
use crate::message_ids::{MessageIds, random_process_prefix};
use crate::notice::Notice;
use crate::screen::Screen;
use crate::session::{Effect, Input, Options, Session};
use crate::view;
use crossbeam_channel::{Receiver, Sender, bounded};
use std::collections::VecDeque;
use std::io::{self, IsTerminal as _};
use std::net::TcpStream;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Events that may wait for the loop; the threads that make them wait in turn.
const EVENTS_MAX: usize = 256;
/// What may wait for the screen. A server sends no more than 256 objects before it hears that they
/// were shown; one that does is cut off.
const SCREEN_BYTES_MAX: usize = 64 * 1024 * 1024;
/// How long the last lines may take to reach the screen.
const LAST_LINES_PATIENCE: Duration = Duration::from_secs(5);

/// What the threads tell the loop.
#[derive(Debug)]
pub(crate) enum ClientEvent {
    Typed(Typed),
    Link { number: u64, event: LinkEvent },
    Printed,
    ScreenFailed,
}

/// Runs the client until the user leaves; the status of the program.
///
/// Status 0 means that all that was asked was answered.
pub fn run(args: &Args) -> ExitCode {
    match Client::start(args) {
        Ok(client) => client.run(),
        Err(error) => {
            eprintln!("ChatClient: {error}");
            ExitCode::FAILURE
        }
    }
}

/// How far a question to the user is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asking {
    /// There is none.
    Idle,
    /// What stands before it is on its way to the screen.
    Introducing(Question),
    /// The keyboard has it.
    Asked,
}

struct Client {
    events: Receiver<ClientEvent>,
    session: Session,
    dialogue: Dialogue,
    link: Link,
    screen: Screen,
    questions: Sender<Question>,
    is_terminal: bool,
    asking: Asking,
    /// How the program ends, once it does.
    exit: Option<ExitCode>,
}

impl Client {
    fn start(args: &Args) -> io::Result<Self> {
        let (sender, events) = bounded(EVENTS_MAX);
        let terminal = if io::stdin().is_terminal() && io::stdout().is_terminal() {
            // A terminal that cannot move the cursor is used like a pipe.
            LineEditor::new().ok()
        } else {
            None
        };
        let is_terminal = terminal.is_some();
        let (questions, screen) = match terminal {
            Some((editor, printer)) => (
                keyboard::terminal(editor, sender.clone())?,
                Screen::terminal(printer, sender.clone())?,
            ),
            None => (keyboard::plain(sender.clone())?, Screen::plain(sender.clone())?),
        };
        let process = random_process_prefix();
        let options = Options {
            message_ids: MessageIds::new(process),
            seed: process as u64,
            may_ask: is_terminal,
        };
        Ok(Self {
            events,
            session: Session::new(options),
            dialogue: Dialogue::new(args.force),
            link: Link::new(args.host.clone(), args.port, sender),
            screen,
            questions,
            is_terminal,
            asking: Asking::Idle,
            exit: None,
        })
    }

    fn run(mut self) -> ExitCode {
        self.handle(Input::Start);
        while self.exit.is_none() {
            if self.screen.is_idle() {
                self.handle(Input::Shown);
            }
            if self.screen.is_idle() && self.exit.is_none() {
                self.ask();
            }
            match self.next_event(self.session.deadline()) {
                Some(event) => self.handle_event(event),
                None => self.handle(Input::Tick),
            }
        }
        let deadline = Instant::now() + LAST_LINES_PATIENCE;
        while !self.screen.is_idle() {
            match self.next_event(Some(deadline)) {
                Some(ClientEvent::Printed) => self.screen.handle_printed(),
                Some(ClientEvent::ScreenFailed) | None => return ExitCode::FAILURE,
                Some(ClientEvent::Typed(_) | ClientEvent::Link { .. }) => {}
            }
        }
        self.exit.unwrap_or(ExitCode::FAILURE)
    }

    /// The next event, unless there is none until `deadline`.
    fn next_event(&self, deadline: Option<Instant>) -> Option<ClientEvent> {
        let Some(deadline) = deadline else {
            return self.events.recv().ok();
        };
        self.events.recv_deadline(deadline).ok()
    }

    fn handle_event(&mut self, event: ClientEvent) {
        match event {
            ClientEvent::Typed(typed) => self.handle_typed(typed),
            ClientEvent::Link { number, event } if self.link.is_current(number) => match event {
                LinkEvent::Up(stream) => self.handle_link_up(stream),
                LinkEvent::Heard(event) => self.handle(Input::Heard(event)),
                LinkEvent::Down(reason) => {
                    self.link.close();
                    self.handle(Input::LinkDown(reason));
                }
            },
            ClientEvent::Link { event, .. } => event.discard(),
            ClientEvent::Printed => self.screen.handle_printed(),
            ClientEvent::ScreenFailed => self.exit = Some(ExitCode::FAILURE),
        }
    }

    fn handle_link_up(&mut self, stream: TcpStream) {
        self.link.handle_up(stream);
        self.handle(Input::LinkUp);
    }

    fn handle_typed(&mut self, typed: Typed) {
        self.asking = Asking::Idle;
        match typed {
            Typed::Line(line) => match self.dialogue.answer(self.session.phase(), &line) {
                Step::Nothing => {}
                Step::Say(notice) => self.show(&notice),
                Step::Do(input) => self.handle(input),
            },
            Typed::Unusable(why) => self.show(&Notice::Invalid(why.to_owned())),
            Typed::End => self.handle(Input::Leave),
        }
    }

    /// Asks the user, when the user has something to say and was not asked yet.
    fn ask(&mut self) {
        let question = self.dialogue.question(self.session.phase());
        match (self.asking, question) {
            (Asking::Asked, _) => {}
            (_, None) => self.asking = Asking::Idle,
            (Asking::Introducing(introduced), Some(question)) if introduced == question => {
                // The channel holds one question, and none is under way: this does not wait.
                if self.questions.send(question).is_ok() {
                    self.asking = Asking::Asked;
                }
            }
            (_, Some(question)) => {
                self.asking = Asking::Introducing(question);
                self.screen.show(question.intro);
                if !self.is_terminal && question.kind != QuestionKind::Command {
                    // A whole line, so that whoever reads lines sees it.
                    self.screen.show(&format!("{}\n", question.prompt.trim_end()));
                }
                if self.screen.is_idle() {
                    self.ask();
                }
            }
        }
    }

    fn handle(&mut self, input: Input) {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            for effect in self.session.handle(input, Instant::now()) {
                match effect {
                    Effect::Connect => {
                        if let Err(reason) = self.link.connect() {
                            inputs.push_back(Input::LinkDown(reason));
                        }
                    }
                    Effect::Disconnect => self.link.close(),
                    Effect::Transmit(bytes) => {
                        if let Err(reason) = self.link.transmit(&bytes) {
                            inputs.push_back(Input::LinkDown(reason));
                        }
                    }
                    Effect::Show(notice) => self.show(&notice),
                    Effect::Exit { success: true } => self.exit = Some(ExitCode::SUCCESS),
                    Effect::Exit { success: false } => self.exit = Some(ExitCode::FAILURE),
                }
            }
            if self.screen.pending_bytes() > SCREEN_BYTES_MAX && self.link.is_open() {
                self.link.close();
                inputs.push_back(Input::LinkDown("more messages than can be shown".to_owned()));
            }
        }
    }

    fn show(&mut self, notice: &Notice) {
        self.screen.show(&view::render(notice));
    }
}
