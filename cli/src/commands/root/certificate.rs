//! `trust root certificate`.

use std::io::{self, Write};

use clap::Args;
use libtrust::dialect::Dialect;
use serde::Serialize;

use crate::commands::Context;
use crate::commands::key::find;
use crate::commands::name::CollectionName;
use crate::failure::Failure;
use crate::output::{self, Document};
use crate::session::Session;
use crate::terminal::Wording;

/// Options of `trust root certificate`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  trust root certificate --key 5f1a1c2 registry.example/team/app > alice.crt")]
pub struct Options {
    /// The image's repository
    #[arg(value_name = "IMAGE")]
    pub name: CollectionName,
    /// The root key, by id or how it begins
    #[arg(long, value_name = "ID")]
    pub key: String,
}

#[derive(Serialize)]
struct Certificate {
    name: String,
    key: String,
    /// The id by which the root lists it, and policies pin it.
    certificate: String,
    pem: String,
}

impl Document for Certificate {
    fn text(&self, to: &mut dyn Write) -> io::Result<()> {
        to.write_all(self.pem.as_bytes())
    }
}

/// Runs it.
///
/// # Errors
/// If the key is not here, is for something else, or cannot sign a certificate.
pub fn run(options: &Options, context: &Context) -> Result<(), Failure> {
    let session = Session::new(context.settings()?, Wording::Trust)?;
    let key = find::root(&session, &options.key)?;
    let made = session.publisher(&options.name.0)?.root_certificate(&options.name.0, &key)?;
    let certificate = Certificate {
        name: options.name.to_string(),
        key: key.to_string(),
        certificate: Dialect::Notary.key_id(&made).to_string(),
        pem: made.to_pem("root"),
    };
    output::print(&certificate, session.settings().format)
}
