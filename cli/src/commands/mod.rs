//! The verbs of `trust`, a file each. A verb takes its options and the context, prints one document, and returns a
//! failure that says what to do next.

pub mod completion;
pub mod inspect;
pub mod key;
pub mod man;
pub mod revoke;
pub(crate) mod session;
mod shown;
pub mod sign;
pub mod verify;

use crate::args::Command;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::notary;
use crate::settings::{Environment, GlobalOptions, Settings};

/// What every verb is given.
#[derive(Debug)]
pub struct Context {
    /// The options every verb takes.
    pub options: GlobalOptions,
    /// The variables of this process.
    pub environment: Environment,
    /// Whether a person is at the terminal and may be asked.
    pub attended: bool,
}

impl Context {
    /// What options and environment come to. Verbs that need no folder and no server do not ask for it.
    ///
    /// # Errors
    /// A usage failure that names what cannot be followed.
    pub fn settings(&self) -> Result<Settings, Failure> {
        Settings::new(&self.options, &self.environment, self.attended)
    }
}

/// Runs a verb, and says how it ended where the verb has told its failure itself.
///
/// # Errors
/// What the verb says.
pub fn run(command: Command, context: &Context) -> Result<Exit, Failure> {
    match command {
        Command::Notary(words) => return Ok(notary::run(&words, context)),
        Command::Sign(options) => sign::run(&options, context),
        Command::Revoke(options) => revoke::run(&options, context),
        Command::Verify(options) => verify::run(&options, context),
        Command::Inspect(options) => inspect::run(&options, context),
        Command::Key { command } => key::run(&command, context),
        Command::Completion(options) => completion::run(&options),
        Command::Man(options) => man::run(&options, context),
    }?;
    Ok(Exit::Ok)
}
