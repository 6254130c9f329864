//! What the user is asked and what the answer means: the menu before the login, commands after.

use crate::command::{self, Command};
use crate::notice::Notice;
use crate::session::{Input, Phase};
use chatproto::limits::PASSWORD_BYTES_MAX;
use chatproto::{UserId, name_is_allowed};

const MENU: &str = "\
========================
1. login
2. register
3. quit
========================
";

/// A line that the user is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Question {
    /// Lines to show before it.
    pub intro: &'static str,
    /// What stands before the cursor.
    pub prompt: &'static str,
    /// What is expected.
    pub kind: QuestionKind,
}

/// What a question expects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QuestionKind {
    /// A word, which is not remembered.
    Word,
    /// A password, which is not shown either.
    Secret,
    /// A command, which goes into the history.
    Command,
}

/// What an answer means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Nothing.
    Nothing,
    /// Tell the user.
    Say(Notice),
    /// Tell the session.
    Do(Input),
}

/// Where in the menu the user is.
#[derive(Debug, Default)]
pub struct Dialogue {
    stage: Stage,
    force: bool,
}

#[derive(Debug, Default)]
enum Stage {
    #[default]
    Menu,
    LoginId,
    LoginPassword {
        id: UserId,
    },
    RegisterName,
    RegisterPassword {
        name: String,
    },
}

impl Dialogue {
    /// A dialogue that starts at the menu; with `force`, logins take accounts over.
    pub fn new(force: bool) -> Self {
        Self { stage: Stage::Menu, force }
    }

    /// What the user is to be asked now, if anything.
    pub fn question(&self, phase: Phase) -> Option<Question> {
        let word = |prompt| Question { intro: "", prompt, kind: QuestionKind::Word };
        let secret = Question { intro: "", prompt: "password: ", kind: QuestionKind::Secret };
        match phase {
            Phase::Busy => None,
            Phase::Commands => {
                Some(Question { intro: "", prompt: "> ", kind: QuestionKind::Command })
            }
            Phase::OfferTakeOver => Some(word("take it over? [y/N] ")),
            Phase::Menu => Some(match self.stage {
                Stage::Menu => Question { intro: MENU, ..word("choice: ") },
                Stage::LoginId => word("userid: "),
                Stage::RegisterName => word("username: "),
                Stage::LoginPassword { .. } | Stage::RegisterPassword { .. } => secret,
            }),
        }
    }

    /// Takes a line; one that was asked for in another phase is judged by the present one.
    pub fn answer(&mut self, phase: Phase, line: &str) -> Step {
        if phase != Phase::Menu {
            self.stage = Stage::Menu;
        }
        match phase {
            Phase::Busy => Step::Nothing,
            Phase::Menu => self.answer_menu(line),
            Phase::OfferTakeOver => {
                Step::Do(Input::TakeOver(matches!(line.trim(), "y" | "Y" | "yes")))
            }
            Phase::Commands => match command::parse(line) {
                Ok(None) => Step::Nothing,
                Ok(Some(Command::Help)) => Step::Say(Notice::Help),
                Ok(Some(Command::LogOut)) => Step::Do(Input::LogOut),
                Ok(Some(Command::Send(request))) => Step::Do(Input::Send(request)),
                Err(why) => invalid(&why),
            },
        }
    }

    fn answer_menu(&mut self, line: &str) -> Step {
        match std::mem::take(&mut self.stage) {
            Stage::Menu => match line.trim() {
                "1" => self.proceed(Stage::LoginId),
                "2" => self.proceed(Stage::RegisterName),
                "3" => Step::Do(Input::Leave),
                _ => invalid("please type 1, 2 or 3"),
            },
            Stage::LoginId => match line.trim().parse() {
                Ok(id) => self.proceed(Stage::LoginPassword { id: UserId(id) }),
                Err(_) => self.ask_again(Stage::LoginId, "a user id is a number"),
            },
            Stage::LoginPassword { id } if password_is_possible(line) => {
                let (password, force) = (line.to_owned(), self.force);
                Step::Do(Input::Login { id, password, force })
            }
            Stage::RegisterName if name_is_allowed(line) => {
                self.proceed(Stage::RegisterPassword { name: line.to_owned() })
            }
            Stage::RegisterName => {
                let why = "a name has 1 to 50 characters, none of them a control character";
                self.ask_again(Stage::RegisterName, why)
            }
            Stage::RegisterPassword { name } if password_is_possible(line) => {
                Step::Do(Input::Register { name, password: line.to_owned() })
            }
            stage @ (Stage::LoginPassword { .. } | Stage::RegisterPassword { .. }) => {
                self.ask_again(stage, "a password has 1 to 1024 bytes")
            }
        }
    }

    fn proceed(&mut self, stage: Stage) -> Step {
        self.stage = stage;
        Step::Nothing
    }

    fn ask_again(&mut self, stage: Stage, why: &str) -> Step {
        self.stage = stage;
        invalid(why)
    }
}

fn password_is_possible(password: &str) -> bool {
    (1..=PASSWORD_BYTES_MAX).contains(&password.len())
}

fn invalid(why: &str) -> Step {
    Step::Say(Notice::Invalid(why.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prompt(dialogue: &Dialogue) -> &'static str {
        dialogue.question(Phase::Menu).unwrap().prompt
    }

    fn say(why: &str) -> Step {
        invalid(why)
    }

    #[test]
    fn a_login_by_the_menu() {
        let mut dialogue = Dialogue::new(false);
        assert_eq!(dialogue.question(Phase::Menu).unwrap().intro, MENU);
        for wrong in ["", "x", "4", "login"] {
            assert_eq!(dialogue.answer(Phase::Menu, wrong), say("please type 1, 2 or 3"));
            assert_eq!(prompt(&dialogue), "choice: ");
        }
        assert_eq!(dialogue.answer(Phase::Menu, " 1 "), Step::Nothing);
        assert_eq!(prompt(&dialogue), "userid: ");
        assert_eq!(dialogue.answer(Phase::Menu, "ann"), say("a user id is a number"));
        assert_eq!(dialogue.answer(Phase::Menu, "13"), Step::Nothing);
        assert_eq!(dialogue.question(Phase::Menu).unwrap().kind, QuestionKind::Secret);
        assert_eq!(dialogue.answer(Phase::Menu, ""), say("a password has 1 to 1024 bytes"));
        let login = Input::Login { id: UserId(13), password: " p ".to_owned(), force: false };
        assert_eq!(dialogue.answer(Phase::Menu, " p "), Step::Do(login));
        assert_eq!(dialogue.question(Phase::Busy), None);
        assert_eq!(prompt(&dialogue), "choice: ");
    }

    #[test]
    fn a_registration_by_the_menu() {
        let mut dialogue = Dialogue::new(false);
        dialogue.answer(Phase::Menu, "2");
        assert_eq!(prompt(&dialogue), "username: ");
        assert!(matches!(dialogue.answer(Phase::Menu, "\t"), Step::Say(_)));
        assert_eq!(dialogue.answer(Phase::Menu, "li si"), Step::Nothing);
        let register = Input::Register { name: "li si".to_owned(), password: "p".to_owned() };
        assert_eq!(dialogue.answer(Phase::Menu, "p"), Step::Do(register));
    }

    #[test]
    fn leaving_forcing_and_taking_over() {
        let mut dialogue = Dialogue::new(true);
        dialogue.answer(Phase::Menu, "1");
        dialogue.answer(Phase::Menu, "1");
        let step = dialogue.answer(Phase::Menu, "p");
        assert!(matches!(step, Step::Do(Input::Login { force: true, .. })));
        for (line, yes) in [("y", true), (" Y ", true), ("yes", true), ("", false), ("n", false)] {
            let step = dialogue.answer(Phase::OfferTakeOver, line);
            assert_eq!(step, Step::Do(Input::TakeOver(yes)), "{line}");
        }
        assert_eq!(dialogue.answer(Phase::Menu, "3"), Step::Do(Input::Leave));
    }

    #[test]
    fn commands() {
        let mut dialogue = Dialogue::new(false);
        assert_eq!(dialogue.answer(Phase::Commands, ""), Step::Nothing);
        assert_eq!(dialogue.answer(Phase::Commands, "help"), Step::Say(Notice::Help));
        assert_eq!(dialogue.answer(Phase::Commands, "loginout"), Step::Do(Input::LogOut));
        assert!(matches!(dialogue.answer(Phase::Commands, "1"), Step::Say(_)));
        assert!(matches!(
            dialogue.answer(Phase::Commands, "addfriend:2"),
            Step::Do(Input::Send(_))
        ));
    }

    #[test]
    fn a_line_for_another_phase_starts_over() {
        let mut dialogue = Dialogue::new(false);
        dialogue.answer(Phase::Menu, "1");
        assert_eq!(dialogue.answer(Phase::Busy, "x"), Step::Nothing);
        assert_eq!(prompt(&dialogue), "choice: ");
    }
}
