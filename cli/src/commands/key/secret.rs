//! Passphrases that are not those of a stored key: of a backup, or the next one of a key.

use std::path::{Path, PathBuf};

use libtrust::client::{PassphraseFile, PassphraseRequest, Passphrases};
use zeroize::Zeroizing;

use crate::failure::Failure;
use crate::session::Session;
use crate::terminal::{AskingPassphrases, Shown, Terminal, Wording};

/// Where such a passphrase comes from: a file, else the person at the terminal. The variables for stored keys are not
/// asked: they hold another one.
pub fn source(session: &Session, file: Option<&Path>) -> Box<dyn Passphrases> {
    match file {
        Some(file) => Box::new(PassphraseFile::new(PathBuf::from(file))),
        None => {
            let terminal = Terminal::new(Shown::OnStderr, session.settings().may_ask);
            Box::new(AskingPassphrases::new(terminal, Wording::Trust))
        }
    }
}

/// The passphrase of a backup.
///
/// # Errors
/// If there is none.
pub fn of_backup(session: &Session, file: Option<&Path>, is_new: bool) -> Result<Zeroizing<String>, Failure> {
    let request = PassphraseRequest { role: "backup", gun: None, id: None, is_new, wrong_answers: 0 };
    source(session, file)
        .passphrase(&request)
        .map_err(|error| Failure::from(error).hint("run it in a terminal, or name a file: --passphrase-file FILE"))
}
