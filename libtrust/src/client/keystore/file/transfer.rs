//! Keys in and out of a trust folder as PEM text, in the form of `notary key export` and `import`.

use zeroize::Zeroizing;

use super::{FileKeyStore, canonical_id, read_block, use_of};
use crate::client::keystore::key_file::{KeyBlock, Pem};
use crate::client::keystore::unlock::{LockedBecause, Unlocked, new_passphrase, unlock};
use crate::client::keystore::{KeyEntry, KeyStoreError, KeyUse, PassphraseError};
use crate::dialect::notary::key_id;
use crate::names::{Gun, KeyId};

/// The longest text imported, in bytes: some thousand keys.
pub const MAX_TEXT_BYTES: usize = 4 << 20;
pub const PATH: &str = "path";
/// The roles whose keys belong to one collection.
const OF_A_COLLECTION: [&str; 3] = ["targets", "snapshot", "timestamp"];

/// What to take for the headers a block does not have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImportDefaults {
    /// The role; `delegation` if there is none here either.
    pub role: Option<String>,
    /// The collection.
    pub gun: Option<Gun>,
}

/// What became of a text of keys.
#[derive(Debug)]
pub struct ImportReport {
    /// The private keys of the text, in its order. There is at least one.
    pub blocks: Vec<ImportedBlock>,
}

/// What became of one private key of a text.
#[derive(Debug)]
pub struct ImportedBlock {
    /// Which block of the text it was, from 1.
    pub position: usize,
    /// Stored, there already, or why not.
    pub outcome: Result<Imported, ImportRefusal>,
}

/// A key that can be used from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Imported {
    /// It was stored.
    Added(KeyEntry),
    /// It was here already and stays as it is, with its old passphrase and role.
    AlreadyThere(KeyEntry),
}

/// Why a key was not imported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportRefusal {
    /// A key of such a role is looked for under its collection, so it would never be used.
    #[error("a {role} key belongs to a collection: say which (gun)")]
    NoCollection {
        /// The role.
        role: String,
    },
    /// Its header cannot be kept.
    #[error("{0}")]
    Header(String),
    /// It is not a key that can sign here.
    #[error("{0}")]
    Unusable(String),
    /// Its passphrase is not known, or there is none to seal it with.
    #[error("{0}")]
    Passphrase(PassphraseError),
    /// It says it is another key than it is.
    #[error("it says it is key {said}, but it is {found}")]
    OtherKey {
        /// The id in its `path` header.
        said: KeyId,
        /// The id of the key inside.
        found: KeyId,
    },
    /// It could not be stored.
    #[error(transparent)]
    Store(KeyStoreError),
}

/// Whether keys are stored.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Storing {
    Yes,
    No,
}

impl ImportReport {
    /// Whether every key of the text can be used now.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.blocks.iter().all(|block| block.outcome.is_ok())
    }
}

impl FileKeyStore {
    /// The keys as PEM text, sealed as they are, each with its id in a `path` header: what `notary key import` and
    /// [`FileKeyStore::import`] read. A key that somebody stored unsealed comes out unsealed.
    ///
    /// # Errors
    /// [`KeyStoreError::Missing`] for an id that is not here, else why a file could not be read.
    pub fn export(&self, ids: &[KeyId]) -> Result<Zeroizing<String>, KeyStoreError> {
        let mut blocks = Vec::with_capacity(ids.len());
        for id in ids {
            let (mut block, key_use) = read_block(&self.place(id)?)?;
            // What the old layouts say by the place of a file is said by headers.
            for (name, value) in super::headers(&key_use) {
                block = block.with_header(&name, &value);
            }
            blocks.push(block.with_header(PATH, id.as_str()).to_text());
        }
        let mut text = Zeroizing::new(String::with_capacity(blocks.iter().map(|block| block.len()).sum()));
        blocks.iter().for_each(|block| text.push_str(block));
        Ok(text)
    }

    /// Stores every private key of a PEM text, of whatever program: sealed ones are opened with this store's
    /// passphrases and sealed anew with the same, plain ones with a new one. Each key is looked at on its own; what is
    /// refused does not keep the others out. A key that is here already is kept as it is.
    ///
    /// # Errors
    /// If the text is no PEM, is over 4 MiB, or holds no private key at all.
    pub fn import(&self, text: &[u8], defaults: &ImportDefaults) -> Result<ImportReport, KeyStoreError> {
        self.each_block(text, |block| self.import_block(block, defaults, Storing::Yes))
    }

    /// What [`FileKeyStore::import`] would make of a text: sealed keys are opened, none is stored.
    ///
    /// # Errors
    /// As [`FileKeyStore::import`].
    pub fn examine(&self, text: &[u8], defaults: &ImportDefaults) -> Result<ImportReport, KeyStoreError> {
        self.each_block(text, |block| self.import_block(block, defaults, Storing::No))
    }

    fn each_block(
        &self,
        text: &[u8],
        import: impl Fn(&KeyBlock) -> Result<Imported, ImportRefusal>,
    ) -> Result<ImportReport, KeyStoreError> {
        let unusable = |why: String| KeyStoreError::Unusable { what: "the text to import".to_owned(), why };
        if text.len() > MAX_TEXT_BYTES {
            return Err(unusable(format!("it has more than {MAX_TEXT_BYTES} bytes")));
        }
        let mut labels = Vec::new();
        let mut blocks = Vec::new();
        for (index, pem) in Pem::parse_all(text).map_err(|fault| unusable(fault.to_string()))?.into_iter().enumerate() {
            let label = pem.label.clone();
            let outcome = match KeyBlock::new(pem) {
                Some(block) => import(&block),
                None if label.ends_with("PRIVATE KEY") => {
                    Err(ImportRefusal::Unusable(format!("a block {label:?} is not read; convert it with `openssl`")))
                }
                None => {
                    labels.push(label);
                    continue;
                }
            };
            blocks.push(ImportedBlock { position: index + 1, outcome });
        }
        if blocks.is_empty() {
            let others = if labels.is_empty() { "no PEM block at all".to_owned() } else { labels.join(", ") };
            return Err(unusable(format!("it holds no private key, but {others}")));
        }
        Ok(ImportReport { blocks })
    }

    fn import_block(
        &self,
        block: &KeyBlock,
        defaults: &ImportDefaults,
        storing: Storing,
    ) -> Result<Imported, ImportRefusal> {
        let path = OldPath::parse(block.header(PATH).unwrap_or_default());
        let key_use = key_use(block, &path, defaults)?;
        let unlocked = unlock(block, &key_use, path.id.as_ref(), &*self.passphrases);
        let Unlocked { key, passphrase } = unlocked.map_err(|why| match why {
            LockedBecause::Passphrase(cause) => ImportRefusal::Passphrase(cause),
            LockedBecause::Unusable(why) => ImportRefusal::Unusable(why),
        })?;
        let found = key_id(key.public_key());
        if let Some(said) = path.id.filter(|said| *said != found) {
            return Err(ImportRefusal::OtherKey { said, found });
        }
        if let Some(entry) = self.entry(&found).map_err(ImportRefusal::Store)? {
            return Ok(Imported::AlreadyThere(entry));
        }
        if storing == Storing::No {
            return Ok(Imported::Added(KeyEntry { id: found, key_use, location: self.location() }));
        }
        let passphrase = match passphrase {
            Some(known) => known,
            None => new_passphrase(&key_use, &found, &*self.passphrases).map_err(ImportRefusal::Passphrase)?,
        };
        self.store(key, key_use, &passphrase).map(Imported::Added).map_err(ImportRefusal::Store)
    }
}

fn key_use(block: &KeyBlock, path: &OldPath, defaults: &ImportDefaults) -> Result<KeyUse, ImportRefusal> {
    let role = path.role.as_deref().or(defaults.role.as_deref());
    let gun = path.gun.as_ref().or(defaults.gun.as_ref());
    let KeyUse { role, gun } = use_of(block, role, gun).map_err(ImportRefusal::Header)?;
    let of_a_collection = OF_A_COLLECTION.contains(&role.as_str());
    if of_a_collection && gun.is_none() {
        return Err(ImportRefusal::NoCollection { role });
    }
    // As in Notary: root and signers' keys are for every collection.
    Ok(KeyUse { role, gun: gun.filter(|_| of_a_collection) })
}

/// What a `path` header says: an id, before which very old exports have `tuf_keys/GUN/` and behind it a role. It never
/// becomes a path.
#[derive(Default)]
struct OldPath {
    id: Option<KeyId>,
    role: Option<String>,
    gun: Option<Gun>,
}

impl OldPath {
    fn parse(path: &str) -> Self {
        let (folders, name) = path.rsplit_once('/').unwrap_or(("", path));
        let (id, role) = name.split_once('_').unwrap_or((name, ""));
        let id = canonical_id(id);
        let role = if role.is_empty() && folders.ends_with("root_keys") { "root" } else { role };
        let gun = folders.split_once("tuf_keys/").and_then(|(_, gun)| gun.parse().ok());
        Self { id, role: Some(role.to_owned()).filter(|role| !role.is_empty()), gun }
    }
}
