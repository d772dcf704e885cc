//! The spelling of `notary` 0.7.0: its tables and its configuration file, over the same verbs as our own.

pub mod args;
pub mod config;
pub mod report;
pub mod tables;
pub mod verbs;

use crate::commands::Context;
use crate::exit::Exit;

/// Runs a verb of `notary` with Notary's folders. Failures are told and ended with as Notary does.
pub(crate) fn run(options: &args::Options, context: &Context) -> Exit {
    let ended = args::context(options, &context.options, &context.environment)
        .and_then(|context| verbs::run(&options.verb, &context));
    match ended {
        Ok(()) => Exit::Ok,
        Err(failure) => {
            // Nowhere is left to say it if standard output is gone.
            let _ = report::fatal(&failure, &mut std::io::stdout().lock());
            Exit::Failure
        }
    }
}
