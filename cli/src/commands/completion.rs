//! `trust completion`: the script that lets a shell complete our command line.

use std::io::{self, Write};

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::args::Arguments;
use crate::failure::Failure;
use crate::output::forgive_closed_pipe;

/// Options of `trust completion`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  trust completion bash > /etc/bash_completion.d/trust
  trust completion zsh > ~/.zfunc/_trust
  trust completion fish > ~/.config/fish/completions/trust.fish")]
pub struct Options {
    /// The shell
    #[arg(value_enum)]
    pub shell: Shell,
}

/// Prints the script.
///
/// # Errors
/// If standard output cannot be written.
pub fn run(options: &Options) -> Result<(), Failure> {
    forgive_closed_pipe(io::stdout().write_all(&script(options.shell)))
}

/// Into memory first: the generator does not expect a reader to go away.
fn script(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "trust", &mut script);
    script
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;

    #[test]
    fn every_shell_learns_the_verbs() {
        for shell in Shell::value_variants() {
            let script = String::from_utf8(script(*shell)).unwrap();
            assert!(script.contains("completion") && script.contains("trust-dir"), "{shell}");
        }
    }
}
