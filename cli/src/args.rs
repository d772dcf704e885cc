//! The command line of `trust`: global options and one verb. Each verb's own options are in its file in
//! [`commands`](crate::commands); this is where they become one tree.

use std::ffi::OsString;

use clap::{Parser, Subcommand};

use crate::commands::{
    bundle, completion, delegation, delete, diff, doctor, init, inspect, key, list, log, man, migrate, mirror, policy,
    renew, resolve, revoke, root, sign, signer, staged, tuf, verify, witness,
};
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

impl Arguments {
    /// The command line, if it is one of those that must start at once. The whole tree of verbs takes some milliseconds and
    /// megabytes; nothing is the answer also to a wrong call, which the whole tree then explains.
    #[must_use]
    pub fn of_reader(words: &[OsString]) -> Option<Self> {
        if words.get(1).is_none_or(|verb| verb != "tuf") {
            return None;
        }
        let ReaderArguments { command: ReaderCommand::Tuf(options), global } =
            ReaderArguments::try_parse_from(words).ok()?;
        Some(Self { command: Command::Tuf(Box::new(options.into())), global })
    }
}

#[derive(Debug, Parser)]
#[command(name = "trust")]
struct ReaderArguments {
    #[command(subcommand)]
    command: ReaderCommand,
    #[command(flatten)]
    global: GlobalOptions,
}

#[derive(Debug, Subcommand)]
enum ReaderCommand {
    Tuf(tuf::ReaderOptions),
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
    /// Show everything that is trusted about images, and by whose word
    Inspect(inspect::Options),
    /// List the signed tags of an image
    List(list::Options),
    /// Tell what changed under a name, when, and by whose keys
    Log(log::Options),
    /// Compare versions, or what was trusted here with what the server has
    Diff(diff::Options),
    /// Begin a collection: the signatures of one repository
    Init(init::Options),
    /// Who may sign: add, remove, replace, list
    Signer(signer::Options),
    /// Parts of a collection given to other keys, at any depth
    Delegation(delegation::Options),
    /// Private keys that are here, and new keys for the roles of a collection
    Key(key::Options),
    /// A root that several people must sign, over files
    Root(root::Options),
    /// Sign roles anew as they are
    Witness(witness::Options),
    /// Publish the changes that are staged
    Publish(staged::PublishOptions),
    /// List the changes that are staged
    Status(staged::StatusOptions),
    /// Drop changes that are staged
    Reset(staged::ResetOptions),
    /// Delete a collection, here or also at the server
    Delete(delete::Options),
    /// Forget what was trusted before: the next use is the first
    Forget(delete::ForgetOptions),
    /// Sign anew what expires soon, or has expired, with the keys that are here
    Renew(renew::Options),
    /// Replace images, also in Dockerfiles and YAML, by their verified digests
    Resolve(resolve::Options),
    /// Carry collections to places without a network, in one file
    Bundle(bundle::Options),
    /// Copy collections into files for any web server, or to another trust server
    Mirror(mirror::Options),
    /// Publish collections in TUF 1.0 as well, for clients of any language
    Migrate(migrate::Options),
    /// Show which rules hold for which names, and whether images satisfy them
    Policy(policy::Options),
    /// Look whether everything is in order: server, clock, keys, dates, policy, Docker
    Doctor(doctor::Options),
    /// Repositories of any files by The Update Framework: keep one, or read one
    Tuf(Box<tuf::Options>),
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
    fn what_readers_are_called_with_means_the_same_to_both_trees() {
        let words = "trust tuf --metadata-dir m --target-name a refresh --metadata-url u -o json --target-name b";
        let words: Vec<OsString> = words.split(' ').map(OsString::from).collect();
        let (short, whole) = (Arguments::of_reader(&words).unwrap(), Arguments::try_parse_from(&words).unwrap());
        assert_eq!(format!("{short:?}"), format!("{whole:?}"));
        for other in ["trust tuf add repo x", "trust tuf refresh --help", "trust tuf refresh --bogus", "trust list a"] {
            let words: Vec<OsString> = other.split(' ').map(OsString::from).collect();
            assert!(Arguments::of_reader(&words).is_none(), "{other}");
        }
    }

    #[test]
    fn no_verb_has_an_option_that_every_verb_has() {
        fn check(command: &clap::Command, global: &[String]) {
            for verb in command.get_subcommands() {
                let own = verb.get_arguments().filter(|option| !option.is_global_set());
                for option in own.filter_map(clap::Arg::get_long) {
                    assert!(!global.contains(&option.to_owned()), "{}: --{option}", verb.get_name());
                }
                check(verb, global);
            }
        }
        let command = Arguments::command();
        let global = command.get_arguments().filter(|option| option.is_global_set());
        let global: Vec<String> = global.filter_map(clap::Arg::get_long).map(str::to_owned).collect();
        assert!(global.contains(&"server".to_owned()), "{global:?}");
        check(&command, &global);
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
