//! Collections that the real Notary v1 programs wrote must verify here, and what we write must be what they write.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::fs;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use libtrust::dialect::{Dialect, Envelope, Spelled};
use libtrust::limits::Limits;
use libtrust::metadata::{Root, Snapshot, Targets, Timestamp};
use libtrust::names::{Gun, RoleName};
use libtrust::verify::{CertificateDates, Expiration, Known, TrustedRoot, TrustedTargets, first_root, next_root};

fn collections() -> Vec<PathBuf> {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/golden");
    let mut folders: Vec<_> = fs::read_dir(golden).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.retain(|path| path.is_dir());
    assert!(folders.len() >= 5, "the golden collections are missing");
    folders
}

fn line(folder: &Path, name: &str) -> String {
    fs::read_to_string(folder.join(name)).unwrap().trim().to_owned()
}

fn gun(folder: &Path) -> Gun {
    line(folder, "gun").parse().unwrap()
}

fn verified_at(folder: &Path) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(&line(folder, "verified_at")).unwrap().with_timezone(&Utc)
}

fn parse<'a>(role: &RoleName, bytes: &'a [u8]) -> Envelope<'a> {
    Envelope::parse(Dialect::Notary, role.clone(), bytes, &Limits::default()).unwrap()
}

/// All files of a role, oldest first.
fn history(folder: &Path, role: &str) -> Vec<Vec<u8>> {
    let mut files: Vec<(u64, PathBuf)> = fs::read_dir(folder.join("history").join(role))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .map(|path| (path.file_stem().unwrap().to_str().unwrap().parse().unwrap(), path))
        .collect();
    files.sort();
    files.into_iter().map(|(_, path)| fs::read(path).unwrap()).collect()
}

fn verify_current(folder: &Path) -> TrustedTargets {
    let now = verified_at(folder);
    let expiration = Expiration::Enforced(now);
    let read = |role: &str| fs::read(folder.join(format!("{role}.json"))).unwrap();
    let root = read("root");
    let root =
        first_root(&parse(&RoleName::Root, &root), &gun(folder), CertificateDates::Enforced(now), expiration).unwrap();
    let chain = TrustedRoot::new(root, expiration)
        .timestamp(&parse(&RoleName::Timestamp, &read("timestamp")), Known::Nothing)
        .unwrap()
        .snapshot(&parse(&RoleName::Snapshot, &read("snapshot")), Known::Nothing)
        .unwrap();
    let mut chain = chain.targets(&parse(&RoleName::Targets, &read("targets")), None).unwrap();
    let mut queue = vec![RoleName::Targets];
    while let Some(role) = queue.pop() {
        let names: Vec<_> =
            chain.role(&role).unwrap().delegations.roles.iter().map(|delegation| delegation.name.clone()).collect();
        for name in names {
            let role = RoleName::Delegation(name.clone());
            if chain.snapshot().meta.contains_key(role.as_str()) {
                let bytes = read(role.as_str());
                chain.delegation(&name, &parse(&role, &bytes), None).unwrap();
                queue.push(role);
            }
        }
    }
    chain
}

#[test]
fn every_collection_verifies_and_lists_what_notary_listed() {
    for folder in collections() {
        let chain = verify_current(&folder);
        let listed = line(&folder, "list.txt");
        let mut rows = 0;
        for row in listed.lines().filter(|row| row.contains("targets")) {
            rows += 1;
            let role: RoleName = row.split_whitespace().last().unwrap().parse().unwrap();
            let targets = &chain.role(&role).unwrap().targets;
            let found = targets.iter().any(|(name, target)| {
                row.trim_start().starts_with(name) && row.contains(&hex::encode(target.digests.sha256.unwrap()))
            });
            assert!(found, "{}: {row}", folder.display());
        }
        assert!(rows > 0, "{}: nothing listed", folder.display());
    }
}

#[test]
fn every_root_follows_the_one_before() {
    for folder in collections() {
        let (gun, dates) = (gun(&folder), CertificateDates::Enforced(verified_at(&folder)));
        let roots = history(&folder, "root");
        let mut previous = first_root(&parse(&RoleName::Root, &roots[0]), &gun, dates, Expiration::Ignored).unwrap();
        for bytes in &roots[1..] {
            let envelope = parse(&RoleName::Root, bytes);
            previous = next_root(&envelope, &previous, &gun, dates, Expiration::Ignored).unwrap();
        }
    }
}

/// Reads a file into the role model and writes it again: the very bytes, but for dates with fractions or zones, which
/// Notary keeps and we write as whole seconds of UTC.
fn reencodes<T: Spelled>(folder: &Path, role: &RoleName) {
    for bytes in history(folder, role.as_str()) {
        let envelope = parse(role, &bytes);
        let metadata = T::decode(&envelope).unwrap();
        let written =
            Dialect::Notary.encode(&metadata).unwrap().with_signatures(Dialect::Notary, envelope.signatures());
        let (written, original) = (String::from_utf8(written).unwrap(), String::from_utf8(bytes.clone()).unwrap());
        assert_eq!(without_date(&written), without_date(&original), "{}: {role}", folder.display());
        assert!(Dialect::Notary.is_written_so(&envelope, &metadata), "{}: {role}", folder.display());
    }
}

fn without_date(text: &str) -> String {
    let (before, rest) = text.split_once("\"expires\":\"").unwrap();
    let (_, after) = rest.split_once('"').unwrap();
    format!("{before}{after}")
}

#[test]
fn what_notary_wrote_is_what_we_write() {
    for folder in collections() {
        reencodes::<Root>(&folder, &RoleName::Root);
        reencodes::<Targets>(&folder, &RoleName::Targets);
        reencodes::<Snapshot>(&folder, &RoleName::Snapshot);
        reencodes::<Timestamp>(&folder, &RoleName::Timestamp);
    }
}
