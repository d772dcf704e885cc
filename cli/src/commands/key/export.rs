//! `trust key export`: PEM text, for `trust key import` and `notary key import`.

use std::io::{self, Write};

use clap::Args;
use libtrust::client::KeyStore;
use libtrust::names::KeyId;

use crate::commands::Context;
use crate::commands::session::keys;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::forgive_closed_pipe;

/// Options of `trust key export`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  trust key export > keys.pem
  trust key export 765b04a2f1 > targets.pem")]
pub struct Options {
    /// Keys, by the beginning of their ids; without, all of them
    #[arg(value_name = "KEY")]
    pub keys: Vec<String>,
}

/// Prints the keys.
pub(super) fn run(options: &Options, context: &Context) -> Result<(), Failure> {
    let store = keys(context)?;
    let here: Vec<KeyId> = store.list()?.into_iter().map(|entry| entry.id).collect();
    let mut chosen = Vec::new();
    for start in &options.keys {
        chosen.push(only(start, &here)?);
    }
    let chosen = if options.keys.is_empty() { here } else { chosen };
    if chosen.is_empty() {
        return Err(Failure::new(Exit::Key, "no private key is here"));
    }
    let text = store.export(&chosen)?;
    forgive_closed_pipe(io::stdout().write_all(text.as_bytes()))
}

/// The one key whose id begins so.
fn only(start: &str, here: &[KeyId]) -> Result<KeyId, Failure> {
    let mut matching = here.iter().filter(|id| id.as_str().starts_with(start));
    match (matching.next(), matching.next()) {
        (Some(id), None) => Ok(id.clone()),
        (None, _) => {
            Err(Failure::new(Exit::Key, format!("no private key {start} is here")).hint("see: trust key list"))
        }
        (Some(_), Some(_)) => {
            Err(Failure::usage(format!("several private keys begin with {start}; give more of the id")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beginning_names_one_key_or_none() {
        let here = ["ab", "ac"].map(|start| format!("{start:0<64}").parse().unwrap());
        assert_eq!(only("ab", &here).unwrap(), here[0]);
        assert_eq!(only("a", &here).unwrap_err().exit(), Exit::Usage);
        assert_eq!(only("b", &here).unwrap_err().exit(), Exit::Key);
    }
}
