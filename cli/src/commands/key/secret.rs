//! The passphrase of a backup.

use std::path::Path;

use libtrust::client::PassphraseRequest;
use zeroize::Zeroizing;

use crate::failure::Failure;
use crate::session::Session;

/// The passphrase of a backup.
///
/// # Errors
/// If there is none.
pub fn of_backup(session: &Session, file: Option<&Path>, is_new: bool) -> Result<Zeroizing<String>, Failure> {
    let request = PassphraseRequest { role: "backup", gun: None, id: None, is_new, wrong_answers: 0 };
    session.secret(file).passphrase(&request).map_err(|error| {
        Failure::from(error).hint("run it in a terminal, or name a file: --backup-passphrase-file FILE")
    })
}
