//! A repository at a trust server, and two people who publish there.

use std::sync::Mutex;

use async_trait::async_trait;

use super::*;
use crate::client::tuf::MetadataName;
use crate::client::{RemoteFile, Transport, TransportError};
use crate::dialect::{Dialect, Envelope};
use crate::limits::Limits;
use crate::names::Gun;

/// Keeps what it is sent, if each file is newer than the one it has.
#[derive(Default)]
struct Shelf(Mutex<BTreeMap<MetadataName, Vec<u8>>>);

impl Shelf {
    fn missing(gun: &Gun, file: impl ToString) -> TransportError {
        TransportError::NotFound { server: "shelf".to_owned(), gun: gun.clone(), file: file.to_string() }
    }
}

#[async_trait]
impl Transport for Shelf {
    fn name(&self) -> &str {
        "shelf"
    }

    async fn fetch(&self, gun: &Gun, file: &RemoteFile, _: u64) -> Result<Vec<u8>, TransportError> {
        Err(Self::missing(gun, file.file_name()))
    }

    async fn publish(&self, gun: &Gun, _: &[(RoleName, Vec<u8>)]) -> Result<(), TransportError> {
        Err(Self::missing(gun, "collection"))
    }

    async fn server_key(&self, gun: &Gun, role: &RoleName) -> Result<PublicKey, TransportError> {
        Err(Self::missing(gun, role))
    }

    async fn new_server_key(&self, gun: &Gun, role: &RoleName) -> Result<PublicKey, TransportError> {
        Err(Self::missing(gun, role))
    }

    async fn delete(&self, gun: &Gun) -> Result<(), TransportError> {
        Err(Self::missing(gun, "collection"))
    }

    async fn fetch_in_tuf(&self, gun: &Gun, file: &MetadataName, _: u64) -> Result<Vec<u8>, TransportError> {
        self.0.lock().unwrap().get(file).cloned().ok_or_else(|| Self::missing(gun, file))
    }

    async fn publish_in_tuf(&self, _: &Gun, files: &[(RoleName, Vec<u8>)]) -> Result<(), TransportError> {
        let mut kept = self.0.lock().unwrap();
        let mut next = kept.clone();
        for (role, bytes) in files {
            let envelope = Envelope::parse(Dialect::Tuf, role.clone(), bytes, &Limits::default()).unwrap();
            let version = u64::try_from(envelope.header().version).unwrap().try_into().unwrap();
            if next.insert(MetadataName::versioned(role.clone(), version), bytes.clone()).is_some() {
                return Err(TransportError::Conflict { server: "shelf".to_owned(), message: role.to_string() });
            }
            next.insert(MetadataName::current(role.clone()), bytes.clone());
        }
        *kept = next;
        Ok(())
    }
}

fn gun() -> Gun {
    "example.com/files".parse().unwrap()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() { copy(&path, &target) } else { assert!(fs::copy(path, target).is_ok()) }
    }
}

#[test]
fn two_people_publish_at_a_server_one_after_the_other() {
    let (place, _) = Place::new();
    let shelf = Shelf::default();
    let mut first = place.open();
    let x = "x".parse().unwrap();
    first.add(None, &x, target()).unwrap();
    let release = wait(first.publish_to(&shelf, &gun(), &place.keys, now())).unwrap();
    assert!(release.roles.iter().any(|(role, version)| *role == RoleName::Targets && version.get() == 2));
    assert!(shelf.0.lock().unwrap().contains_key(&MetadataName::versioned(RoleName::Root, Version::FIRST)));

    let elsewhere = place.folder.path().join("copy");
    copy(&place.dir(), &elsewhere);
    let mut second = OwnRepository::open(&elsewhere, Lifetimes::default()).unwrap();
    second.rotate("root", &Signatories::one(place.key())).unwrap();
    second.delegate(&RoleName::Targets, delegation("team/a", Signatories::one(place.key()), "*")).unwrap();
    wait(second.publish_to(&shelf, &gun(), &place.keys, now())).unwrap();

    first.add(None, &"y".parse().unwrap(), target()).unwrap();
    assert!(matches!(wait(first.pull(&shelf, &gun())), Err(RepositoryError::Staged { .. })));
    let late = wait(first.publish_to(&shelf, &gun(), &place.keys, now()));
    assert!(matches!(late, Err(RepositoryError::Server(TransportError::Conflict { .. }))), "{late:?}");

    drop_staged(first).unwrap();
    let mut first = place.open();
    wait(first.pull(&shelf, &gun())).unwrap();
    assert_eq!(first.root().unwrap().version().get(), 2);
    assert!(first.targets(&role("team/a")).unwrap().is_some());
    first.add(None, &"y".parse().unwrap(), target()).unwrap();
    wait(first.publish_to(&shelf, &gun(), &place.keys, now())).unwrap();
    assert_eq!(first.targets(&RoleName::Targets).unwrap().unwrap().targets.len(), 2);
}

#[test]
fn an_older_state_is_not_taken_over() {
    let (place, _) = Place::new();
    let shelf = Shelf::default();
    wait(place.open().publish_to(&shelf, &gun(), &place.keys, now())).unwrap();
    let before = Shelf(Mutex::new(shelf.0.lock().unwrap().clone()));
    let mut repository = place.open();
    repository.add(None, &"x".parse().unwrap(), target()).unwrap();
    wait(repository.publish_to(&shelf, &gun(), &place.keys, now())).unwrap();
    let older = wait(repository.pull(&before, &gun()));
    assert!(matches!(older, Err(RepositoryError::Verify(_))), "{older:?}");
}
