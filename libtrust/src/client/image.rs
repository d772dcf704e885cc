//! Whether an image may be used, and who says so.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use super::Collection;
use crate::dialect::Dialect;
use crate::metadata::{Metadata, Version};
use crate::names::{DelegationName, Gun, KeyId, RoleName};
use crate::policy::{MissingSigners, NameRules};
use crate::verify::Found;

/// The role whose targets are released, beside `targets` itself; every signer's key may sign it.
pub const RELEASES: &str = "targets/releases";

/// An image that is trusted under a tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedImage {
    /// The collection.
    pub gun: Gun,
    /// The tag, or whatever name the target has.
    pub tag: String,
    /// SHA-256 of the manifest.
    pub digest: [u8; 32],
    /// Size of the manifest in bytes.
    pub size: u64,
    /// The role that releases it: `targets/releases` or `targets`.
    pub role: RoleName,
    /// The signers whose own roles hold the same digest under this tag; none if only the holder of the repository key
    /// signed it.
    pub signers: Vec<ImageSigner>,
    /// The keys whose signatures count on the file that releases it, by the id people know them by.
    pub keys: Vec<KeyId>,
    /// The version of each file it depends on.
    pub versions: Vec<(RoleName, Version)>,
    /// The first of those files to expire, and when.
    pub expires: (RoleName, DateTime<Utc>),
}

/// A person or system that signed an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageSigner {
    /// Their name: the delegation without `targets/`.
    pub name: String,
    /// The keys whose signatures count on their file.
    pub keys: Vec<KeyId>,
}

impl TrustedImage {
    /// The digest as registries write it: `sha256:HEX`.
    #[must_use]
    pub fn digest_text(&self) -> String {
        format!("sha256:{}", hex::encode(self.digest))
    }
}

/// Why an image is not trusted, although its collection is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UntrustedImage {
    /// Nobody released that tag.
    #[error("no valid trust data for {tag} in {gun}{}", .signed_by.as_ref().map_or_else(String::new, |role| {
        format!(": {role} signed it, but it is not released")
    }))]
    NotReleased {
        /// The collection.
        gun: Gun,
        /// The tag.
        tag: String,
        /// A role that signed it, if one did.
        signed_by: Option<RoleName>,
    },
    /// The entry has no SHA-256, so it names no manifest.
    #[error("{role} names no sha256 digest for {tag} of {gun}")]
    NoDigest {
        /// The collection.
        gun: Gun,
        /// The tag.
        tag: String,
        /// The role.
        role: RoleName,
    },
    /// The policy wants other signers.
    #[error("{tag} of {gun} lacks signers the policy requires: {missing}")]
    Signers {
        /// The collection.
        gun: Gun,
        /// The tag.
        tag: String,
        /// Who is missing.
        missing: MissingSigners,
    },
    /// No tag has that digest.
    #[error("no released tag of {gun} is sha256:{}", hex::encode(.digest))]
    UnknownDigest {
        /// The collection.
        gun: Gun,
        /// The digest.
        digest: [u8; 32],
    },
}

impl Collection {
    /// The image released under `tag`, if `rules` find enough signers on it.
    ///
    /// As Docker: what only a signer's own role holds is not released.
    ///
    /// # Errors
    /// Why it is not trusted.
    pub fn image(&self, tag: &str, rules: &NameRules) -> Result<TrustedImage, UntrustedImage> {
        let released = self.targets().find(tag, &released_in());
        let not_released =
            |signed_by| UntrustedImage::NotReleased { gun: self.gun.clone(), tag: tag.into(), signed_by };
        let found = released.ok_or_else(|| not_released(None))?;
        if !released_in().contains(found.role()) {
            return Err(not_released(Some(found.role().clone())));
        }
        self.trusted(found, rules)
    }

    /// Every released image of this digest, by tag, that `rules` find enough signers on.
    ///
    /// # Errors
    /// [`UntrustedImage::UnknownDigest`] if there is none, or why the one there is is not trusted.
    pub fn images_of(&self, digest: &[u8; 32], rules: &NameRules) -> Result<Vec<TrustedImage>, UntrustedImage> {
        let mut refused = None;
        let mut images = Vec::new();
        for found in self.released().filter(|found| found.target.digests.sha256 == Some(*digest)) {
            match self.trusted(found, rules) {
                Ok(image) => images.push(image),
                Err(error) => refused = Some(error),
            }
        }
        if images.is_empty() {
            let unknown = UntrustedImage::UnknownDigest { gun: self.gun.clone(), digest: *digest };
            return Err(refused.unwrap_or(unknown));
        }
        Ok(images)
    }

    /// Every released target, by name.
    pub fn released(&self) -> impl Iterator<Item = Found<'_>> {
        let released = released_in();
        self.targets().list(&released).into_values().filter(move |found| released.contains(found.role()))
    }

    /// The names of those who may sign: every delegation but `targets/releases`, without `targets/`.
    #[must_use]
    pub fn signer_names(&self) -> BTreeSet<String> {
        let children = self.targets().roles().flat_map(|file| &file.delegations.roles);
        children.filter_map(|child| signer_name(&child.name).map(str::to_owned)).collect()
    }

    fn trusted(&self, found: Found<'_>, rules: &NameRules) -> Result<TrustedImage, UntrustedImage> {
        let (gun, tag) = (self.gun.clone(), found.name.to_owned());
        let Some(digest) = found.target.digests.sha256 else {
            return Err(UntrustedImage::NoDigest { gun, tag, role: found.role().clone() });
        };
        let agreeing = self.targets().everywhere(Some(&tag)).into_iter();
        let agreeing = agreeing.filter(|other| other.target.digests.sha256 == Some(digest));
        let signers: Vec<ImageSigner> = agreeing
            .filter_map(|other| match other.role() {
                RoleName::Delegation(role) => {
                    let name = signer_name(role)?.to_owned();
                    Some(ImageSigner { name, keys: self.signing_keys(other.role()) })
                }
                _ => None,
            })
            .collect();
        if let Err(missing) = rules.signers.check(signers.iter().map(|signer| signer.name.as_str())) {
            return Err(UntrustedImage::Signers { gun, tag, missing });
        }
        let files = self.files_behind(found.role());
        let first = files.iter().min_by_key(|(.., expires)| *expires);
        let expires = first.map(|(role, _, expires)| (role.clone(), *expires));
        Ok(TrustedImage {
            gun,
            tag,
            digest,
            size: found.target.length,
            role: found.role().clone(),
            signers,
            keys: self.signing_keys(found.role()),
            expires: expires.unwrap_or((RoleName::Root, self.root().expires())),
            versions: files.into_iter().map(|(role, version, _)| (role, version)).collect(),
        })
    }

    /// The keys whose signatures count on the file of a targets role, by canonical id.
    #[must_use]
    pub fn signing_keys(&self, role: &RoleName) -> Vec<KeyId> {
        let Some(file) = self.role(role) else { return Vec::new() };
        let listed = match role {
            RoleName::Delegation(name) => self.role(&name.parent()).map(|parent| &parent.delegations.keys),
            _ => Some(&self.root().keys),
        };
        let canonical = |id: &KeyId| {
            let key = listed.and_then(|keys| keys.get(id));
            key.map_or_else(|| id.clone(), |key| Dialect::Notary.canonical_key_id(key))
        };
        file.signers().iter().map(canonical).collect()
    }

    /// The files that what `role` says depends on.
    fn files_behind(&self, role: &RoleName) -> Vec<(RoleName, Version, DateTime<Utc>)> {
        fn of<T: Metadata>(role: RoleName, file: &T) -> (RoleName, Version, DateTime<Utc>) {
            (role, file.version(), file.expires())
        }
        let mut files = vec![
            of(RoleName::Root, &**self.root()),
            of(RoleName::Timestamp, &**self.timestamp()),
            of(RoleName::Snapshot, &**self.snapshot()),
        ];
        let mut role = role.clone();
        let mut chain = Vec::new();
        while let Some(file) = self.role(&role) {
            chain.push(of(role.clone(), &**file));
            let RoleName::Delegation(name) = &role else { break };
            role = name.parent();
        }
        files.extend(chain.into_iter().rev());
        files
    }
}

/// The roles that release, in the order they are asked.
#[must_use]
pub fn released_in() -> [RoleName; 2] {
    let releases = RELEASES.parse().unwrap_or(RoleName::Targets);
    [releases, RoleName::Targets]
}

fn signer_name(role: &DelegationName) -> Option<&str> {
    role.as_str().strip_prefix("targets/").filter(|_| role.as_str() != RELEASES)
}
