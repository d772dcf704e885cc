//! From the words of a command line to an exit code. Nothing expensive happens before a verb asks for it: no thread, no
//! runtime, no certificate store.

use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;

use crate::args::Arguments;
use crate::commands::{self, Context};
use crate::docker;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Format, forgive_closed_pipe};
use crate::settings::Environment;
use crate::terminal::{Console, Shown, Terminal};

/// Runs the command that `words` spell. The first is the program's name: `docker-trust` is Docker's plugin, anything else
/// is `trust`.
#[must_use]
pub fn start(words: impl IntoIterator<Item = OsString>) -> ExitCode {
    let words: Vec<OsString> = words.into_iter().collect();
    let environment = Environment::of_process();
    let name = words.first().and_then(|name| Path::new(name).file_stem()?.to_str());
    if let Some(plugin) = name.and_then(|name| name.strip_prefix("docker-")) {
        return docker::run(plugin, &words, &environment);
    }
    let format = format_asked(&words);
    match trust(&words, format, environment) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            // Nowhere is left to say it if standard error is gone.
            let _ = failure.print(format, &mut anstream::stderr().lock());
            failure.exit().into()
        }
    }
}

fn trust(words: &[OsString], format: Format, environment: Environment) -> Result<Exit, Failure> {
    let arguments = match Arguments::of_reader(words).map_or_else(|| Arguments::try_parse_from(words), Ok) {
        Ok(arguments) => arguments,
        Err(error) => return answer(&error, format),
    };
    let options = arguments.global;
    let attended = Terminal::new(Shown::OnStderr, !options.no_input).is_interactive();
    commands::run(arguments.command, &Context { options, environment, attended })
}

/// Help and version are answers; anything else is a wrong call, said in clap's words unless a program reads.
fn answer(error: &clap::Error, format: Format) -> Result<Exit, Failure> {
    if error.use_stderr() && format != Format::Table {
        let text = error.to_string();
        let message = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
        return Err(Failure::usage(message));
    }
    // Where it goes, and whether in colours, is clap's choice.
    forgive_closed_pipe(error.print().and_then(|()| io::Write::flush(&mut io::stdout())))?;
    Ok(if error.use_stderr() { Exit::Usage } else { Exit::Ok })
}

/// The format asked for, also on a command line that is wrong otherwise.
fn format_asked(words: &[OsString]) -> Format {
    let words: Vec<&str> = words.iter().map_while(|word| word.to_str()).take_while(|word| *word != "--").collect();
    let value = words.iter().enumerate().find_map(|(n, word)| match *word {
        "--output" | "-o" => words.get(n + 1).copied(),
        _ => word
            .strip_prefix("--output=")
            .or_else(|| word.strip_prefix("-o").map(|value| value.trim_start_matches('='))),
    });
    match value {
        Some("json") => Format::Json,
        Some("yaml") => Format::Yaml,
        _ => Format::Table,
    }
}
