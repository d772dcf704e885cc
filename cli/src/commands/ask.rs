//! Asking before something that cannot be undone.

use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::Session;
use crate::settings::Changes;
use crate::terminal::{Question, Shown, Terminal};

/// Goes on if the answer is yes, or `--yes` was given, or nothing is going to be changed anyway.
///
/// # Errors
/// If the answer is no, or nobody is here to give one.
pub fn sure(session: &Session, question: &str) -> Result<(), Failure> {
    if would(session, question)? {
        return Ok(());
    }
    Err(Failure::new(Exit::Failure, "nothing was changed: the answer was no"))
}

/// Whether the answer is yes.
///
/// # Errors
/// If nobody is here to give one.
pub fn would(session: &Session, question: &str) -> Result<bool, Failure> {
    let settings = session.settings();
    if settings.changes == Changes::Told {
        return Ok(true);
    }
    Question::new(question).ask(&Terminal::new(Shown::OnStderr, settings.may_ask), settings.confirmation)
}
