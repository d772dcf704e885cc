//! A repository from its beginning on, and what readers make of it.

mod server;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use chrono::TimeDelta;
use ring::rand::SystemRandom;

use super::*;
use crate::client::tuf::{
    ArtifactFolder, FolderSource, MemoryStore, RepositoryClient, RepositoryLimits, TargetPath, TufError, begin,
};
use crate::client::{KeyStore as _, KeyUse, MemoryKeyStore};
use crate::edit::tuf::{Admitted, BinForm};
use crate::keys::{KeyAlgorithm, PublicKey, SigningKey};
use crate::metadata::{Metadata as _, Threshold};
use crate::names::DelegationName;
use crate::testing::now;

struct Place {
    folder: tempfile::TempDir,
    keys: MemoryKeyStore,
    store: Arc<MemoryStore>,
}

impl Place {
    /// A published repository with one key for everything, which readers trust.
    fn new() -> (Self, PublicKey) {
        let place = Self {
            folder: tempfile::tempdir().unwrap(),
            keys: MemoryKeyStore::default(),
            store: Arc::new(MemoryStore::default()),
        };
        let key = place.key();
        let mut repository =
            OwnRepository::begin(&place.dir(), &everything(&Signatories::one(key.clone())), Lifetimes::default())
                .unwrap();
        repository.publish(&place.keys, now()).unwrap();
        drop(repository);
        let root = fs::read(place.dir().join("metadata/1.root.json")).unwrap();
        begin(&*place.store, &root, &RepositoryLimits::default()).unwrap();
        (place, key)
    }

    fn dir(&self) -> std::path::PathBuf {
        self.folder.path().join("repository")
    }

    fn key(&self) -> PublicKey {
        add_key(&self.keys)
    }

    fn open(&self) -> OwnRepository {
        OwnRepository::open(&self.dir(), Lifetimes::default()).unwrap()
    }

    /// What a reader gets for a target.
    fn read(&self, path: &str) -> Result<Vec<u8>, TufError> {
        let source = Arc::new(FolderSource::new(self.dir().join("metadata"), Some(self.dir().join("targets"))));
        let client = RepositoryClient::new(source.clone(), self.store.clone(), RepositoryLimits::default());
        let files = tempfile::tempdir().unwrap();
        let artifacts = ArtifactFolder::new(files.path().join("files"), files.path().join("work"));
        wait(async {
            let repository = client.refresh(now()).await?;
            let found = repository.target(path).await?;
            let prefix = repository.artifact_prefix(&found.target);
            let path: TargetPath = path.parse()?;
            let file = artifacts.fetch(&*source, &path, &found.target, prefix.as_deref()).await.unwrap();
            Ok(fs::read(file).unwrap())
        })
    }

    fn refresh(&self) -> Result<(), TufError> {
        match self.read("no such target") {
            Err(TufError::NoSuchTarget { .. }) => Ok(()),
            other => other.map(drop),
        }
    }

    /// Puts an artifact there and lists it.
    fn add(&self, repository: &mut OwnRepository, role: Option<&RoleName>, path: &str) -> RoleName {
        let file = self.folder.path().join("file");
        fs::write(&file, path).unwrap();
        let path: TargetPath = path.parse().unwrap();
        let target = repository.put_artifact(&path, &file).unwrap();
        repository.add(role, &path, target).unwrap()
    }
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn add_key(keys: &MemoryKeyStore) -> PublicKey {
    let key = SigningKey::generate(KeyAlgorithm::Ed25519, &SystemRandom::new()).unwrap();
    let public = key.public_key().clone();
    keys.add(key, KeyUse { role: "targets".to_owned(), gun: None }).unwrap();
    public
}

fn everything(by: &Signatories) -> BTreeMap<RoleName, Signatories> {
    let roles = RoleName::TOP_LEVEL;
    roles.into_iter().map(|role| (role, by.clone())).collect()
}

fn role(text: &str) -> RoleName {
    RoleName::in_tuf(text).unwrap()
}

fn delegation(name: &str, by: Signatories, pattern: &str) -> NewDelegation {
    NewDelegation {
        name: DelegationName::in_tuf(name).unwrap(),
        signatories: by,
        admitted: Admitted::Paths(vec![pattern.to_owned()]),
        terminating: false,
    }
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn targets_come_and_go() {
    let (place, _) = Place::new();
    let metadata = place.dir().join("metadata");
    assert_eq!(names(&metadata), ["1.root.json", "1.snapshot.json", "1.targets.json", "root.json", "timestamp.json"]);

    let mut repository = place.open();
    assert_eq!(place.add(&mut repository, None, "docs/a.txt"), RoleName::Targets);
    repository.stage(now()).unwrap();
    drop(repository);
    assert!(matches!(place.read("docs/a.txt"), Err(TufError::NoSuchTarget { .. })), "it is only staged");

    let release = place.open().publish(&place.keys, now()).unwrap();
    let versions: Vec<(String, u64)> =
        release.roles.iter().map(|(role, version)| (role.to_string(), version.get())).collect();
    assert_eq!(versions, [("targets".to_owned(), 2), ("snapshot".to_owned(), 2), ("timestamp".to_owned(), 2)]);
    assert_eq!(place.read("docs/a.txt").unwrap(), b"docs/a.txt");
    assert!(!place.dir().join("staged").exists());

    let mut repository = place.open();
    let path = "docs/a.txt".parse().unwrap();
    repository.remove(None, &path).unwrap();
    assert!(matches!(repository.remove(None, &path), Err(RepositoryError::NotListed { .. })));
    repository.publish(&place.keys, now()).unwrap();
    drop(repository);
    assert!(matches!(place.read("docs/a.txt"), Err(TufError::NoSuchTarget { .. })));
}

#[test]
fn a_timestamp_alone_is_made_when_nothing_is_staged() {
    let (place, _) = Place::new();
    let release = place.open().publish(&place.keys, now()).unwrap();
    assert_eq!(release.roles.len(), 1);
    assert_eq!(release.good_until, now() + Lifetimes::default().timestamp);
    // The snapshot comes before it expires.
    let later = now() + TimeDelta::days(70);
    assert_eq!(place.open().publish(&place.keys, later).unwrap().roles.len(), 2);
    place.refresh().unwrap();
}

#[test]
fn a_target_is_not_listed_behind_a_role_that_ends_the_search() {
    let (place, _) = Place::new();
    let mut repository = place.open();
    let team = NewDelegation { terminating: true, ..delegation("team", Signatories::one(place.key()), "team/*") };
    repository.delegate(&RoleName::Targets, team).unwrap();
    let signatories = Signatories::one(place.key());
    let bins = NewBins { form: BinForm::Named, prefix: "bin".to_owned(), bits: 2, signatories };
    repository.delegate_to_bins(&RoleName::Targets, &bins).unwrap();
    let target = || OwnRepository::describe(&place.dir().join("metadata/1.root.json")).unwrap();
    let refused = repository.add(None, &"team/x".parse().unwrap(), target());
    assert!(matches!(refused, Err(RepositoryError::Shadowed { .. })), "{refused:?}");
    let refused = repository.may_add(None, &["x".parse().unwrap(), "team/x".parse().unwrap()]);
    assert!(matches!(refused, Err(RepositoryError::Shadowed { .. })), "{refused:?}");
    assert_eq!(repository.add(Some(&role("team")), &"team/x".parse().unwrap(), target()).unwrap(), role("team"));
    assert_ne!(repository.add(None, &"x".parse().unwrap(), target()).unwrap(), role("team"));
}

#[test]
fn delegated_roles_are_signed_by_their_own_keys() {
    let (place, _) = Place::new();
    let others = MemoryKeyStore::default();
    let (team, deep) = (add_key(&others), add_key(&others));
    let mut repository = place.open();
    repository.delegate(&RoleName::Targets, delegation("team/a", Signatories::one(team), "team/*")).unwrap();
    assert!(matches!(
        repository.delegate(&role("none"), delegation("x", Signatories::one(deep.clone()), "x")),
        Err(RepositoryError::NoSuchRole { .. })
    ));
    place.add(&mut repository, Some(&role("team/a")), "team/x");
    repository.delegate(&role("team/a"), delegation("deep", Signatories::one(deep), "team/d?")).unwrap();
    place.add(&mut repository, Some(&role("deep")), "team/d1");
    for (name, path) in [("team/a", "other/x"), ("team/a", "team/x/y"), ("deep", "team/x")] {
        let target = OwnRepository::describe(&place.dir().join("metadata/1.root.json")).unwrap();
        let refused = repository.add(Some(&role(name)), &path.parse().unwrap(), target);
        assert!(matches!(refused, Err(RepositoryError::NotAdmitted { .. })), "{path} in {name}: {refused:?}");
    }
    let nowhere = repository.may_add(Some(&role("nobody")), &["x".parse().unwrap()]);
    assert!(matches!(nowhere, Err(RepositoryError::NoSuchRole { .. })), "{nowhere:?}");
    let refused = repository.publish(&place.keys, now());
    assert!(matches!(refused, Err(RepositoryError::MissingSignatures { .. })), "{refused:?}");
    drop(repository);

    // Whoever has the keys signs what is staged; the owner publishes.
    let signed = place.open().sign(&others, None).unwrap();
    assert!(signed.iter().all(|role| role.outstanding.is_none()), "{signed:?}");
    place.open().publish(&place.keys, now()).unwrap();
    assert_eq!(place.read("team/x").unwrap(), b"team/x");
    assert_eq!(place.read("team/d1").unwrap(), b"team/d1");
    assert!(place.dir().join("metadata/1.team/a.json").exists());

    let mut repository = place.open();
    repository.undelegate(&RoleName::Targets, "team/a").unwrap();
    repository.publish(&place.keys, now()).unwrap();
    assert!(matches!(place.read("team/x"), Err(TufError::NoSuchTarget { .. })));
    let again = delegation("team/a", Signatories::one(place.key()), "*");
    assert!(matches!(repository.delegate(&RoleName::Targets, again), Err(RepositoryError::RoleTaken { .. })));
}

#[test]
fn several_people_sign_copies_of_what_is_staged() {
    let (place, first) = Place::new();
    let second_keys = MemoryKeyStore::default();
    let second = add_key(&second_keys);
    let both = Signatories { keys: vec![first, second], threshold: Threshold::try_from(2).unwrap() };
    let mut repository = place.open();
    repository.rotate("targets", &both).unwrap();
    repository.stage(now()).unwrap();
    repository.sign(&place.keys, None).unwrap();
    let staged = fs::read(place.dir().join("staged/targets.json")).unwrap();

    // Elsewhere, on a copy.
    drop(repository);
    let mut copy = place.open();
    copy.sign(&second_keys, None).unwrap();
    let signed = fs::read(place.dir().join("staged/targets.json")).unwrap();
    drop(copy);
    fs::write(place.dir().join("staged/targets.json"), staged).unwrap();

    let mut repository = place.open();
    assert!(matches!(repository.publish(&place.keys, now()), Err(RepositoryError::MissingSignatures { found: 1, .. })));
    assert_eq!(repository.merge(&RoleName::Targets, &signed).unwrap(), 1);
    assert_eq!(repository.merge(&RoleName::Targets, &signed).unwrap(), 0);
    let other = fs::read(place.dir().join("metadata/1.targets.json")).unwrap();
    assert!(matches!(repository.merge(&RoleName::Targets, &other), Err(RepositoryError::OtherContent { .. })));
    repository.publish(&place.keys, now()).unwrap();
    place.refresh().unwrap();
}

#[test]
fn every_role_can_be_given_other_keys() {
    let (place, _) = Place::new();
    for role in ["timestamp", "snapshot", "targets", "root"] {
        let mut repository = place.open();
        repository.rotate(role, &Signatories::one(place.key())).unwrap();
        repository.publish(&place.keys, now()).unwrap();
        place.refresh().unwrap();
    }
    let root = place.open();
    assert_eq!(root.root().unwrap().version().get(), 5);
    assert_eq!(root.root().unwrap().keys.len(), 4);
}

#[test]
fn hash_bins_of_both_forms_hold_what_is_added() {
    for form in [BinForm::Named, BinForm::Succinct] {
        let (place, _) = Place::new();
        let mut repository = place.open();
        let new = NewBins { form, prefix: "bin".to_owned(), bits: 4, signatories: Signatories::one(place.key()) };
        repository.delegate_to_bins(&RoleName::Targets, &new).unwrap();
        repository.publish(&place.keys, now()).unwrap();
        assert_eq!(place.add(&mut repository, None, "a"), role("bin-c"));
        let many = (0..40).map(|n| (format!("file-{n}").parse().unwrap(), target()));
        assert!(repository.add_all(None, many).unwrap().len() > 8);
        repository.publish(&place.keys, now()).unwrap();
        assert_eq!(place.read("a").unwrap(), b"a");

        if form == BinForm::Succinct {
            repository.rotate("bin", &Signatories::one(place.key())).unwrap();
            assert_eq!(repository.publish(&place.keys, now()).unwrap().roles.len(), 16 + 3);
            assert_eq!(place.read("a").unwrap(), b"a");
        }
    }
}

fn target() -> crate::metadata::Target {
    crate::metadata::Target { length: 1, digests: crate::metadata::Digests::sha256_of(b"x"), custom: None }
}

#[test]
fn what_expires_soon_is_renewed() {
    let (place, _) = Place::new();
    let mut repository = place.open();
    assert!(repository.renew_within(TimeDelta::days(30), now()).unwrap().is_empty());
    let later = now() + TimeDelta::days(350);
    assert_eq!(repository.renew_within(TimeDelta::days(30), later).unwrap(), [RoleName::Root, RoleName::Targets]);
    repository.publish(&place.keys, later).unwrap();
    assert_eq!(repository.root().unwrap().expires, later + Lifetimes::default().root);
}

#[test]
fn members_we_do_not_know_stay() {
    let (place, key) = Place::new();
    let path = place.dir().join("metadata/1.targets.json");
    let text = fs::read_to_string(&path).unwrap();
    // Somebody else's program wrote it: signed anew, and named by the snapshot by version and digest.
    let mut repository = place.open();
    repository.targets_mut(&RoleName::Targets).unwrap();
    repository.stage(now()).unwrap();
    drop(repository);
    let staged = place.dir().join("staged/targets.json");
    let extended = fs::read_to_string(&staged).unwrap().replacen("{\"signed\":{", "{\"signed\":{\"x-ours\":[1],", 1);
    fs::write(&staged, extended).unwrap();
    place.open().publish(&place.keys, now()).unwrap();
    let mut repository = place.open();
    place.add(&mut repository, None, "a");
    repository.publish(&place.keys, now()).unwrap();
    assert!(fs::read_to_string(place.dir().join("metadata/3.targets.json")).unwrap().contains("x-ours"));
    assert_eq!(place.read("a").unwrap(), b"a");
    assert!(!text.contains("x-ours") && key.scheme.is_none());
}

#[test]
fn what_does_not_follow_the_published_state_is_not_published() {
    let (place, _) = Place::new();
    let mut repository = place.open();
    place.add(&mut repository, None, "a");
    repository.stage(now()).unwrap();
    let staged = fs::read(place.dir().join("staged/targets.json")).unwrap();
    repository.publish(&place.keys, now()).unwrap();
    drop(repository);
    fs::create_dir_all(place.dir().join("staged")).unwrap();
    fs::write(place.dir().join("staged/targets.json"), staged).unwrap();
    assert!(matches!(place.open().publish(&place.keys, now()), Err(RepositoryError::Stale { .. })));
    drop_staged(place.open()).unwrap();
    place.open().publish(&place.keys, now()).unwrap();
}

#[test]
fn a_folder_is_changed_by_one_at_a_time_and_begun_once() {
    let (place, key) = Place::new();
    let held = place.open();
    assert!(matches!(OwnRepository::open(&place.dir(), Lifetimes::default()), Err(RepositoryError::Busy { .. })));
    drop(held);
    let again = OwnRepository::begin(&place.dir(), &everything(&Signatories::one(key)), Lifetimes::default());
    assert!(matches!(again, Err(RepositoryError::Exists { .. })));
    let none = OwnRepository::open(&place.folder.path().join("none"), Lifetimes::default());
    assert!(matches!(none, Err(RepositoryError::Nothing { .. })));
}

#[test]
fn what_was_changed_by_somebody_else_is_not_signed_anew() {
    let (place, _) = Place::new();
    let path = place.dir().join("metadata/1.targets.json");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(
        &path,
        text.replace("\"targets\":{}", "\"targets\":{\"evil\":{\"hashes\":{\"sha256\":\"00\"},\"length\":1}}"),
    )
    .unwrap();
    let refused = OwnRepository::open(&place.dir(), Lifetimes::default());
    assert!(refused.is_err(), "{refused:?}");
}

#[test]
fn a_root_that_does_not_follow_the_others_is_refused() {
    let (place, _) = Place::new();
    let (other, _) = Place::new();
    let mut repository = other.open();
    repository.rotate("root", &Signatories::one(other.key())).unwrap();
    repository.publish(&other.keys, now()).unwrap();
    fs::copy(other.dir().join("metadata/2.root.json"), place.dir().join("metadata/2.root.json")).unwrap();
    let refused = OwnRepository::open(&place.dir(), Lifetimes::default());
    assert!(matches!(refused, Err(RepositoryError::Verify(_))), "{refused:?}");
}

#[test]
fn repositories_of_other_programs_are_changed() {
    let folder = tempfile::tempdir().unwrap();
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/tuf/python-tuf/delegations/metadata");
    let metadata = folder.path().join("metadata");
    fs::create_dir_all(&metadata).unwrap();
    for name in names(&from) {
        fs::copy(from.join(&name), metadata.join(&name)).unwrap();
    }
    let mut repository = OwnRepository::open(folder.path(), Lifetimes::default()).unwrap();
    let mut seen = Vec::new();
    repository
        .walk(|role, _| {
            seen.push(role.to_string());
            true
        })
        .unwrap();
    assert!(seen.contains(&"second/b".to_owned()), "{seen:?}");
    // Nobody here has its keys.
    repository.renew(&role("second/b")).unwrap();
    let refused = repository.publish(&MemoryKeyStore::default(), now());
    assert!(matches!(refused, Err(RepositoryError::MissingSignatures { .. })), "{refused:?}");
}
