//! What a shell may complete, in the protocol of Docker's completion scripts: a candidate a line, with its help after a
//! tab, then `:` and a number.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::{self, Write};

use clap::Command;

use crate::failure::Failure;
use crate::output::forgive_closed_pipe;

/// "Do not complete names of files."
const NO_FILES: u8 = 4;

/// Prints what may follow `words`, of which the last is begun.
pub(super) fn print(tree: &Command, words: &[OsString]) -> Result<(), Failure> {
    forgive_closed_pipe(io::stdout().write_all(answer(tree, words).as_bytes()))
}

fn answer(tree: &Command, words: &[OsString]) -> String {
    let (begun, before) =
        words.split_last().map_or(("", words), |(last, before)| (last.to_str().unwrap_or(""), before));
    let mut at = tree.find_subcommand("trust").unwrap_or(tree);
    // Options are passed over: what they take is not a verb's name.
    for word in before.iter().filter_map(|word| word.to_str()).filter(|word| !word.starts_with('-')) {
        at = at.find_subcommand(word).unwrap_or(at);
    }
    let mut text = String::new();
    let mut candidate = |name: &str, help: Option<&clap::builder::StyledStr>| {
        if name.starts_with(begun) {
            let help = help.map(ToString::to_string).unwrap_or_default();
            let _ = writeln!(text, "{name}\t{}", help.lines().next().unwrap_or_default());
        }
    };
    if begun.starts_with('-') {
        for option in at.get_arguments().filter(|option| !option.is_hide_set()) {
            if let Some(long) = option.get_long() {
                candidate(&format!("--{long}"), option.get_help());
            }
        }
    } else {
        for verb in at.get_subcommands().filter(|verb| !verb.is_hide_set()) {
            candidate(verb.get_name(), verb.get_about());
        }
    }
    let _ = writeln!(text, ":{NO_FILES}");
    text
}

#[cfg(test)]
mod tests {
    use clap::Arg;

    use super::*;

    #[test]
    fn verbs_and_options_are_completed() {
        let generate = Command::new("generate").about("Generate a key").arg(Arg::new("dir").long("dir").help("Where"));
        let key = Command::new("key")
            .about("Manage keys")
            .subcommand(generate)
            .subcommand(Command::new("load").about("Load"));
        let tree = Command::new("docker").subcommand(Command::new("trust").subcommand(key));
        let answer = |text: &str| answer(&tree, &text.split(' ').map(OsString::from).collect::<Vec<_>>());
        assert_eq!(answer(""), "key\tManage keys\n:4\n");
        assert_eq!(answer("key ge"), "generate\tGenerate a key\n:4\n");
        assert_eq!(answer("key generate --d"), "--dir\tWhere\n:4\n");
        assert_eq!(answer("nothing"), ":4\n");
    }
}
