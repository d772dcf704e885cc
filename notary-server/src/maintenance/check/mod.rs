//! Looking for faults: every stored file, every chain of roots, every way from a timestamp to targets.
//!
//! Expiry and whatever else does not keep readers from the bytes is a warning. Nothing is changed.

mod chain;
mod files;
mod finding;

use std::ops::AddAssign;

use chrono::{DateTime, Utc};
use libtrust::dialect::Dialect;
use libtrust::metadata::Version;
use libtrust::names::{Gun, RoleName};

use super::Walk;
use crate::signer::{OnlineSigner, SignerError};
use crate::storage::{Storage, StorageError};

pub use finding::{Finding, Weight};

/// How often a collection that is published to meanwhile is looked at anew.
const ATTEMPTS: u32 = 4;

const RESTORE: &str = "restore it from a backup, or have its owner publish a whole new set";

/// How much was looked at and found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Collections looked at.
    pub collections: u64,
    /// Faults.
    pub faults: u64,
    /// Warnings.
    pub warnings: u64,
}

impl AddAssign for Totals {
    fn add_assign(&mut self, other: Self) {
        self.collections += other.collections;
        self.faults += other.faults;
        self.warnings += other.warnings;
    }
}

/// Why a check did not come to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckFailed {
    /// The store failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The signer failed.
    #[error(transparent)]
    Signer(#[from] SignerError),
}

/// Walks all collections. With a signer it also tells which cannot be renewed. `report` is told of each finding.
///
/// # Errors
/// When the store or the signer fails.
pub async fn check(
    dialect: Dialect,
    storage: &dyn Storage,
    signer: Option<&dyn OnlineSigner>,
    now: DateTime<Utc>,
    mut report: impl FnMut(&Finding),
) -> Result<Totals, CheckFailed> {
    let (mut walk, mut totals) = (Walk::new(storage), Totals::default());
    loop {
        let page = walk.page().await?;
        if page.is_empty() {
            return Ok(totals);
        }
        for name in page {
            totals.collections += 1;
            for finding in check_collection(dialect, storage, signer, now, &name).await? {
                match finding.weight {
                    Weight::Fault => totals.faults += 1,
                    Weight::Warning => totals.warnings += 1,
                }
                report(&finding);
            }
        }
    }
}

async fn check_collection(
    dialect: Dialect,
    storage: &dyn Storage,
    signer: Option<&dyn OnlineSigner>,
    now: DateTime<Utc>,
    name: &str,
) -> Result<Vec<Finding>, CheckFailed> {
    let Ok(gun) = name.parse::<Gun>() else {
        return Ok(vec![Finding {
            weight: Weight::Fault,
            dialect,
            gun: name.to_owned(),
            role: None,
            version: None,
            what: "this server takes no such name, so nobody can read it".to_owned(),
            remedy: "publish under another name and remove these rows",
        }]);
    };
    let mut findings = Vec::new();
    for _ in 0..ATTEMPTS {
        let before = storage.head(&gun).await?;
        let mut inspection = Inspection { dialect, storage, signer, now, gun: &gun, findings: Vec::new() };
        inspection.run().await?;
        findings = inspection.findings;
        // A publication in between can make things look broken.
        if findings.is_empty() || storage.head(&gun).await? == before {
            break;
        }
    }
    Ok(findings)
}

/// One look at one collection.
struct Inspection<'a> {
    dialect: Dialect,
    storage: &'a dyn Storage,
    signer: Option<&'a dyn OnlineSigner>,
    now: DateTime<Utc>,
    gun: &'a Gun,
    findings: Vec<Finding>,
}

impl Inspection<'_> {
    async fn run(&mut self) -> Result<(), CheckFailed> {
        let roles = self.rows().await?;
        let roots = self.files(&roles).await?;
        self.roots(&roots);
        self.current(&roles).await
    }

    fn fault(&mut self, role: &RoleName, version: Option<Version>, what: impl Into<String>, remedy: &'static str) {
        self.find(Weight::Fault, Some(role), version, what.into(), remedy);
    }

    fn warn(&mut self, role: &RoleName, version: Option<Version>, what: impl Into<String>, remedy: &'static str) {
        self.find(Weight::Warning, Some(role), version, what.into(), remedy);
    }

    fn find(
        &mut self,
        weight: Weight,
        role: Option<&RoleName>,
        version: Option<Version>,
        what: String,
        remedy: &'static str,
    ) {
        let (gun, role) = (self.gun.as_str().to_owned(), role.cloned());
        self.findings.push(Finding { weight, dialect: self.dialect, gun, role, version, what, remedy });
    }

    /// What a look-up brought. A row that makes no sense is a finding; a store that is away ends the check.
    fn found<T>(
        &mut self,
        role: &RoleName,
        looked_up: Result<Option<T>, StorageError>,
    ) -> Result<Option<T>, StorageError> {
        match looked_up {
            Err(error @ StorageError::Corrupt { .. }) => {
                self.fault(role, None, error.to_string(), RESTORE);
                Ok(None)
            }
            other => other,
        }
    }
}
