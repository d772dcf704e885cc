//! Metadata files of a source, within bounds and as other files name them.

use bytes::Bytes;

use super::{MetadataName, RepositoryLimits, Source, TufError};
use crate::metadata::FileMeta;
use crate::names::RoleName;
use crate::verify::matches_file;

/// The metadata of a repository. Nothing of it is verified yet.
#[derive(Clone, Copy)]
pub(super) struct Files<'s> {
    pub(super) source: &'s dyn Source,
    pub(super) limits: &'s RepositoryLimits,
}

impl Files<'_> {
    /// A file of at most `limit` bytes, which must be there.
    pub(super) async fn fetch(&self, name: &MetadataName, limit: u64) -> Result<Bytes, TufError> {
        let missing = || TufError::Missing { origin: self.source.name().to_owned(), file: name.to_string() };
        self.source.metadata(name, limit).await?.ok_or_else(missing)
    }

    /// The file that `named_by` names, held against what is said there before anything is read of it; named by version where
    /// snapshots are consistent. `usual_limit` counts where no length is named.
    pub(super) async fn named(
        &self,
        role: &RoleName,
        named: &FileMeta,
        named_by: &RoleName,
        is_consistent: bool,
        usual_limit: u64,
    ) -> Result<(MetadataName, Bytes), TufError> {
        let name = MetadataName { role: role.clone(), version: named.version.filter(|_| is_consistent) };
        let limit = named.length.map_or(usual_limit, |length| length.min(self.limits.named_bytes));
        let bytes = self.fetch(&name, limit).await?;
        matches_file(role, &FileMeta::to_compare(named, &bytes), named, named_by)?;
        Ok((name, bytes))
    }
}
