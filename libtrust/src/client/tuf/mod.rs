//! A client for TUF 1.0 repositories of any files.
//!
//! What it reads from is a [`Source`], what it remembers is in a [`Store`], and artifacts go to an [`ArtifactFolder`].

mod artifact;
mod base_url;
mod delegations;
mod error;
mod files;
mod folder_source;
mod folder_store;
mod http_source;
mod memory_source;
mod memory_store;
mod metadata_name;
mod percent;
pub mod repository;
mod source;
mod store;
mod survey;
mod target_path;
mod trust;
mod update;

#[cfg(test)]
mod tests;

pub use artifact::{ArtifactFolder, DownloadError};
pub use base_url::{BaseUrl, InvalidBaseUrl};
pub use delegations::FoundTarget;
pub use error::TufError;
pub use folder_source::FolderSource;
pub use folder_store::FolderStore;
pub use http_source::HttpSource;
pub use memory_source::MemorySource;
pub use memory_store::MemoryStore;
pub use metadata_name::MetadataName;
pub use source::{ArtifactBytes, Source, SourceError};
pub use store::{Store, StoreError, Turn, turn};
pub use survey::{Says, Surveyed, survey};
pub use target_path::{InvalidTargetPath, TargetPath};
pub use trust::begin;
pub use update::{Repository, RepositoryClient, RepositoryLimits};
