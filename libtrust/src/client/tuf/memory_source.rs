//! A repository in memory.

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;
use bytes::Bytes;

use super::{ArtifactBytes, MetadataName, Source, SourceError, TargetPath};

/// Files in memory by their decoded names, `metadata/1.root.json` and `targets/a/b`, and a list of what was asked for.
#[derive(Debug, Default)]
pub struct MemorySource {
    files: Mutex<BTreeMap<String, Bytes>>,
    asked: Mutex<Vec<String>>,
    failures: Mutex<BTreeMap<String, SourceError>>,
}

impl MemorySource {
    /// Puts a file there, or replaces it.
    pub fn put(&self, name: impl Into<String>, bytes: impl Into<Bytes>) {
        let name = name.into();
        lock(&self.failures).remove(&name);
        lock(&self.files).insert(name, bytes.into());
    }

    /// Takes a file away.
    pub fn remove(&self, name: &str) {
        lock(&self.files).remove(name);
    }

    /// From now on, asking for this file fails.
    pub fn fail(&self, name: impl Into<String>, error: SourceError) {
        lock(&self.failures).insert(name.into(), error);
    }

    /// Everything that was asked for since this was called last, in order.
    pub fn take_asked(&self) -> Vec<String> {
        std::mem::take(&mut *lock(&self.asked))
    }

    fn read(&self, name: String) -> Result<Option<Bytes>, SourceError> {
        let found = match lock(&self.failures).get(&name) {
            Some(error) => Err(error.clone()),
            None => Ok(lock(&self.files).get(&name).cloned()),
        };
        lock(&self.asked).push(name);
        found
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[async_trait]
impl Source for MemorySource {
    fn name(&self) -> &str {
        "memory"
    }

    async fn metadata(&self, name: &MetadataName, limit: u64) -> Result<Option<Bytes>, SourceError> {
        let file = name.to_string();
        let found = self.read(format!("metadata/{file}"))?;
        if found.as_ref().is_some_and(|bytes| bytes.len() as u64 > limit) {
            return Err(SourceError::TooLarge { origin: self.name().to_owned(), file, limit });
        }
        Ok(found)
    }

    async fn artifact(&self, path: &TargetPath, prefix: Option<&str>) -> Result<Option<ArtifactBytes>, SourceError> {
        let found = self.read(format!("targets/{}", path.prefixed(prefix)))?;
        Ok(found.map(|bytes| Box::pin(futures_util::stream::iter([Ok(bytes)])) as ArtifactBytes))
    }
}
