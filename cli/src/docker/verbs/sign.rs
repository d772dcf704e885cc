//! `docker trust sign`.
//!
//! Docker pushes a local image through its engine before it signs a tag that nobody released. So do we where an engine
//! has the image; without one, what the registry has under the tag is signed, and it is said which digest that is.

use clap::Args;
use libtrust::client::{Client, Collection, Init, KeyStore, KeyUse, Offline, Publisher, TrustedImage, UpdateError};
use libtrust::keys::{KeyAlgorithm, PublicKey, SigningKey};
use libtrust::metadata::{Digests, Target};
use libtrust::names::{ImageDigest, ImageReference};
use libtrust::policy::NameRules;
use ring::rand::SystemRandom;

use super::key::check_name;
use super::{Call, roles, say, warn};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::Session;

/// Options of `docker trust sign`.
#[derive(Debug, Args)]
pub struct Options {
    /// Sign a locally tagged image
    #[arg(long)]
    pub local: bool,
    /// The image
    #[arg(value_name = "IMAGE:TAG")]
    pub image: String,
}

/// Signs a tag: the released digest once more, or what is pushed or in the registry now.
///
/// # Errors
/// If there is nothing to sign, or it could not be published.
pub fn run(options: &Options, call: &Call) -> Result<(), Failure> {
    let name = &options.image;
    let image: ImageReference = name.parse()?;
    if image.digest().is_some() {
        return Err(Failure::usage("cannot use a digest reference for IMAGE:TAG"));
    }
    let Some(tag) = image.tag() else {
        return Err(Failure::usage(format!("no tag specified for {name}")));
    };
    let session = call.session()?;
    let publisher = session.publisher(image.gun())?;
    let collection = match updated(publisher.client(), &image, &session)? {
        Some(collection) => collection,
        None => {
            // Nothing is begun for an image that is nowhere.
            if !call.engine.has(name) {
                session.wait(session.registry(image.registry())?.resolve(&image))?;
            }
            begin(&image, name, &publisher, &session)?;
            session.wait(publisher.client().update(image.gun(), Offline::Never))?
        }
    };
    let released = collection.image(tag, &NameRules::default()).ok().filter(|_| !options.local);
    let target = match released {
        Some(found) => {
            say(&format!("Signing and pushing trust metadata for {name}"))?;
            say_signatures(&found)?;
            listed(&collection, &found)
        }
        None => {
            let target = target(options, &image, call, &session)?;
            say("Signing and pushing trust metadata")?;
            target
        }
    };
    let signed = format!("{}:{tag}", image.gun());
    let plan = |collection: &Collection| publisher.sign_image(collection, tag, &target);
    session
        .wait(publisher.publish_with(image.gun(), plan))
        .map_err(|error| Failure::from(error).while_doing(format!("failed to sign {signed}")))?;
    say(&format!("Successfully signed {signed}"))
}

/// The collection; nothing if the server does not know it.
fn updated(client: &Client, image: &ImageReference, session: &Session) -> Result<Option<Collection>, Failure> {
    match session.wait(client.update(image.gun(), Offline::Never)) {
        Err(UpdateError::NoTrustData { .. }) => Ok(None),
        updated => Ok(Some(updated?)),
    }
}

/// Begins a collection whose first signer is the user who is logged in to the registry. Nobody in particular, or a name
/// that no signer can have, signs with the repository key.
fn begin(image: &ImageReference, name: &str, publisher: &Publisher, session: &Session) -> Result<(), Failure> {
    let user = session.wait(session.user(image.registry()))?;
    let signer = user.filter(|user| check_name("signer", user).is_ok() && user != "releases");
    let changes = match &signer {
        Some(user) => roles::signer(user, &[key_of(user, publisher.keys())?])?,
        None => Vec::new(),
    };
    let init = Init { any_root_key: true, ..Init::default() };
    session.wait(publisher.init(image.gun(), &init, &changes))?;
    match &signer {
        Some(user) => say(&format!("Created signer: {user}"))?,
        None => warn("No login whose name a signer can have: signed with the repository key"),
    }
    say(&format!("Finished initializing signed repository for {name}"))
}

/// The public half of the signer's first key here, or of a new one.
fn key_of(signer: &str, keys: &dyn KeyStore) -> Result<PublicKey, Failure> {
    let entry = keys.list()?.into_iter().find(|entry| entry.key_use.role == signer);
    let id = match entry {
        Some(entry) => entry.id,
        None => {
            let failed = |_| Failure::new(Exit::Failure, "the source of random numbers failed");
            let key = SigningKey::generate(KeyAlgorithm::Ecdsa, &SystemRandom::new()).map_err(failed)?;
            keys.add(key, KeyUse { role: signer.to_owned(), gun: None })?.id
        }
    };
    Ok(keys.open(&id)?.public_key().clone())
}

fn say_signatures(found: &TrustedImage) -> Result<(), Failure> {
    say(&format!("Existing signatures for tag {} digest {} from:", found.tag, hex::encode(found.digest)))?;
    let mut signers: Vec<&str> = found.signers.iter().map(|signer| signer.name.as_str()).collect();
    signers.sort_unstable();
    say(&signers.join(", "))
}

/// What is released, as it is listed: with whatever else its entry says.
fn listed(collection: &Collection, found: &TrustedImage) -> Target {
    let entry = collection.role(&found.role).and_then(|file| file.targets.get(&found.tag));
    let digests = Digests { sha256: Some(found.digest), ..Digests::default() };
    entry.cloned().unwrap_or(Target { length: found.size, digests, custom: None })
}

/// What the tag is to mean: the local image, once it is pushed; where no engine has one, what the registry has.
fn target(options: &Options, image: &ImageReference, call: &Call, session: &Session) -> Result<Target, Failure> {
    let name = &options.image;
    let registry = session.registry(image.registry())?;
    let wanted = if options.local || call.engine.has(name) {
        warn(&format!("Signing and pushing trust data for local image {name}, may overwrite remote trust data"));
        let digest: ImageDigest =
            call.engine.push(name)?.parse().map_err(|why| {
                Failure::caused(Exit::Failure, &why).while_doing("docker push named a strange digest")
            })?;
        image.with_digest(digest)
    } else {
        image.clone()
    };
    // By digest where one is known, so that nobody's later push is signed in its place.
    let found = session.wait(registry.manifest(&wanted))?.descriptor;
    if wanted.digest().is_none() {
        warn(&format!("No local image {name}: signing what the registry has, {}", found.digest));
    }
    let sha256 = hex::decode(found.digest.hex()).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    let Some(sha256) = sha256 else {
        return Err(Failure::usage(format!("{}: only sha256 digests are signed", found.digest)));
    };
    Ok(Target { length: found.size, digests: Digests { sha256: Some(sha256), ..Digests::default() }, custom: None })
}
