//! `trust key export`.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use libtrust::client::KeyStore as _;
use libtrust::names::KeyId;
use serde::Serialize;
use zeroize::Zeroizing;

use super::{find, write};
use crate::commands::{Context, name::CollectionName};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{self, Document};
use crate::session::Session;
use crate::settings::Changes;
use crate::terminal::Wording;

/// Options of `trust key export`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  trust key export --to keys.pem
  trust key export --name registry.example/team/app
  trust key export --public 5f1a1c2 > alice.pub")]
pub struct Options {
    /// Keys, by id or how it begins [default: all]
    #[arg(value_name = "ID")]
    pub keys: Vec<String>,
    /// The keys of this collection
    #[arg(long, value_name = "IMAGE", conflicts_with = "keys")]
    pub name: Option<CollectionName>,
    /// Public keys, for whoever gives them a role. The private ones are opened for it
    #[arg(long)]
    pub public: bool,
    /// A new file to write to, instead of standard output
    #[arg(long, value_name = "FILE")]
    pub to: Option<PathBuf>,
}

#[derive(Serialize)]
struct Exported {
    keys: Vec<String>,
    to: Option<PathBuf>,
    /// The PEM text, unless it went into a file.
    pem: Option<Zeroized>,
}

/// Wiped when it is no longer needed.
struct Zeroized(Zeroizing<String>);

impl Serialize for Zeroized {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl Document for Exported {
    fn text(&self, to: &mut dyn Write) -> io::Result<()> {
        match &self.pem {
            Some(pem) => to.write_all(pem.0.as_bytes()),
            None => writeln!(to, "{} keys exported", self.keys.len()),
        }
    }
}

/// Runs it.
///
/// # Errors
/// If a key is not here or cannot be read.
pub fn run(options: &Options, context: &Context) -> Result<(), Failure> {
    let session = Session::new(context.settings()?, Wording::Trust)?;
    let store = session.keys();
    let entries = match (&options.name, options.keys.as_slice()) {
        (Some(name), _) => {
            let of_name = store.list()?.into_iter().filter(|entry| entry.key_use.gun.as_ref() == Some(&name.0));
            of_name.collect()
        }
        (None, []) => store.list()?,
        (None, ids) => ids.iter().map(|id| find::key(&session, id)).collect::<Result<Vec<_>, _>>()?,
    };
    if entries.is_empty() {
        return Err(Failure::new(Exit::Key, "there is no such key here").hint("keys are listed by: trust key list"));
    }
    let ids: Vec<KeyId> = entries.iter().map(|entry| entry.id.clone()).collect();
    let pem = if options.public {
        let mut text = String::new();
        for entry in &entries {
            text += &store.open(&entry.id)?.public_key().to_pem(&entry.key_use.role);
        }
        Zeroizing::new(text)
    } else {
        store.export(&ids)?
    };
    let keys = ids.iter().map(ToString::to_string).collect();
    let pem = match &options.to {
        None => Some(Zeroized(pem)),
        Some(file) => {
            if session.settings().changes == Changes::Made {
                write::new(file, pem.as_bytes())?;
            }
            None
        }
    };
    output::print(&Exported { keys, to: options.to.clone(), pem }, session.settings().format)
}
