//! The command line of `trust`: global options and one verb. Each verb's own options are in its file in
//! [`commands`](crate::commands); this is where they become one tree.

use clap::{Parser, Subcommand};

use crate::commands::{completion, inspect, key, man, revoke, sign, verify};
use crate::notary;
use crate::settings::GlobalOptions;

/// Sign container images, and verify who signed them.
///
/// A signature says: this tag is this digest, says the holder of this key. It is kept by a trust server, ours or any
/// Notary v1, beside the registry. No Docker daemon is needed; keys and what was trusted before are shared with Docker's
/// content trust.
#[derive(Debug, Parser)]
#[command(name = "trust", version, after_long_help = EXIT_CODES, arg_required_else_help = true)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Options every verb takes.
    #[command(flatten)]
    pub global: GlobalOptions,
}

/// What to do. The first line of each is its help.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Sign images: what their tags stand for now
    Sign(sign::Options),
    /// Take signatures of tags back
    Revoke(revoke::Options),
    /// Verify images: who signed them, and whether the registry has what they signed
    Verify(verify::Options),
    /// Show what is signed under a name, by whom and until when
    Inspect(inspect::Options),
    /// Look after private keys
    Key {
        /// What to do with them.
        #[command(subcommand)]
        command: key::Command,
    },
    /// Do what `notary` does, in its words, with its folders
    Notary(notary::args::Words),
    /// Print the completion script of a shell
    Completion(completion::Options),
    /// Write the manual pages into a folder
    Man(man::Options),
}

/// The table of [`Exit`](crate::exit::Exit), for people. A test holds the two together.
const EXIT_CODES: &str = "\
Exit codes:
  0    done
  1    failed
  2    called wrongly; nothing was done
  10   nothing is signed under this name
  11   signatures are missing or wrong, or metadata is damaged
  12   metadata has expired: its publisher must sign again
  13   the server shows an old state (rollback or freeze)
  14   the policy or a pin does not allow it
  15   the content is not what was signed
  20   credentials are missing, wrong, or not enough
  21   the server cannot be reached or does not answer properly
  22   somebody else published first
  23   a private key is missing or cannot be opened";

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::exit::Exit;

    #[test]
    fn the_tree_holds_together() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn the_help_lists_every_exit_code() {
        let listed: Vec<&str> = EXIT_CODES.lines().skip(1).collect();
        let defined = Exit::ALL.map(|exit| format!("  {:<5}{}", exit.code(), exit.meaning()));
        assert_eq!(listed, defined);
    }

    #[test]
    fn every_verb_says_in_one_line_what_it_does() {
        for verb in Arguments::command().get_subcommands() {
            let about = verb.get_about().map(ToString::to_string).unwrap_or_default();
            assert!(!about.is_empty() && about.len() < 80 && !about.ends_with('.'), "{}: {about:?}", verb.get_name());
        }
    }
}
