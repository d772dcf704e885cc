//! `trust key generate`.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use libtrust::client::{KeyEntry, KeyStore as _, KeyUse};
use libtrust::keys::{KeyAlgorithm, SigningKey};
use ring::rand::SystemRandom;
use serde::Serialize;

use super::{list::Key, write};
use crate::commands::{Context, shown};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{self, Document, escape};
use crate::session::Session;
use crate::settings::Changes;
use crate::terminal::Wording;
use crate::token;

/// Names that mean something else.
const RESERVED: [&str; 4] = ["releases", "targets", "snapshot", "timestamp"];

/// Options of `trust key generate`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  trust key generate alice
  trust key generate --dir ~/keys alice
  trust key generate root")]
pub struct Options {
    /// The signer's name, or `root` for a key that begins collections
    #[arg(value_name = "NAME", value_parser = signer_name)]
    pub name: String,
    /// Where the public key is written, as NAME.pub
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub dir: PathBuf,
    /// Make the root key inside the token (--token-module), which keeps it: there is no copy
    #[arg(long)]
    pub in_token: bool,
}

/// A name that a signer can have, as in Docker.
///
/// # Errors
/// If it is none, or reserved.
pub fn signer_name(text: &str) -> Result<String, String> {
    let allowed = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
    let begins_well = text.bytes().next().is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    if !begins_well || !text.bytes().all(allowed) || text.len() > 200 {
        return Err("a name begins with a small letter or digit, and has small letters, digits, `-` and `_`".to_owned());
    }
    if RESERVED.contains(&text) {
        return Err(format!("{text} is the name of a role; choose another"));
    }
    Ok(text.to_owned())
}

#[derive(Serialize)]
struct Generated {
    dry_run: bool,
    key: Option<Key>,
    public_key: Option<PathBuf>,
}

impl Document for Generated {
    fn text(&self, to: &mut dyn Write) -> io::Result<()> {
        if let Some(key) = &self.key {
            writeln!(to, "{} key {} is in {}", key.role, shown::short(&key.id), escape::line(&key.location))?;
        }
        if let Some(file) = &self.public_key {
            let would = if self.dry_run { "would be" } else { "is" };
            writeln!(to, "its public key {would} in {}", escape::line(&file.display().to_string()))?;
        }
        Ok(())
    }
}

/// Runs it.
///
/// # Errors
/// If the public key's file is there already, or the key cannot be stored.
pub fn run(options: &Options, context: &Context) -> Result<(), Failure> {
    let session = Session::new(context.settings()?, Wording::Trust)?;
    let name = &options.name;
    // A root key's public half travels in certificates.
    let public_key = (name != "root").then(|| options.dir.join(format!("{name}.pub")));
    public_key.as_deref().map_or(Ok(()), write::must_be_absent)?;
    if session.settings().changes == Changes::Told {
        return output::print(&Generated { dry_run: true, key: None, public_key }, session.settings().format);
    }
    if options.in_token {
        let entry = in_token(options, &session)?;
        let generated = Generated { dry_run: false, key: Some(Key::of(&entry)), public_key: None };
        return output::print(&generated, session.settings().format);
    }
    let failed = |_| Failure::new(Exit::Failure, "the source of random numbers failed");
    let key = SigningKey::generate(KeyAlgorithm::Ecdsa, &SystemRandom::new()).map_err(failed)?;
    let text = key.public_key().to_pem(name);
    let entry = session.keys().add(key, KeyUse { role: name.clone(), gun: None })?;
    if let Some(file) = &public_key {
        write::new(file, text.as_bytes()).map_err(|failure| {
            failure.hint(format!("key {} is stored; write its public key by: trust key export --public", entry.id))
        })?;
    }
    output::print(&Generated { dry_run: false, key: Some(Key::of(&entry)), public_key }, session.settings().format)
}

fn in_token(options: &Options, session: &Session) -> Result<KeyEntry, Failure> {
    if options.name != "root" {
        return Err(Failure::usage("only root keys are kept in tokens").hint("trust key generate --in-token root"));
    }
    let Some(token) = &session.settings().token else {
        return Err(Failure::usage("no token is named").hint("--token-module FILE, the library of its vendor"));
    };
    token::generate(token, session.secret(token.pin_file.as_deref()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_docker_takes() {
        for name in ["alice", "0", "a-b_c", "root"] {
            assert!(signer_name(name).is_ok(), "{name}");
        }
        for name in ["", "Alice", "-a", "a b", "a/b", "a.b", "releases", "targets"] {
            assert!(signer_name(name).is_err(), "{name}");
        }
    }
}
