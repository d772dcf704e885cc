//! What verbs that look at collections do with a session: bring one up to date, and say what its reader should know.

use libtrust::client::{Collection, Confirmation, Offline, RootTrust};
use libtrust::names::Gun;

use super::Context;
use crate::failure::Failure;
use crate::output::notice;
use crate::session::Session;
use crate::settings::Verbosity;
use crate::terminal::Wording;

/// A session of our own commands.
///
/// # Errors
/// What cannot be read or followed.
pub fn open(context: &Context) -> Result<Session, Failure> {
    Session::new(context.settings()?, Wording::Trust)
}

/// Brings a collection up to date, and says on standard error what its reader should know.
///
/// # Errors
/// Why it is not trusted, or no server could be asked.
pub async fn collection(session: &Session, gun: &Gun, offline: Offline) -> Result<Collection, Failure> {
    let collection = session.client(gun)?.update(gun, offline).await?;
    if session.settings().verbosity >= Verbosity::Normal {
        if collection.root_trust() == RootTrust::FirstUse {
            notice::warning(&format!(
                "{gun} is seen for the first time: its root key is trusted because the server shows it"
            ));
        }
        say_doubts(&collection);
    }
    Ok(collection)
}

/// Says what does not count, and that nobody confirmed the rest, if so.
pub fn say_doubts(collection: &Collection) {
    let gun = collection.gun();
    if let Confirmation::Cache { cause: Some(cause), .. } = collection.confirmation() {
        notice::warning(&format!("{gun} is as it was when a server last confirmed it: {cause}"));
    }
    for aside in collection.set_aside() {
        notice::warning(&format!("{} of {gun} does not count now: {}", aside.role, aside.cause));
    }
}
