//! Collections with one oddity each, and what the real Notary server said to them: we must say the same, or the folder
//! says why not. See `fixtures/judged/README.md`.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::fs;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use libtrust::dialect::{Dialect, Envelope};
use libtrust::limits::Limits;
use libtrust::metadata::{Snapshot, Targets};
use libtrust::names::{DelegationName, RoleName};
use libtrust::verify::{
    CertificateDates, Expiration, SigningKeys, VerifyError, first_root, next_root, snapshot_names, verify,
};

const GUN: &str = "example.com/judged";

fn judged() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/judged")
}

fn line(path: &Path) -> Option<String> {
    fs::read_to_string(path).ok().map(|text| text.trim_end_matches('\n').to_owned())
}

/// Why a collection is not accepted.
enum Refusal {
    Malformed(String),
    Rule(VerifyError),
}

impl From<VerifyError> for Refusal {
    fn from(error: VerifyError) -> Self {
        Self::Rule(error)
    }
}

struct Case {
    folder: PathBuf,
    now: DateTime<Utc>,
}

impl Case {
    fn read(&self, role: &RoleName) -> Option<Vec<u8>> {
        fs::read(self.folder.join(format!("{role}.json"))).ok()
    }

    fn delegations(&self) -> Vec<DelegationName> {
        let Ok(files) = fs::read_dir(self.folder.join("targets")) else { return Vec::new() };
        let names = files.map(|file| file.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned());
        names.map(|name| format!("targets/{name}").parse().unwrap()).collect()
    }

    /// Judges in the server's order: root, targets, delegations, then the snapshot and what it names.
    fn judge(&self) -> Result<(), Refusal> {
        let expiration = Expiration::Enforced(self.now);
        let root = self.read(&RoleName::Root).unwrap_or_else(|| fs::read(judged().join("root.json")).unwrap());
        let dates = CertificateDates::Enforced(self.now);
        let (root, gun) = (parse(&RoleName::Root, &root)?, GUN.parse().unwrap());
        let root = match fs::read(self.folder.join("previous.json")) {
            Ok(previous) => {
                let previous = first_root(&parse(&RoleName::Root, &previous)?, &gun, dates, expiration)?;
                next_root(&root, &previous, &gun, dates, expiration)?
            }
            Err(_) => first_root(&root, &gun, dates, expiration)?,
        };
        let keys = |role| SigningKeys::of_role(&root, role).unwrap();

        let bytes = self.read(&RoleName::Targets).unwrap();
        let targets = parse(&RoleName::Targets, &bytes)?;
        let targets = verify::<Targets>(&targets, &keys(&RoleName::Targets), expiration)?;
        let mut listed = vec![(RoleName::Root, *root.file()), (RoleName::Targets, *targets.file())];
        for name in self.delegations() {
            let role = RoleName::Delegation(name.clone());
            let bytes = self.read(&role).unwrap();
            let file = parse(&role, &bytes)?;
            let keys = SigningKeys::of_delegation(&targets.delegations, &name);
            let keys = keys.ok_or_else(|| VerifyError::NotDelegated(role.clone()))?;
            listed.push((role, *verify::<Targets>(&file, &keys, expiration)?.file()));
        }
        let bytes = self.read(&RoleName::Snapshot).unwrap();
        let snapshot = parse(&RoleName::Snapshot, &bytes)?;
        let snapshot = verify::<Snapshot>(&snapshot, &keys(&RoleName::Snapshot), expiration)?;
        listed.iter().try_for_each(|(role, file)| Ok(snapshot_names(&snapshot, role, file)?))
    }
}

fn parse<'a>(role: &RoleName, bytes: &'a [u8]) -> Result<Envelope<'a>, Refusal> {
    let parsed = Envelope::parse(Dialect::Notary, role.clone(), bytes, &Limits::default());
    parsed.map_err(|error| Refusal::Malformed(error.to_string()))
}

/// Whether our verdict is Notary's. Texts of Go's JSON decoder are not imitated.
fn agrees(notary: &str, ours: &Result<(), Refusal>) -> bool {
    let go_decoder = ["json: ", "invalid character", "illegal base64", "Root modifications"];
    match (notary.strip_prefix("refused "), ours) {
        (None, Ok(())) => notary == "accepted",
        (None, Err(Refusal::Malformed(_))) => notary == "malformed",
        (Some(text), Err(_)) if go_decoder.iter().any(|start| text.starts_with(start)) => true,
        (Some(text), Err(Refusal::Rule(error))) => error.to_string().contains(text.trim_end()),
        _ => false,
    }
}

#[test]
fn every_verdict_is_notarys_or_differs_for_a_written_reason() {
    let now = DateTime::parse_from_rfc3339(&line(&judged().join("judged_at")).unwrap()).unwrap().to_utc();
    let mut faults = Vec::new();
    let mut cases = 0;
    for entry in fs::read_dir(judged()).unwrap() {
        let folder = entry.unwrap().path();
        let Some(notary) = line(&folder.join("notary")) else { continue };
        let reason = line(&folder.join("differs"));
        let ours = Case { folder: folder.clone(), now }.judge();
        cases += 1;
        // Where we differ, we refuse: nothing that Notary refuses is trusted here.
        if agrees(&notary, &ours) == reason.is_some() || (reason.is_some() && ours.is_ok()) {
            let ours = match ours {
                Ok(()) => "accepted".to_owned(),
                Err(Refusal::Malformed(error)) => format!("malformed: {error}"),
                Err(Refusal::Rule(error)) => format!("refused {error}"),
            };
            faults.push(format!("{}\n  notary: {notary}\n  ours:   {ours}", folder.display()));
        }
    }
    assert!(cases > 200, "cases are missing");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
