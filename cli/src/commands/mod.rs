//! The verbs of `trust`, a file each. A verb takes its options and the context, prints one document, and returns a
//! failure that says what to do next.

mod ask;
pub mod bundle;
mod change;
pub mod completion;
pub mod delegation;
pub mod delete;
pub mod diff;
mod differences;
pub mod doctor;
pub mod init;
pub mod inspect;
pub mod key;
pub mod list;
pub mod log;
pub mod man;
pub mod migrate;
pub mod mirror;
mod name;
pub mod pins;
pub mod policy;
pub(crate) mod reading;
pub mod renew;
pub mod resolve;
pub mod revoke;
pub mod root;
pub(crate) mod shown;
mod shown_change;
pub mod sign;
pub mod signer;
pub mod staged;
mod tags;
pub mod tuf;
pub mod verify;
pub mod witness;

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
        Command::Tuf(options) => tuf::run(&options, context),
        Command::Verify(options) => verify::run(&options, context),
        Command::Bundle(options) => bundle::run(&options, context),
        Command::Completion(options) => completion::run(&options),
        Command::Diff(options) => diff::run(&options, context),
        Command::Doctor(options) => doctor::run(&options, context),
        Command::Inspect(options) => inspect::run(&options, context),
        Command::List(options) => list::run(&options, context),
        Command::Log(options) => log::run(&options, context),
        Command::Man(options) => man::run(&options, context),
        Command::Migrate(options) => migrate::run(&options, context),
        Command::Mirror(options) => mirror::run(&options, context),
        Command::Policy(options) => policy::run(&options, context),
        Command::Renew(options) => renew::run(&options, context),
        Command::Resolve(options) => resolve::run(&options, context),
        Command::Init(options) => init::run(&options, context),
        Command::Signer(options) => signer::run(&options, context),
        Command::Delegation(options) => delegation::run(&options, context),
        Command::Key(options) => key::run(&options, context),
        Command::Root(options) => root::run(&options, context),
        Command::Witness(options) => witness::run(&options, context),
        Command::Publish(options) => staged::publish(&options, context),
        Command::Status(options) => staged::status(&options, context),
        Command::Reset(options) => staged::reset(&options, context),
        Command::Delete(options) => delete::run(&options, context),
        Command::Forget(options) => delete::forget(&options, context),
    }?;
    Ok(Exit::Ok)
}
