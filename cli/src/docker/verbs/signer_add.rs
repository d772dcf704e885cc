//! `docker trust signer add`.

use std::path::{Path, PathBuf};

use clap::Args;
use libtrust::client::{Clock as _, Init, Offline, RELEASES, SystemClock, UpdateError};
use libtrust::keys::PublicKey;
use libtrust::names::ImageReference;

use super::key::check_name;
use super::{Call, roles, say, told, warn};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::Session;

/// The largest public key, in bytes, as in Docker.
const MAX_FILE: u64 = 1 << 20;

/// Options of `docker trust signer add`.
#[derive(Debug, Args)]
pub struct Options {
    /// Path to the signer's public key file
    #[arg(long = "key", value_name = "FILE")]
    pub keys: Vec<PathBuf>,
    /// The signer's name
    #[arg(value_name = "NAME")]
    pub name: String,
    /// Repositories
    #[arg(value_name = "REPOSITORY", required = true)]
    pub repositories: Vec<String>,
}

/// Lets somebody sign in every repository named. Those that fail are told on standard error, the rest goes on.
///
/// # Errors
/// If a name or key cannot be used, or a repository failed.
pub fn run(options: &Options, call: &Call) -> Result<(), Failure> {
    let name = &options.name;
    check_name("signer", name)?;
    if RELEASES.ends_with(&format!("/{name}")) {
        return Err(Failure::usage(format!("{name} is a reserved keyword, use a different signer name")));
    }
    if options.keys.is_empty() {
        return Err(Failure::usage("path to a public key must be provided using the `--key` flag"));
    }
    let keys = options.keys.iter().map(|file| public_key(file)).collect::<Result<Vec<_>, _>>()?;
    let session = call.session()?;
    let mut failed = Vec::new();
    for repository in &options.repositories {
        say(&format!("Adding signer \"{name}\" to {repository}..."))?;
        match add(name, &keys, repository, &session) {
            Ok(()) => say(&format!("Successfully added signer: {name} to {repository}")).and_then(|()| say(""))?,
            Err(failure) => {
                warn(&told(&failure));
                warn("");
                failed.push(repository.as_str());
            }
        }
    }
    match failed.as_slice() {
        [] => Ok(()),
        failed => Err(Failure::new(Exit::Failure, format!("failed to add signer to: {}", failed.join(", ")))),
    }
}

fn add(name: &str, keys: &[PublicKey], repository: &str, session: &Session) -> Result<(), Failure> {
    let image: ImageReference = repository.parse()?;
    let gun = image.gun();
    let publisher = session.publisher(gun)?;
    let changes = roles::signer(name, keys)?;
    session.wait(async {
        match publisher.client().update(gun, Offline::Never).await {
            Err(UpdateError::NoTrustData { .. }) => {
                say(&format!("Initializing signed repository for {repository}..."))?;
                let init = Init { any_root_key: true, ..Init::default() };
                publisher.init(gun, &init, &changes).await?;
                say(&format!("Successfully initialized \"{repository}\""))
            }
            updated => {
                updated?;
                publisher.publish(gun, &changes).await?;
                Ok(())
            }
        }
    })
}

/// Reads a public key, or a certificate that is valid now.
pub(crate) fn public_key(file: &Path) -> Result<PublicKey, Failure> {
    let shown = file.display();
    let text = crate::files::read(file, MAX_FILE)
        .map_err(|failure| failure.while_doing(format!("unable to read public key from file: {shown}")))?;
    PublicKey::from_pem(&text, SystemClock.now()).map_err(|error| {
        Failure::caused(Exit::Key, &error).while_doing(format!("could not parse public key from file: {shown}"))
    })
}
