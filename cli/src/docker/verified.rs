//! Images by the digests that were signed, for what Docker is to use. Nothing is used that could not be verified now.

use libtrust::client::{Client, Offline, TrustedImage};
use libtrust::names::{Gun, ImageReference};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::Session;

/// What is used where no tag is named, as Docker has it.
const LATEST: &str = "latest";

/// The image that is trusted under a reference: its tag, else its digest, which must be that of a released tag.
///
/// # Errors
/// If it is not trusted, or no server says so now.
pub fn trusted(image: &ImageReference, session: &Session) -> Result<TrustedImage, Failure> {
    let gun: &Gun = image.gun();
    let client: Client = session.client(gun)?;
    let collection = session.wait(client.update(gun, Offline::Never))?;
    let rules = client.policy().rules(gun);
    let Some(digest) = image.digest() else {
        return Ok(collection.image(image.tag().unwrap_or(LATEST), rules)?);
    };
    if let Some(tag) = image.tag() {
        let found = collection.image(tag, rules)?;
        if found.digest_text() != digest.as_str() {
            let message = format!("{} is signed as {}", image.familiar(), found.digest_text());
            return Err(Failure::new(Exit::Digest, message));
        }
        return Ok(found);
    }
    let bytes = hex::decode(digest.hex()).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    let Some(bytes) = bytes.filter(|_| digest.algorithm() == "sha256") else {
        return Err(Failure::usage(format!("{digest}: only sha256 digests are signed")));
    };
    let mut images = collection.images_of(&bytes, rules)?;
    let first = images.pop();
    first.ok_or_else(|| Failure::new(Exit::NoTrustData, format!("{} is not signed", image.familiar())))
}

/// The reference by its verified digest, `NAME@sha256:HEX`, as Docker takes it.
///
/// # Errors
/// As [`trusted`].
pub fn pinned(image: &ImageReference, session: &Session) -> Result<String, Failure> {
    let trusted = trusted(image, session)
        .map_err(|failure| failure.while_doing(format!("{} is not trusted", image.familiar())))?;
    Ok(format!("{}@{}", image.gun(), trusted.digest_text()))
}
