//! A client for TUF 1.0 repositories of any files.
//!
//! What it reads from is a [`Source`].

mod base_url;
mod folder_source;
mod http_source;
mod memory_source;
mod metadata_name;
mod percent;
mod source;
mod target_path;

#[cfg(test)]
mod tests;

pub use base_url::{BaseUrl, InvalidBaseUrl};
pub use folder_source::FolderSource;
pub use http_source::HttpSource;
pub use memory_source::MemorySource;
pub use metadata_name::MetadataName;
pub use source::{ArtifactBytes, Source, SourceError};
pub use target_path::{InvalidTargetPath, TargetPath};
