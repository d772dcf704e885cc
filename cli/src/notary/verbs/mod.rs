//! The verbs of `notary`: those on collections, on targets, on what is staged, on delegations, on keys.

pub mod collection;
pub mod delegation;
pub mod key;
pub mod keys_moved;
pub mod staged;
pub mod target;

use std::io::{self, Write};

use super::args::{KeyVerb, Verb};
use super::session::Notary;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::forgive_closed_pipe;
use crate::terminal::{Confirmation, Question, Shown, Terminal};

/// Runs a verb.
///
/// # Errors
/// What could not be trusted, had or changed.
pub fn run(verb: &Verb, notary: &Notary) -> Result<(), Failure> {
    match verb {
        Verb::Add(options) => target::add(options, notary),
        Verb::Addhash(options) => target::add_hash(options, notary),
        Verb::Delegation { verb } => delegation::run(verb, notary),
        Verb::Delete(options) => collection::delete(options, notary),
        Verb::Init(options) => collection::init(options, notary),
        Verb::Key { verb: KeyVerb::Export(options) } => keys_moved::export(options, notary),
        Verb::Key { verb: KeyVerb::Generate(options) } => key::generate(options, notary),
        Verb::Key { verb: KeyVerb::Import(options) } => keys_moved::import(options, notary),
        Verb::Key { verb: KeyVerb::List } => key::list(notary),
        Verb::Key { verb: KeyVerb::Passwd(options) } => key::passwd(options, notary),
        Verb::Key { verb: KeyVerb::Remove(options) } => key::remove(options, notary),
        Verb::Key { verb: KeyVerb::Rotate(options) } => key::rotate(options, notary),
        Verb::List(options) => target::list(options, notary),
        Verb::Lookup(options) => target::lookup(options, notary),
        Verb::Publish(options) => collection::publish(options, notary),
        Verb::Remove(options) => target::remove(options, notary),
        Verb::Reset(options) => staged::reset(options, notary),
        Verb::Status(options) => staged::status(options, notary),
        Verb::Verify(options) => target::verify(options, notary),
        Verb::Version => version(),
        Verb::Witness(options) => staged::witness(options, notary),
    }
}

/// Prints text on standard output.
///
/// # Errors
/// Those of the stream.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    forgive_closed_pipe(stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()))
}

/// Prints who this is.
///
/// # Errors
/// Those of the stream.
pub fn version() -> Result<(), Failure> {
    print(&format!("notary\n Version:    {}\n Spoken by:  trust\n", env!("CARGO_PKG_VERSION")))
}

/// Asks in Notary's way; `-y` answers beforehand.
fn sure(question: &str, given: Confirmation) -> Result<bool, Failure> {
    Question::notary(question).ask(&Terminal::new(Shown::OnStdout, true), given)
}

fn aborted() -> Failure {
    Failure::new(Exit::Failure, "Aborting action.")
}
