//! The verbs of `trust`, a file each. A verb takes its options and the context, prints one document, and returns a
//! failure that says what to do next.

pub mod bundle;
pub mod completion;
pub mod diff;
mod differences;
pub mod doctor;
pub mod inspect;
pub mod list;
pub mod log;
pub mod man;
pub mod mirror;
pub mod pins;
pub mod policy;
mod reading;
pub mod renew;
pub mod resolve;
mod shown;
pub mod sign;
mod tags;
pub mod verify;

use crate::args::Command;
use crate::failure::Failure;
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

/// Runs a verb.
///
/// # Errors
/// What the verb says.
pub fn run(command: Command, context: &Context) -> Result<(), Failure> {
    match command {
        Command::Bundle(options) => bundle::run(&options, context),
        Command::Completion(options) => completion::run(&options),
        Command::Diff(options) => diff::run(&options, context),
        Command::Doctor(options) => doctor::run(&options, context),
        Command::Inspect(options) => inspect::run(&options, context),
        Command::List(options) => list::run(&options, context),
        Command::Log(options) => log::run(&options, context),
        Command::Man(options) => man::run(&options, context),
        Command::Mirror(options) => mirror::run(&options, context),
        Command::Policy(options) => policy::run(&options, context),
        Command::Renew(options) => renew::run(&options, context),
        Command::Resolve(options) => resolve::run(&options, context),
        Command::Sign(options) => sign::run(&options, context),
        Command::Verify(options) => verify::run(&options, context),
    }
}
