//! The person at the terminal: passphrases and yes or no.
//!
//! Nothing asks when nobody is there: without a terminal, or with `--no-input`, a question is an error that names what
//! answers it. The spellings of Docker and Notary ask in their words, on standard output, as scripts expect.

mod confirm;
mod input;
mod passphrases;
mod wording;

use std::io::{self, IsTerminal, Write};

use zeroize::Zeroizing;

pub use confirm::{Confirmation, Question};
pub use passphrases::AskingPassphrases;
pub use wording::Wording;

/// Where questions are asked and answered.
pub trait Console: Send + Sync {
    /// Whether a person can answer.
    fn is_interactive(&self) -> bool;

    /// Shows some text, at once.
    ///
    /// # Errors
    /// Those of the stream.
    fn show(&self, text: &str) -> io::Result<()>;

    /// Reads a line that may be seen; `None` at the end of input.
    ///
    /// # Errors
    /// Those of the stream, and a line beyond what is read.
    fn line(&self) -> io::Result<Option<Zeroizing<String>>>;

    /// Reads a line that nobody sees; `None` at the end of input.
    ///
    /// # Errors
    /// As [`Console::line`], and [`io::ErrorKind::Interrupted`] if the person gave up.
    fn hidden_line(&self) -> io::Result<Option<Zeroizing<String>>>;
}

/// Leaves the terminal as it was, for whoever ends the process from another thread.
pub fn give_back() {
    input::give_back();
}

/// Where questions are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// On standard error, so that they never mix with data: our own commands.
    OnStderr,
    /// On standard output, as Docker and Notary do.
    OnStdout,
}

/// Standard input and output.
#[derive(Debug, Clone, Copy)]
pub struct Terminal {
    shown: Shown,
    may_ask: bool,
}

impl Terminal {
    /// The terminal of this process. `may_ask` is false with `--no-input`.
    #[must_use]
    pub const fn new(shown: Shown, may_ask: bool) -> Self {
        Self { shown, may_ask }
    }
}

impl Console for Terminal {
    fn is_interactive(&self) -> bool {
        self.may_ask
            && io::stdin().is_terminal()
            // A question in a file that nobody looks at would wait for ever.
            && (self.shown == Shown::OnStdout || io::stderr().is_terminal())
    }

    fn show(&self, text: &str) -> io::Result<()> {
        match self.shown {
            Shown::OnStderr => io::stderr().write_all(text.as_bytes()),
            Shown::OnStdout => {
                let mut stdout = io::stdout().lock();
                stdout.write_all(text.as_bytes())?;
                stdout.flush()
            }
        }
    }

    fn line(&self) -> io::Result<Option<Zeroizing<String>>> {
        input::line(rustix::stdio::stdin())
    }

    fn hidden_line(&self) -> io::Result<Option<Zeroizing<String>>> {
        input::hidden_line(rustix::stdio::stdin())
    }
}

#[cfg(test)]
pub(crate) mod testing {
    use std::sync::Mutex;

    use super::*;

    /// A person who gives these answers in order, and remembers what was shown.
    #[derive(Debug)]
    pub struct Scripted {
        answers: Mutex<Vec<String>>,
        screen: Mutex<String>,
        there: bool,
    }

    impl Scripted {
        pub fn answering(answers: &[&str]) -> Self {
            let answers = answers.iter().rev().map(|&answer| answer.to_owned()).collect();
            Self { answers: Mutex::new(answers), screen: Mutex::default(), there: true }
        }

        pub fn away() -> Self {
            Self { there: false, ..Self::answering(&[]) }
        }

        /// Answers that come through a pipe.
        pub fn piped(answers: &[&str]) -> Self {
            Self { there: false, ..Self::answering(answers) }
        }

        pub fn screen(&self) -> String {
            self.screen.lock().unwrap().clone()
        }

        fn next(&self) -> Option<Zeroizing<String>> {
            self.answers.lock().unwrap().pop().map(Zeroizing::new)
        }
    }

    impl Console for Scripted {
        fn is_interactive(&self) -> bool {
            self.there
        }

        fn show(&self, text: &str) -> io::Result<()> {
            self.screen.lock().unwrap().push_str(text);
            Ok(())
        }

        /// The terminal would show what is typed; a script does not.
        fn line(&self) -> io::Result<Option<Zeroizing<String>>> {
            Ok(self.next())
        }

        fn hidden_line(&self) -> io::Result<Option<Zeroizing<String>>> {
            Ok(self.next())
        }
    }
}
