//! Repositories that tough's editor writes, one folder for each kind.

use std::collections::HashMap;
use std::num::NonZeroU64;
use std::path::Path;

use anyhow::{Context, Result};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair};
use jiff::Timestamp;
use tough::editor::RepositoryEditor;
use tough::editor::signed::SignedRole;
use tough::key_source::KeySource;
use tough::schema::{KeyHolder, PathHashPrefix, PathPattern, PathSet, RoleKeys, RoleType, Root, Signature, Target};
use tough::sign::{Sign, parse_keypair};
use tough::{TargetName, async_trait};

/// Writes every kind.
pub async fn all(folder: &Path) -> Result<()> {
    plain(&folder.join("plain"), true).await?;
    plain(&folder.join("plain-names"), false).await?;
    delegations(&folder.join("delegations")).await?;
    rotations(&folder.join("rotations")).await
}

async fn plain(folder: &Path, consistent: bool) -> Result<()> {
    let keys = [Key::ed25519()?, Key::ecdsa()?];
    let root = new_root(folder, consistent, &keys).await?;
    let mut editor = editor(&root).await?;
    add(&mut editor, folder, consistent, "file.txt", "from tough").await?;
    add(&mut editor, folder, consistent, "another", "from tough as well").await?;
    editor.sign(&sources(&keys)).await?.write(folder.join("metadata")).await?;
    Ok(())
}

async fn delegations(folder: &Path) -> Result<()> {
    let keys = [Key::ed25519()?];
    let delegates = [Key::ed25519()?, Key::ecdsa()?];
    let root = new_root(folder, true, &keys).await?;
    let mut editor = editor(&root).await?;
    add(&mut editor, folder, true, "top", "in the top role").await?;
    let paths = PathSet::Paths(vec![PathPattern::new("docs-*.txt")?]);
    editor.delegate_role("docs", &sources(&delegates), paths, true, one()?.saturating_add(1), far()?, one()?).await?;
    let prefixes =
        ["0", "1", "2", "3", "4", "5", "6", "7"].map(PathHashPrefix::new).into_iter().collect::<Result<_, _>>()?;
    let prefixes = PathSet::PathHashPrefixes(prefixes);
    editor.delegate_role("lower half", &sources(&delegates[1..]), prefixes, false, one()?, far()?, one()?).await?;
    for (role, path) in [("docs", "docs-1.txt"), ("lower half", "file-1")] {
        editor.sign_targets_editor(&sources(&keys_of(&keys, &delegates))).await?;
        editor.change_delegated_targets(role)?;
        editor.targets_version(one()?)?.targets_expires(far()?)?;
        // Only what the prefixes say may be listed: the editor refuses the rest.
        let path = if role == "docs" { path.to_owned() } else { in_lower_half(path) };
        add(&mut editor, folder, true, &path, role).await?;
    }
    editor.sign_targets_editor(&sources(&keys_of(&keys, &delegates))).await?;
    editor.sign(&sources(&keys_of(&keys, &delegates))).await?.write(folder.join("metadata")).await?;
    Ok(())
}

/// The keys of the root role, then those of everything else, are replaced; the second root is signed by old and new.
async fn rotations(folder: &Path) -> Result<()> {
    let old = [Key::ed25519()?];
    let path = new_root(folder, true, &old).await?;
    let first = std::fs::read(&path)?;
    let new = [Key::ecdsa()?, Key::ed25519()?];
    let mut root = root_of(true, &new).await?;
    root.version = one()?.saturating_add(1);
    let by_old = KeyHolder::Root(root_of(true, &old).await?);
    let signatures: Vec<Signature> = signed(root.clone(), &by_old, &old).await?.signed().signatures.clone();
    let by_new = KeyHolder::Root(root.clone());
    let second = signed(root, &by_new, &new).await?.add_old_signatures(signatures)?;
    let newest = folder.join("metadata/2.root.json");
    std::fs::write(&newest, second.buffer())?;
    let mut editor = editor(&newest).await?;
    add(&mut editor, folder, true, "file.txt", "after the rotation").await?;
    editor.sign(&sources(&new)).await?.write(folder.join("metadata")).await?;
    Ok(std::fs::write(path, first)?)
}

// ---------------------------------------------------------------- helpers

fn one() -> Result<NonZeroU64> {
    NonZeroU64::new(1).context("one is not zero")
}

fn far() -> Result<Timestamp> {
    Ok("2100-01-01T00:00:00Z".parse()?)
}

/// The first name beginning with this whose SHA-256 begins with 0 to 7.
fn in_lower_half(begin: &str) -> String {
    let lower = |name: &String| {
        aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, name.as_bytes())
            .as_ref()
            .first()
            .is_some_and(|byte| *byte < 0x80)
    };
    (0..).map(|number| format!("{begin}{number}")).find(lower).unwrap_or_default()
}

fn keys_of(some: &[Key], more: &[Key]) -> Vec<Key> {
    some.iter().chain(more).cloned().collect()
}

/// An editor with version 1 and a far expiry everywhere.
async fn editor(root: &Path) -> Result<RepositoryEditor> {
    let mut editor = RepositoryEditor::new(root).await?;
    editor.targets_version(one()?)?.targets_expires(far()?)?;
    editor.snapshot_version(one()?).snapshot_expires(far()?);
    editor.timestamp_version(one()?).timestamp_expires(far()?);
    Ok(editor)
}

/// Lists a target in the role that the editor is at, and puts its file into the targets folder.
async fn add(editor: &mut RepositoryEditor, folder: &Path, consistent: bool, name: &str, content: &str) -> Result<()> {
    let targets = folder.join("targets");
    std::fs::create_dir_all(&targets)?;
    let plain = targets.join(name);
    std::fs::write(&plain, content)?;
    let target = Target::from_path(&plain).await?;
    if consistent {
        let digest: String = target.hashes.sha256.iter().map(|byte| format!("{byte:02x}")).collect();
        std::fs::rename(&plain, targets.join(format!("{digest}.{name}")))?;
    }
    editor.add_target(TargetName::new(name)?, target)?;
    Ok(())
}

/// Writes a first root with these keys for every role and gives its place.
async fn new_root(folder: &Path, consistent: bool, keys: &[Key]) -> Result<std::path::PathBuf> {
    let metadata = folder.join("metadata");
    std::fs::create_dir_all(&metadata)?;
    let root = root_of(consistent, keys).await?;
    let holder = KeyHolder::Root(root.clone());
    let path = metadata.join("1.root.json");
    std::fs::write(&path, signed(root, &holder, keys).await?.buffer())?;
    Ok(path)
}

async fn signed(root: Root, holder: &KeyHolder, keys: &[Key]) -> Result<SignedRole<Root>> {
    Ok(SignedRole::new(root, holder, &sources(keys), &SystemRandom::new()).await?)
}

/// A root in which every role has all these keys, all of which must sign.
async fn root_of(consistent: bool, keys: &[Key]) -> Result<Root> {
    let mut known = HashMap::new();
    let mut keyids = Vec::new();
    for key in keys {
        let public = key.as_sign().await.map_err(anyhow::Error::from_boxed)?.tuf_key();
        let id = public.key_id()?;
        keyids.push(id.clone());
        known.insert(id, public);
    }
    let threshold = NonZeroU64::new(keys.len() as u64).context("no keys")?;
    let role = RoleKeys { keyids, threshold, _extra: HashMap::new() };
    let roles = [RoleType::Root, RoleType::Timestamp, RoleType::Snapshot, RoleType::Targets];
    Ok(Root {
        spec_version: "1.0.0".to_owned(),
        consistent_snapshot: consistent,
        version: one()?,
        expires: far()?,
        keys: known,
        roles: roles.into_iter().map(|name| (name, role.clone())).collect(),
        _extra: HashMap::new(),
    })
}

fn sources(keys: &[Key]) -> Vec<Box<dyn KeySource>> {
    keys.iter().map(|key| Box::new(key.clone()) as Box<dyn KeySource>).collect()
}

/// A private key in memory, PKCS#8.
#[derive(Clone, Debug)]
struct Key(Vec<u8>);

impl Key {
    fn ed25519() -> Result<Self> {
        Ok(Self(Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).context("no key")?.as_ref().to_vec()))
    }

    fn ecdsa() -> Result<Self> {
        let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &SystemRandom::new());
        Ok(Self(made.context("no key")?.as_ref().to_vec()))
    }
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[async_trait]
impl KeySource for Key {
    async fn as_sign(&self) -> Result<Box<dyn Sign>, Failure> {
        Ok(Box::new(parse_keypair(&self.0)?))
    }

    async fn write(&self, _value: &str, _id: &str) -> Result<(), Failure> {
        Ok(())
    }
}
