//! What went wrong, for people and for programs: a message, its causes, what to do next, and the exit code.

mod keys;
mod metadata;
mod print;
mod publish;
mod registry;
mod setup;
mod transport;
mod tuf;
mod update;

use serde::Serialize;

use crate::exit::Exit;

/// A command's failure. Commands return it; `main` prints it once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    exit: Exit,
    message: String,
    causes: Vec<String>,
    hints: Vec<String>,
}

impl Failure {
    /// A failure; `message` says what could not be done, and on what.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), causes: Vec::new(), hints: Vec::new() }
    }

    /// A command line or a setting that cannot be followed.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// An error with everything that caused it, under an exit code.
    pub fn caused(exit: Exit, error: &dyn std::error::Error) -> Self {
        let mut failure = Self::new(exit, error.to_string());
        let mut next = error.source();
        while let Some(cause) = next {
            failure.causes.push(cause.to_string());
            next = cause.source();
        }
        failure
    }

    /// The same failure, as the cause of what could not be done because of it. Exit code and hints stay.
    #[must_use]
    pub fn while_doing(mut self, message: impl Into<String>) -> Self {
        let cause = std::mem::replace(&mut self.message, message.into());
        self.causes.insert(0, cause);
        self
    }

    /// Adds what to do next: a sentence, or the command to run.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// The same failure under another exit code, for callers that know fewer.
    #[must_use]
    pub const fn ending(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }

    /// The exit code.
    #[must_use]
    pub const fn exit(&self) -> Exit {
        self.exit
    }

    /// What could not be done.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Why, the nearest cause first.
    #[must_use]
    pub fn causes(&self) -> &[String] {
        &self.causes
    }

    /// What to do next.
    #[must_use]
    pub fn hints(&self) -> &[String] {
        &self.hints
    }

    /// What programs are told.
    #[must_use]
    pub fn document(&self) -> impl Serialize + '_ {
        Told {
            error: Error {
                code: self.exit.name(),
                exit: self.exit.code(),
                message: &self.message,
                causes: &self.causes,
                hints: &self.hints,
            },
        }
    }
}

/// `{"error": {...}}`, so that a program tells it from any other document by its one member.
#[derive(Serialize)]
struct Told<'a> {
    error: Error<'a>,
}

#[derive(Serialize)]
struct Error<'a> {
    code: &'static str,
    exit: u8,
    message: &'a str,
    causes: &'a [String],
    hints: &'a [String],
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::caused(Exit::Failure, &error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_come_in_order_and_the_code_of_the_first_stays() {
        let failure = Failure::new(Exit::Key, "key abc is missing").hint("import it").while_doing("cannot sign app:v1");
        assert_eq!(failure.message(), "cannot sign app:v1");
        assert_eq!(failure.causes(), ["key abc is missing"]);
        assert_eq!((failure.exit(), failure.hints()), (Exit::Key, &["import it".to_owned()][..]));
    }
}
