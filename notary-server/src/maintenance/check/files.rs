//! Rows and files, each by itself.

use std::collections::BTreeMap;

use bytes::Bytes;
use libtrust::dialect::Envelope;
use libtrust::limits::Limits;
use libtrust::metadata::{Root, Version};
use libtrust::names::RoleName;
use libtrust::verify::{CertificateDates, Expiration, Verified, first_root, next_root};
use ring::digest::{SHA256, digest};

use super::{Inspection, RESTORE, Weight};
use crate::storage::{StorageError, StoredVersion};

/// Stored versions by role, ascending.
pub(super) type Roles = BTreeMap<RoleName, Vec<StoredVersion>>;

impl Inspection<'_> {
    /// What is stored. Rows that make no sense and versions stored twice are findings.
    pub(super) async fn rows(&mut self) -> Result<Roles, StorageError> {
        let mut roles = Roles::new();
        for row in self.storage.versions(self.gun).await? {
            match row {
                Ok(row) => roles.entry(row.role.clone()).or_default().push(row),
                Err(error) => {
                    self.find(Weight::Fault, None, None, error.to_string(), "repair the row, or remove it");
                }
            }
        }
        for (role, versions) in &mut roles {
            versions.sort_by_key(|row| row.version);
            let all = versions.len();
            versions.dedup_by_key(|row| row.version);
            if versions.len() < all {
                self.fault(role, None, "some versions are stored twice", "remove one row of each");
            }
        }
        Ok(roles)
    }

    /// Reads every stored file; returns the roots that are whole, ascending.
    pub(super) async fn files(&mut self, roles: &Roles) -> Result<Vec<(Version, Bytes)>, StorageError> {
        let mut roots = Vec::new();
        for (role, rows) in roles {
            for row in rows {
                let (version, stored) = (row.version, self.storage.by_version(self.gun, role, row.version).await);
                let Some(stored) = self.found(role, stored)? else { continue };
                if digest(&SHA256, &stored.bytes).as_ref() != stored.sha256 {
                    self.fault(role, Some(version), "its bytes are not those of its digest", RESTORE);
                    continue;
                }
                match Envelope::parse(self.dialect, role.clone(), &stored.bytes, &Limits::STORED) {
                    Err(error) => self.fault(role, Some(version), error.to_string(), RESTORE),
                    Ok(envelope) if u64::try_from(envelope.header().version) != Ok(version.get()) => {
                        let what = format!("it says that it is version {}", envelope.header().version);
                        self.fault(role, Some(version), what, RESTORE);
                    }
                    Ok(_) if *role == RoleName::Root => roots.push((version, stored.bytes)),
                    Ok(_) => {}
                }
            }
        }
        Ok(roots)
    }

    /// Follows the roots link by link. Dates are not judged: they were when the roots were accepted.
    pub(super) fn roots(&mut self, roots: &[(Version, Bytes)]) {
        let role = RoleName::Root;
        let mut previous: Option<Verified<Root>> = None;
        for (version, bytes) in roots {
            let Ok(envelope) = Envelope::parse(self.dialect, role.clone(), bytes, &Limits::STORED) else { continue };
            let dates = CertificateDates::Ignored;
            let linked = match &previous {
                None => first_root(&envelope, self.gun, dates, Expiration::Ignored),
                Some(before) => {
                    if before.version.next() != *version {
                        let what = format!("the roots between this and version {} are missing", before.version);
                        self.warn(
                            &role,
                            Some(*version),
                            what,
                            "clients with an older root may have to reset their trust",
                        );
                    }
                    next_root(&envelope, before, self.gun, dates, Expiration::Ignored)
                }
            };
            match linked {
                Ok(root) => previous = Some(root),
                Err(error) => {
                    self.fault(&role, Some(*version), error.to_string(), RESTORE);
                    previous = first_root(&envelope, self.gun, dates, Expiration::Ignored).ok();
                }
            }
        }
        if let Some(root) = previous {
            let Some((version, bytes)) = roots.last() else { return };
            let Ok(envelope) = Envelope::parse(self.dialect, role.clone(), bytes, &Limits::STORED) else { return };
            let now = self.now;
            if first_root(&envelope, self.gun, CertificateDates::Enforced(now), Expiration::Ignored).is_err() {
                let what = "no certificate in it is valid any more";
                self.warn(&role, Some(*version), what, "its owner has to rotate the root key");
            }
            self.expiry(&role, &*root);
        }
    }
}
