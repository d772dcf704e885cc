//! Image references and the digests they are trusted to stand for. Each collection is brought up to date once.

use std::collections::BTreeMap;

use libtrust::client::{Client, Collection, TrustedImage};
use libtrust::names::{Gun, ImageDigest, ImageReference};

use super::reading::Reading;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::Session;

/// The digests of one run.
pub struct Pins<'a> {
    session: &'a Session,
    reading: Reading,
    collections: BTreeMap<Gun, (Client, Collection)>,
}

impl<'a> Pins<'a> {
    /// None yet.
    #[must_use]
    pub const fn new(session: &'a Session, reading: Reading) -> Self {
        Self { session, reading, collections: BTreeMap::new() }
    }

    /// What a reference is trusted to be: its tag, or `latest`. One with a digest must have the trusted one; without a tag,
    /// that of any released tag.
    ///
    /// # Errors
    /// If nothing, or something else, is trusted under that name.
    pub fn trusted(&mut self, image: &ImageReference) -> Result<TrustedImage, Failure> {
        self.find(image).map_err(|failure| failure.while_doing(format!("{} is not trusted", image.familiar())))
    }

    fn find(&mut self, image: &ImageReference) -> Result<TrustedImage, Failure> {
        let gun = image.gun();
        if !self.collections.contains_key(gun) {
            let found = self.reading.collection(self.session, gun)?;
            self.collections.insert(gun.clone(), found);
        }
        let missing = || Failure::new(Exit::NoTrustData, format!("nothing is known of {gun}"));
        let (client, collection) = self.collections.get(gun).ok_or_else(missing)?;
        let rules = client.policy().rules(gun);
        let expected = image.digest().map(sha256).transpose()?;
        if let (None, Some(expected)) = (image.tag(), &expected) {
            let images = collection.images_of(expected, rules)?;
            return images.into_iter().next().ok_or_else(missing);
        }
        let trusted = collection.image(image.tag().unwrap_or("latest"), rules)?;
        match (image.digest(), expected) {
            (Some(written), Some(expected)) if expected != trusted.digest => {
                let message = format!("{} is signed, {written} is written there", trusted.digest_text());
                Err(Failure::new(Exit::Digest, message).hint("take the digest out and resolve it again"))
            }
            _ => Ok(trusted),
        }
    }
}

fn sha256(digest: &ImageDigest) -> Result<[u8; 32], Failure> {
    let bytes = (digest.algorithm() == "sha256").then(|| hex::decode(digest.hex()).ok()?.try_into().ok()).flatten();
    bytes.ok_or_else(|| Failure::usage(format!("{digest}: only sha256 digests are signed")))
}
