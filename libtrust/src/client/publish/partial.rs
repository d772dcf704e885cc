//! A file on its way to its threshold: the message, the keys it wants, the signatures so far.
//!
//! It travels by any means between people who hold keys. Each adds signatures; files that went different ways are merged;
//! once every group of keys has signed often enough, anybody who may publish sends it. Nothing in it is trusted: the
//! signatures are counted again by the same rules as everywhere.
//!
//! ```json
//! { "format": "trust-partial/1", "gun": "reg.example/app", "role": "root", "file": "{\"signed\":..}",
//!   "groups": [ { "of": "root version 1", "threshold": 2, "keys": { "KEYID": {"keytype": .., "keyval": ..} } } ] }
//! ```

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Publication, PublishError, Publisher, versions};
use crate::client::{Collection, KeyStore, KeyStoreError, KeyUse, Offline, TransportError, UpdateError};
use crate::dialect::{Dialect, Envelope, MalformedFile, Spelled, Unsigned, notary};
use crate::edit::{Change, Draft};
use crate::keys::{CertificateBundle, PublicKey, Signature};
use crate::limits::Limits;
use crate::metadata::{Metadata as _, RoleKeys, Root, Targets};
use crate::names::{Gun, KeyId, RoleName};
use crate::verify::{CertificateDates, Expiration, SigningKeys, next_root, verify};

const FORMAT: &str = "trust-partial/1";
/// Largest partial file, in bytes.
const MAX_BYTES: usize = 128 << 20;

/// A file that is being signed by several people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartialFile {
    gun: Gun,
    role: RoleName,
    file: Vec<u8>,
    groups: Vec<SignatureGroup>,
}

/// Keys of which some must sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureGroup {
    /// Whose keys they are: `root version 3`, `targets`.
    pub of: String,
    /// How many must sign.
    pub threshold: u32,
    /// The keys, by the id that metadata gives them.
    pub keys: BTreeMap<KeyId, PublicKey>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    format: String,
    gun: String,
    role: String,
    file: String,
    groups: Vec<WrittenGroup>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenGroup {
    of: String,
    threshold: u32,
    keys: BTreeMap<String, serde_json::Value>,
}

impl PartialFile {
    /// Reads a partial file.
    ///
    /// # Errors
    /// If it is none.
    pub fn parse(text: &[u8]) -> Result<Self, InvalidPartialFile> {
        if text.len() > MAX_BYTES {
            return Err(InvalidPartialFile::Format(format!("it has more than {MAX_BYTES} bytes")));
        }
        let written: Written = serde_json::from_slice(text).map_err(|e| InvalidPartialFile::Format(e.to_string()))?;
        if written.format != FORMAT {
            let found: String = written.format.chars().take(64).collect();
            return Err(InvalidPartialFile::Format(format!("its format is {found:?}, this program reads {FORMAT}")));
        }
        let gun = written.gun.parse().map_err(|e| InvalidPartialFile::Format(format!("gun: {e}")))?;
        let role: RoleName = written.role.parse().map_err(|e| InvalidPartialFile::Format(format!("role: {e}")))?;
        let groups = written.groups.into_iter().map(|group| {
            let keys = group.keys.into_iter().map(|(id, key)| {
                let id: KeyId = id.parse().map_err(|e| InvalidPartialFile::Format(format!("{e}")))?;
                let key = notary::read_key(key.to_string().as_bytes());
                let key = key.map_err(|e| InvalidPartialFile::Format(format!("key {id}: {e}")))?;
                if Dialect::Notary.key_id(&key) != id {
                    return Err(InvalidPartialFile::Format(format!("key {id} is not that key")));
                }
                Ok((id, key))
            });
            Ok(SignatureGroup { of: group.of, threshold: group.threshold, keys: keys.collect::<Result<_, _>>()? })
        });
        let groups = groups.collect::<Result<Vec<_>, InvalidPartialFile>>()?;
        let partial = Self { gun, role, file: written.file.into_bytes(), groups };
        partial.envelope()?;
        Ok(partial)
    }

    /// As text, for a file.
    #[must_use]
    pub fn to_text(&self) -> String {
        let keys = |group: &SignatureGroup| {
            let key = |key: &PublicKey| serde_json::from_slice(&notary::key_text(key)).unwrap_or_default();
            group.keys.iter().map(|(id, public)| (id.to_string(), key(public))).collect()
        };
        let groups = self.groups.iter();
        let written = Written {
            format: FORMAT.to_owned(),
            gun: self.gun.to_string(),
            role: self.role.to_string(),
            file: String::from_utf8_lossy(&self.file).into_owned(),
            groups: groups
                .map(|group| WrittenGroup { of: group.of.clone(), threshold: group.threshold, keys: keys(group) })
                .collect(),
        };
        serde_json::to_string_pretty(&written).unwrap_or_default() + "\n"
    }

    /// The collection.
    #[must_use]
    pub const fn gun(&self) -> &Gun {
        &self.gun
    }

    /// The role.
    #[must_use]
    pub const fn role(&self) -> &RoleName {
        &self.role
    }

    /// The file with the signatures so far, as it will be published.
    #[must_use]
    pub fn file(&self) -> &[u8] {
        &self.file
    }

    /// The groups of keys, each with how many of it have signed. Signatures that do not verify are not counted.
    #[must_use]
    pub fn groups(&self) -> Vec<(&SignatureGroup, usize)> {
        let Ok(envelope) = self.envelope() else { return Vec::new() };
        let count = |group: &SignatureGroup| {
            let signed = |(id, key): &(&KeyId, &PublicKey)| {
                envelope.signatures().iter().any(|signature| {
                    let verifies = key
                        .verifying_key()
                        .is_ok_and(|key| key.verify(&signature.scheme, envelope.canonical(), &signature.bytes).is_ok());
                    signature.key_id == **id && verifies
                })
            };
            group.keys.iter().filter(signed).count()
        };
        self.groups.iter().map(|group| (group, count(group))).collect()
    }

    /// Whether every group has signed often enough.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        let groups = self.groups();
        !groups.is_empty() && groups.iter().all(|(group, signed)| *signed >= group.threshold as usize)
    }

    /// Signs with every key that it wants and that is here; gives the ids of those that signed now.
    ///
    /// What the file says of itself is not trusted: a key that is kept for another collection or another role is not used,
    /// because nothing in targets says of which collection they are.
    ///
    /// # Errors
    /// If a key that is here does not sign, or is kept for something else.
    pub fn sign(&mut self, keys: &dyn KeyStore) -> Result<Vec<KeyId>, PublishError> {
        let mut signed = Vec::new();
        let envelope = self.envelope().map_err(UpdateError::from)?;
        let mut signatures: Vec<Signature> = envelope.signatures().to_vec();
        let stored = keys.list()?;
        self.names_its_collection(&envelope)?;
        for (id, key) in self.groups.iter().flat_map(|group| &group.keys) {
            if signed.contains(id) {
                continue;
            }
            let known_as = Dialect::Notary.canonical_key_id(key);
            if let Some(entry) = stored.iter().find(|entry| entry.id == known_as && !self.is_for(&entry.key_use)) {
                let (key, kept_for) = (entry.id.clone(), entry.key_use.clone());
                let (gun, role) = (self.gun.clone(), self.role.clone());
                return Err(PublishError::KeyForOther { key, kept_for, gun, role });
            }
            match keys.open(&known_as) {
                Ok(signer) => {
                    signatures.retain(|signature| signature.key_id != *id);
                    signatures.push(signer.sign(id, envelope.canonical())?);
                    signed.push(id.clone());
                }
                Err(KeyStoreError::Missing { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.file = with_signatures(&envelope, &signatures)?;
        Ok(signed)
    }

    /// Adds the signatures of another copy.
    ///
    /// # Errors
    /// If it is not a copy of the same file.
    pub fn merge(&mut self, other: &Self) -> Result<(), InvalidPartialFile> {
        let (ours, theirs) = (self.envelope()?, other.envelope()?);
        if self.gun != other.gun || self.role != other.role || ours.canonical() != theirs.canonical() {
            return Err(InvalidPartialFile::Other { gun: self.gun.clone(), role: self.role.clone() });
        }
        let mut signatures: Vec<Signature> = ours.signatures().to_vec();
        for signature in theirs.signatures() {
            if signatures.iter().all(|known| known.key_id != signature.key_id) {
                signatures.push(signature.clone());
            }
        }
        let merged = with_signatures(&ours, &signatures);
        self.file = merged.map_err(|e| InvalidPartialFile::Format(e.to_string()))?;
        Ok(())
    }

    /// A root says by its certificates of which collection it is, and the file may say another: what people are shown is
    /// what they sign.
    fn names_its_collection(&self, envelope: &Envelope<'_>) -> Result<(), PublishError> {
        if self.role != RoleName::Root {
            return Ok(());
        }
        let root = Root::decode(envelope).map_err(|e| UpdateError::from(crate::verify::VerifyError::from(e)))?;
        let listed = root.roles.get(&RoleName::Root).into_iter().flat_map(|keys| &keys.key_ids);
        let own = listed.filter_map(|id| root.keys.get(id));
        for key in own.chain(self.groups.iter().flat_map(|group| group.keys.values())) {
            let named = CertificateBundle::parse(&key.public).map_err(|e| e.to_string());
            let named = named.and_then(|bundle| bundle.names(&self.gun).map_err(|e| e.to_string()));
            named.map_err(|why| PublishError::RootCertificate { gun: self.gun.clone(), why })?;
        }
        Ok(())
    }

    /// What it will list, if it is a targets file.
    #[must_use]
    pub fn targets(&self) -> Option<Targets> {
        if !self.role.lists_targets() {
            return None;
        }
        Targets::decode(&self.envelope().ok()?).ok()
    }

    /// Whether a key that is kept for this may sign the file.
    fn is_for(&self, kept_for: &KeyUse) -> bool {
        let same_collection = kept_for.gun.as_ref().is_none_or(|gun| *gun == self.gun);
        let same_role = match &self.role {
            // Delegates' keys have their holder's name, or none.
            RoleName::Delegation(_) => !matches!(kept_for.role.as_str(), "root" | "targets" | "snapshot" | "timestamp"),
            role => kept_for.role == role.as_str(),
        };
        same_collection && same_role
    }

    fn envelope(&self) -> Result<Envelope<'_>, MalformedFile> {
        Envelope::parse(Dialect::Notary, self.role.clone(), &self.file, &Limits::default())
    }
}

/// The same message with these signatures.
fn with_signatures(envelope: &Envelope<'_>, signatures: &[Signature]) -> Result<Vec<u8>, PublishError> {
    fn again<T: Spelled>(envelope: &Envelope<'_>) -> Result<Unsigned, PublishError> {
        let says = T::decode(envelope).map_err(|e| UpdateError::from(crate::verify::VerifyError::from(e)))?;
        let role = envelope.role().clone();
        Dialect::Notary.encode(&says).map_err(|cause| PublishError::NotCanonical { role, cause })
    }
    let unsigned = match envelope.role() {
        RoleName::Root => again::<Root>(envelope)?,
        _ => again::<Targets>(envelope)?,
    };
    Ok(unsigned.with_signatures(Dialect::Notary, signatures))
}

impl Publisher {
    /// The files that `changes` lead to, each with the signatures that can be made here, of which there may be none.
    ///
    /// # Errors
    /// If the collection cannot be updated, or a change does not fit it.
    pub async fn prepare(&self, gun: &Gun, changes: &[Change]) -> Result<Vec<PartialFile>, PublishError> {
        let collection = self.client.update(gun, Offline::Never).await?;
        let mut draft = collection.draft();
        for change in changes {
            draft.apply(change)?;
        }
        draft.advance(self.client.now());
        let partial = |role: &RoleName| self.partial(&collection, &draft, role);
        draft.changed().iter().map(partial).collect()
    }

    fn partial(&self, collection: &Collection, draft: &Draft, role: &RoleName) -> Result<PartialFile, PublishError> {
        let not_canonical = |cause| PublishError::NotCanonical { role: role.clone(), cause };
        let unsigned = match role {
            RoleName::Root => Dialect::Notary.encode(draft.root()).map_err(not_canonical)?,
            role => {
                let file = draft.role(role).ok_or_else(|| crate::edit::EditError::NoSuchRole(role.clone()))?;
                Dialect::Notary.encode(file).map_err(not_canonical)?
            }
        };
        let group = |of: String, listed: &RoleKeys, keys: &BTreeMap<KeyId, PublicKey>| {
            let keys = listed.key_ids.iter().filter_map(|id| Some((id.clone(), keys.get(id)?.clone()))).collect();
            SignatureGroup { of, threshold: listed.threshold.get(), keys }
        };
        let mut groups = Vec::new();
        if *role == RoleName::Root {
            let root = collection.root();
            let listed =
                root.roles.get(role).map(|listed| group(format!("root version {}", root.version), listed, &root.keys));
            groups.extend(listed);
        }
        if let Some((listed, keys)) = draft.keys_of(role) {
            let of = match role {
                RoleName::Root => format!("root version {}", draft.root().version),
                role => role.to_string(),
            };
            let group = group(of, listed, keys);
            if groups.iter().all(|known| known.keys != group.keys || known.threshold < group.threshold) {
                groups.push(group);
            }
        }
        let file = unsigned.with_signatures(Dialect::Notary, &[]);
        let mut partial = PartialFile { gun: collection.gun().clone(), role: role.clone(), file, groups };
        partial.sign(&*self.keys)?;
        Ok(partial)
    }

    /// Publishes files that have all their signatures.
    ///
    /// # Errors
    /// If one of them lacks signatures or was made before something that is published by now, and as
    /// [`Publisher::publish`].
    pub async fn publish_partials(&self, gun: &Gun, partials: &[PartialFile]) -> Result<Publication, PublishError> {
        let collection = self.client.update(gun, Offline::Never).await?;
        let mut draft = collection.draft();
        let mut files = Vec::new();
        for partial in partials {
            if partial.gun != *gun {
                return Err(PublishError::OtherCollection { gun: gun.clone(), found: partial.gun.clone() });
            }
            let envelope = partial.envelope().map_err(UpdateError::from)?;
            let (found, known) = match &partial.role {
                RoleName::Root => {
                    let dates = CertificateDates::Enforced(self.client.now());
                    let root = next_root(&envelope, collection.root(), gun, dates, Expiration::Ignored);
                    let root = root.map_err(PublishError::Unsound)?;
                    let version = root.version;
                    draft.take_root((*root).clone());
                    (version, Some(collection.root().version))
                }
                role => {
                    let no_role = || crate::edit::EditError::NoSuchRole(role.clone());
                    let (listed, keys) = draft.keys_of(role).ok_or_else(no_role)?;
                    let keys = SigningKeys::listed(listed, keys);
                    let file = verify::<Targets>(&envelope, &keys, Expiration::Ignored);
                    let file = file.map_err(PublishError::Unsound)?;
                    let version = file.version();
                    draft.take_targets(role, (*file).clone());
                    (version, collection.role(role).map(|file| file.version()))
                }
            };
            if known.is_some_and(|known| found != known.next()) {
                return Err(PublishError::Outdated { role: partial.role.clone(), found, known });
            }
            files.push((partial.role.clone(), partial.file.clone()));
        }
        if let Some(snapshot) = self.sign_snapshot(gun, &draft, Some(collection.snapshot()), &files)? {
            files.push((RoleName::Snapshot, snapshot));
        }
        let roles = versions(&draft, &files, collection.snapshot().version);
        match self.client.transport().publish(gun, &files).await {
            Ok(()) => {
                let in_tuf = self.follow_in_tuf(gun).await?;
                Ok(Publication { roles, rebased: 0, in_tuf })
            }
            Err(last @ TransportError::Conflict { .. }) => Err(PublishError::Contended { attempts: 1, last }),
            Err(error) => Err(error.into()),
        }
    }
}

/// Why a text is no partial file.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidPartialFile {
    /// It is not spelled as one.
    #[error("not a partially signed file: {0}")]
    Format(String),
    /// What it carries is no metadata.
    #[error(transparent)]
    Malformed(#[from] MalformedFile),
    /// It is about something else than the one it is merged with.
    #[error("not a copy of the same {role} of {gun}")]
    Other {
        /// The collection.
        gun: Gun,
        /// The role.
        role: RoleName,
    },
}
