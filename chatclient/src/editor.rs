//! Line editing on a terminal: history and completion of commands, hidden passwords.

use crate::command::COMMANDS;
use crate::dialogue::{Question, QuestionKind};
use crate::keyboard::Typed;
use rustyline::completion::Completer;
use rustyline::config::Configurer as _;
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::{Hint, Hinter};
use rustyline::history::DefaultHistory;
use rustyline::validate::Validator;
use rustyline::{ColorMode, Config, Context, Editor, ExternalPrinter, Helper, Result};
use std::borrow::Cow;

const HISTORY_LINES_MAX: usize = 1000;

/// Edits one line at a time.
pub(crate) struct LineEditor {
    editor: Editor<Assistant, DefaultHistory>,
}

impl LineEditor {
    /// An editor on the terminal, and what prints above the line that is under edit.
    pub(crate) fn new() -> Result<(Self, impl ExternalPrinter + Send + 'static)> {
        let config = Config::builder().max_history_size(HISTORY_LINES_MAX)?.build();
        let mut editor = Editor::with_config(config)?;
        editor.set_helper(Some(Assistant { kind: QuestionKind::Word }));
        let printer = editor.create_external_printer()?;
        Ok((Self { editor }, printer))
    }

    pub(crate) fn read_line(&mut self, question: Question) -> Typed {
        if let Some(assistant) = self.editor.helper_mut() {
            assistant.kind = question.kind;
        }
        let is_secret = question.kind == QuestionKind::Secret;
        // Hiding goes through highlighting, which must not depend on the terminal's colours.
        let colors = if is_secret { ColorMode::Forced } else { ColorMode::Enabled };
        self.editor.set_color_mode(colors);
        let Ok(line) = self.editor.readline(question.prompt) else { return Typed::End };
        if question.kind == QuestionKind::Command {
            // A history that cannot take a line is no reason not to take the line.
            let _ = self.editor.add_history_entry(line.as_str());
        }
        Typed::Line(line)
    }
}

/// Completes and explains commands, hides passwords.
struct Assistant {
    kind: QuestionKind,
}

impl Helper for Assistant {}

impl Validator for Assistant {}

impl Completer for Assistant {
    type Candidate = String;

    fn complete(&self, line: &str, pos: usize, _: &Context<'_>) -> Result<(usize, Vec<String>)> {
        let typed = line.get(..pos).unwrap_or_default();
        let candidates =
            if self.kind == QuestionKind::Command { completions(typed) } else { Vec::new() };
        Ok((0, candidates))
    }
}

impl Hinter for Assistant {
    type Hint = Usage;

    fn hint(&self, line: &str, pos: usize, _: &Context<'_>) -> Option<Usage> {
        let is_at_end = pos == line.len();
        (self.kind == QuestionKind::Command && is_at_end).then(|| usage(line)).flatten()
    }
}

impl Highlighter for Assistant {
    fn highlight<'l>(&self, line: &'l str, _: usize) -> Cow<'l, str> {
        match self.kind {
            QuestionKind::Secret => Cow::Owned("*".repeat(line.chars().count())),
            QuestionKind::Word | QuestionKind::Command => Cow::Borrowed(line),
        }
    }

    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        Cow::Owned(format!("\x1b[2m{hint}\x1b[0m"))
    }

    fn highlight_char(&self, _: &str, _: usize, kind: CmdKind) -> bool {
        self.kind == QuestionKind::Secret && kind != CmdKind::MoveCursor
    }
}

/// What a command still needs; it is shown but never typed for the user.
#[derive(Debug, PartialEq, Eq)]
struct Usage(&'static str);

impl Hint for Usage {
    fn display(&self) -> &str {
        self.0
    }

    fn completion(&self) -> Option<&str> {
        None
    }
}

/// The commands that `typed` may become, with the colon that their arguments start with.
fn completions(typed: &str) -> Vec<String> {
    let matching = COMMANDS.iter().filter(|spec| spec.name.starts_with(typed));
    matching
        .map(|spec| format!("{}{}", spec.name, if spec.arguments.is_empty() { "" } else { ":" }))
        .collect()
}

/// The arguments that follow `line`, when it is a command's name and no argument yet.
fn usage(line: &str) -> Option<Usage> {
    let name = line.strip_suffix(':').unwrap_or(line);
    let spec = COMMANDS.iter().find(|spec| spec.name == name && !spec.arguments.is_empty())?;
    Some(Usage(spec.arguments.strip_prefix(&line[name.len()..])?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_completed() {
        assert_eq!(completions("ch"), ["chat:"]);
        assert_eq!(completions("add"), ["addfriend:", "addgroup:"]);
        assert_eq!(completions("hel"), ["help"]);
        assert_eq!(completions("chat:1"), Vec::<String>::new());
    }

    #[test]
    fn arguments_are_hinted() {
        assert_eq!(usage("chat"), Some(Usage(":friendid:message")));
        assert_eq!(usage("chat:"), Some(Usage("friendid:message")));
        for silent in ["", "cha", "chat:1", "help", "help:"] {
            assert_eq!(usage(silent), None, "{silent}");
        }
    }

    #[test]
    fn passwords_are_hidden() {
        let assistant = Assistant { kind: QuestionKind::Secret };
        assert_eq!(assistant.highlight("pä55", 0), "****");
    }
}
