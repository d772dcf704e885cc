//! How a verb that only looks brings a collection up to date.

use clap::Args;
use libtrust::client::{Client, Collection, Offline};
use libtrust::names::Gun;

use super::shown;
use crate::failure::Failure;
use crate::session::Session;

/// Whether a server must confirm what is shown.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct Reading {
    /// Ask nobody: judge by what was trusted before
    #[arg(long)]
    pub offline: bool,
    /// Make do with what was trusted before if the server is away, and say so
    #[arg(long, conflicts_with = "offline")]
    pub allow_offline: bool,
}

impl Reading {
    /// As the library has it.
    pub const fn mode(self) -> Offline {
        match (self.offline, self.allow_offline) {
            (true, _) => Offline::Always,
            (_, true) => Offline::WhenUnreachable,
            _ => Offline::Never,
        }
    }

    /// The collection as it is trusted now; what a reader should know besides is said as warnings.
    ///
    /// # Errors
    /// If it is not trusted.
    pub fn collection(self, session: &Session, gun: &Gun) -> Result<(Client, Collection), Failure> {
        let client = session.client(gun)?;
        let collection = session.wait(client.update(gun, self.mode()))?;
        shown::warnings(session, &collection);
        Ok((client, collection))
    }
}
