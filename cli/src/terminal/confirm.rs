//! Yes or no.

use super::Console;
use crate::exit::Exit;
use crate::failure::Failure;

/// Whether a person is asked before something that cannot be undone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Confirmation {
    /// Ask.
    #[default]
    Asked,
    /// `--yes`: it was decided on the command line.
    Given,
}

/// A question, and which answers mean yes.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// The whole text, with the blank before the answer.
    text: &'a str,
    style: Style,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    Trust,
    Docker,
    Notary,
}

impl<'a> Question<'a> {
    /// A question of ours, ending in `?`. Nobody is asked without a terminal.
    #[must_use]
    pub const fn new(text: &'a str) -> Self {
        Self { text, style: Style::Trust }
    }

    /// A question of `docker trust`: `y` means yes, also through a pipe.
    #[must_use]
    pub const fn docker(text: &'a str) -> Self {
        Self { text, style: Style::Docker }
    }

    /// A question of `notary`: `y` and `yes` in any case mean yes, also through a pipe. A line end follows the question.
    #[must_use]
    pub const fn notary(text: &'a str) -> Self {
        Self { text, style: Style::Notary }
    }

    /// Whether the answer is yes. No answer is a no.
    ///
    /// # Errors
    /// If nobody can be asked, with `--yes` as the hint.
    pub fn ask(self, console: &dyn Console, confirmation: Confirmation) -> Result<bool, Failure> {
        if confirmation == Confirmation::Given {
            return Ok(true);
        }
        let suffix = if self.style == Style::Trust { " [y/N] " } else { "" };
        if self.style == Style::Trust && !console.is_interactive() {
            return Err(Failure::new(Exit::Usage, format!("nobody is here to answer: {}", self.text))
                .hint("add --yes if that is what you want"));
        }
        console.show(&format!("{}{suffix}", self.text))?;
        let answer = console.line()?;
        let answer = answer.as_ref().map_or("", |answer| answer.trim());
        Ok(match self.style {
            Style::Docker => answer.eq_ignore_ascii_case("y"),
            Style::Trust | Style::Notary => answer.eq_ignore_ascii_case("y") || answer.eq_ignore_ascii_case("yes"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terminal::testing::Scripted;

    fn answered(question: Question<'_>, answer: &str) -> bool {
        question.ask(&Scripted::answering(&[answer]), Confirmation::Asked).unwrap()
    }

    #[test]
    fn only_a_yes_is_a_yes() {
        for (answer, ours, docker) in
            [("y", true, true), ("Y", true, true), (" yes ", true, false), ("", false, false), ("yep", false, false)]
        {
            assert_eq!(answered(Question::new("Sure?"), answer), ours, "{answer}");
            assert_eq!(answered(Question::notary("Sure? (yes/no)"), answer), ours, "{answer}");
            assert_eq!(answered(Question::docker("Sure? [y/N] "), answer), docker, "{answer}");
        }
    }

    #[test]
    fn without_a_terminal_ours_is_an_error_and_theirs_reads_the_pipe() {
        let away = Scripted::away();
        let failure = Question::new("Delete?").ask(&away, Confirmation::Asked).unwrap_err();
        assert_eq!((failure.exit(), away.screen().as_str()), (Exit::Usage, ""));
        assert!(Question::docker("Sure? ").ask(&Scripted::piped(&["y"]), Confirmation::Asked).unwrap());
        assert!(!Question::notary("Sure? ").ask(&Scripted::piped(&[]), Confirmation::Asked).unwrap());
    }

    #[test]
    fn a_yes_on_the_command_line_asks_nothing() {
        let console = Scripted::away();
        assert!(Question::new("Delete?").ask(&console, Confirmation::Given).unwrap());
        assert_eq!(console.screen(), "");
    }
}
