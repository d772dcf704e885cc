//! The spelling of `notary` 0.7.0: its verbs, flags, tables and configuration file, over the library's client.

pub mod args;
pub mod config;
pub mod report;
pub mod session;
pub mod tables;
pub mod verbs;

use std::ffi::OsString;
use std::io::{self, Write};

use clap::error::{ContextKind, ErrorKind};
use clap::{CommandFactory, Parser};

use self::args::{NotaryArguments, Words};
use self::session::Notary;
use crate::commands::Context;
use crate::exit::Exit;
use crate::failure::Failure;

/// Runs a verb of `notary` with Notary's folders. Failures are told and ended with as Notary does.
pub(crate) fn run(words: &Words, context: &Context) -> Exit {
    match parsed(words).and_then(|arguments| arguments.map_or(Ok(()), |arguments| verb(arguments, context))) {
        Ok(()) => Exit::Ok,
        Err(failure) => {
            // Nowhere is left to say it if standard output is gone.
            let _ = report::fatal(&failure, &mut io::stdout().lock());
            Exit::Failure
        }
    }
}

fn verb(arguments: NotaryArguments, context: &Context) -> Result<(), Failure> {
    if arguments.version {
        return verbs::version();
    }
    let Some(verb) = arguments.verb else {
        return verbs::print(&NotaryArguments::command().render_help().to_string());
    };
    let (context, config) = args::context(&arguments.flags, &context.options, &context.environment)?;
    verbs::run(&verb, &Notary::new(&context, &config)?)
}

/// The command line; nothing if it asked for help, which was then shown.
fn parsed(words: &Words) -> Result<Option<NotaryArguments>, Failure> {
    let words = std::iter::once(OsString::from("notary")).chain(words.words.iter().cloned());
    let error = match NotaryArguments::try_parse_from(words) {
        Ok(arguments) => return Ok(Some(arguments)),
        Err(error) => error,
    };
    let named = |kind| error.get(kind).map(ToString::to_string).unwrap_or_default();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            write!(io::stdout(), "{}", error.render())?;
            Ok(None)
        }
        ErrorKind::UnknownArgument if named(ContextKind::InvalidArg).starts_with('-') => {
            Err(Failure::usage(format!("unknown flag: {}", named(ContextKind::InvalidArg))))
        }
        ErrorKind::InvalidSubcommand => {
            let verb = named(ContextKind::InvalidSubcommand);
            Err(Failure::usage(format!("unknown command \"{verb}\" for \"notary\"")))
        }
        ErrorKind::MissingRequiredArgument => {
            let text = error.render().to_string();
            if let Some((_, usage)) = text.split_once("Usage: ") {
                write!(io::stdout(), "Usage:\n  {usage}")?;
            }
            let missing = named(ContextKind::InvalidArg);
            Err(Failure::usage(match missing.split_whitespace().next() {
                Some("<GUN>") | None => "Must specify a GUN".to_owned(),
                Some(_) => format!("Must specify {missing}"),
            }))
        }
        _ => {
            let text = error.render().to_string();
            let line = text.lines().next().unwrap_or_default();
            Err(Failure::usage(line.trim_start_matches("error: ")))
        }
    }
}
