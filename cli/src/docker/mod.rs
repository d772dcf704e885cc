//! The spelling of `docker trust`: what it prints, and the protocol of Docker's plugins.
//!
//! Docker runs a plugin `docker-NAME` with all of its own arguments, global ones before the word `NAME`; see
//! `plugin.rs`.

pub mod args;
mod cancel;
mod complete;
pub mod engine;
pub mod inspect;
mod natural;
mod plugin;
mod seen;
pub mod verbs;

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::FromArgMatches;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::failure::Failure;
use crate::output::escape;
use crate::settings::Environment;

use self::args::DockerArguments;
use self::plugin::Call;

/// What Docker ends with when a command fails, whatever the reason.
const FAILED: u8 = 1;
/// What it ends with when an option is not known.
const UNKNOWN_OPTION: u8 = 125;

/// Runs what Docker, or a person, asks of the plugin. `name` is the word after `docker`: `trust`.
pub(crate) fn run(name: &str, words: &[OsString], environment: &Environment) -> ExitCode {
    let by_docker = environment.path("DOCKER_CLI_PLUGIN_ORIGINAL_CLI_COMMAND").is_some();
    let words = words.get(1..).unwrap_or_default();
    let ended = match Call::of(name, words, by_docker) {
        Call::Metadata => plugin::print_metadata().map(|()| 0),
        Call::Complete(words) => complete::print(&args::tree(), &words).map(|()| 0),
        Call::Verb(words) => {
            if let Some(socket) = environment.path("DOCKER_CLI_PLUGIN_SOCKET") {
                cancel::when_closed(&socket, cancel::end);
            }
            let parsed = args::tree().try_get_matches_from(words);
            match parsed.and_then(|matches| DockerArguments::from_arg_matches(&matches)) {
                Ok(arguments) => args::run(arguments, environment),
                Err(error) => return not_parsed(&error),
            }
        }
    };
    match ended {
        Ok(code) => code.into(),
        Err(failure) => {
            // Nowhere is left to say it if standard error is gone.
            let _ = tell(&failure, &mut io::stderr().lock());
            FAILED.into()
        }
    }
}

/// Help is an answer, also when it was not asked for; a wrong call ends as Docker's does.
fn not_parsed(error: &clap::Error) -> ExitCode {
    let _ = error.print();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            ExitCode::SUCCESS
        }
        ErrorKind::UnknownArgument if is_option(error) => UNKNOWN_OPTION.into(),
        _ => FAILED.into(),
    }
}

fn is_option(error: &clap::Error) -> bool {
    matches!(error.get(ContextKind::InvalidArg), Some(ContextValue::String(word)) if word.starts_with('-'))
}

/// One line, the causes behind colons, as Docker tells errors; our hints follow.
fn tell(failure: &Failure, to: &mut dyn Write) -> io::Result<()> {
    let mut line = failure.message().to_owned();
    failure.causes().iter().for_each(|cause| line += &format!(": {cause}"));
    writeln!(to, "{}", escape::lines(&line))?;
    failure.hints().iter().try_for_each(|hint| writeln!(to, "hint: {}", escape::lines(hint)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;

    #[test]
    fn an_error_is_a_line_without_prefix() {
        let mut told = Vec::new();
        tell(&Failure::new(Exit::Auth, "denied").while_doing("cannot sign"), &mut told).unwrap();
        assert_eq!(told, b"cannot sign: denied\n");
    }
}
