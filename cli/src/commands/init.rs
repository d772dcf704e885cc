//! `trust init`: begin a collection.

use clap::{Args, ValueEnum};
use libtrust::client::{Init, Offline, SnapshotHolder};
use libtrust::edit::Change;
use libtrust::metadata::Threshold;
use libtrust::names::Gun;

use super::Context;
use super::change::{Changed, ChangedCollection};
use super::key::find;
use super::name::CollectionName;
use super::{migrate, shown};
use crate::failure::Failure;
use crate::session::Session;
use crate::settings::{Changes, Verbosity};
use crate::terminal::Wording;

/// Options of `trust init`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  trust init registry.example/team/app
  trust init --root-key 5f1a1c2 registry.example/team/app
  trust init --root-key 5f1a1c2,9be0c41 --root-threshold 2 registry.example/team/app")]
pub struct Options {
    /// The image's repository, or any name that Notary's users gave a collection
    #[arg(value_name = "IMAGE")]
    pub name: CollectionName,
    /// Root keys, by id or how it begins [default: the one that is here, or a new one]
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    pub root_key: Vec<String>,
    /// Certificates of root keys that are here, to be used instead of new ones (PEM)
    #[arg(long, value_name = "FILE", value_delimiter = ',', conflicts_with = "root_key")]
    pub root_certificate: Vec<std::path::PathBuf>,
    /// How many root keys must sign a change of root keys
    #[arg(long, value_name = "N", value_parser = threshold)]
    pub root_threshold: Option<Threshold>,
    /// Publish in TUF 1.0 as well, from now on
    #[arg(long)]
    pub tuf: bool,
    /// Who signs snapshots
    #[arg(long, value_enum, default_value_t)]
    pub snapshot: Holder,
}

/// Who signs snapshots.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Holder {
    /// The server, so that several people can publish without sharing a key
    #[default]
    Server,
    /// Whoever publishes, with a key that is made here
    Publisher,
}

/// Reads a threshold.
///
/// # Errors
/// If it is no whole number from 1.
pub fn threshold(text: &str) -> Result<Threshold, String> {
    let number: u32 = text.parse().map_err(|_| "a threshold is a whole number".to_owned())?;
    number.try_into().map_err(|why: libtrust::metadata::InvalidThreshold| why.to_string())
}

/// Runs it.
///
/// # Errors
/// If the collection is there already, or cannot be begun.
pub fn run(options: &Options, context: &Context) -> Result<(), Failure> {
    let session = Session::new(context.settings()?, Wording::Trust)?;
    Changed::each(&session, [&options.name.0], |_| one(options, &session))
}

fn one(options: &Options, session: &Session) -> Result<ChangedCollection, Failure> {
    let gun = &options.name.0;
    let root_keys = options.root_key.iter().map(|id| find::root(session, id)).collect::<Result<_, _>>()?;
    let certificates = options.root_certificate.iter();
    let init = Init {
        root_keys,
        root_certificates: certificates.map(|file| find::root_certificate(file, gun)).collect::<Result<_, _>>()?,
        root_threshold: options.root_threshold,
        snapshot: match options.snapshot {
            Holder::Server => SnapshotHolder::Server,
            Holder::Publisher => SnapshotHolder::Publisher,
        },
        any_root_key: false,
    };
    let begun = begin(session, gun, &init, &[])?;
    if options.tuf && session.settings().changes == Changes::Made {
        migrate::begin(session, gun, &session.publisher(gun)?)?;
    }
    Ok(begun)
}

/// Begins a collection and looks at what the server made of it.
///
/// # Errors
/// As [`run`].
pub fn begin(session: &Session, gun: &Gun, init: &Init, changes: &[Change]) -> Result<ChangedCollection, Failure> {
    let publisher = session.publisher(gun)?;
    if session.settings().changes == Changes::Told {
        session.wait(publisher.must_be_new(gun))?;
        return Ok(ChangedCollection::of(gun, changes, Vec::new()).begun());
    }
    let publication = session.wait(publisher.init(gun, init, changes))?;
    let roles = shown::published(session, gun, &publication);
    let collection = session.wait(publisher.client().update(gun, Offline::Never))?;
    let keys = shown::root_keys(&collection).join(", ");
    session.note(Verbosity::Normal, &format!("root key of {gun}, for policies: {keys}"));
    Ok(ChangedCollection::of(gun, changes, roles).begun())
}
