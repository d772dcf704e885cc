//! A trust server in memory: for tests, and what a bundle is read through.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use ring::digest::{SHA256, digest};

use super::{RemoteFile, Transport, TransportError};
use crate::keys::PublicKey;
use crate::names::{Gun, RoleName};

/// Files in memory, under the names a server would give them. It judges nothing and signs nothing.
#[derive(Debug)]
pub struct MemoryTransport {
    name: String,
    is_copy: bool,
    files: Mutex<BTreeMap<(Gun, String), Vec<u8>>>,
}

impl MemoryTransport {
    /// An empty one, called `name` in messages.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), is_copy: false, files: Mutex::default() }
    }

    /// The same as a copy of some server: it cannot confirm what is newest.
    #[must_use]
    pub fn as_copy(self) -> Self {
        Self { is_copy: true, ..self }
    }

    /// Makes this the current file of a role; it can be had by digest too, and what was there before still can.
    pub fn put(&self, gun: &Gun, role: &RoleName, bytes: &[u8]) {
        let sha256 = digest(&SHA256, bytes).as_ref().try_into().unwrap_or_default();
        for file in [RemoteFile::Current(role.clone()), RemoteFile::ByDigest(role.clone(), sha256)] {
            self.put_as(gun, &file, bytes);
        }
    }

    /// Stores bytes under one name alone.
    pub fn put_as(&self, gun: &Gun, file: &RemoteFile, bytes: &[u8]) {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        files.insert((gun.clone(), file.file_name()), bytes.to_vec());
    }

    fn read_only(&self) -> TransportError {
        TransportError::ReadOnly { server: self.name.clone() }
    }
}

#[async_trait]
impl Transport for MemoryTransport {
    fn name(&self) -> &str {
        &self.name
    }

    fn is_authority(&self) -> bool {
        !self.is_copy
    }

    async fn fetch(&self, gun: &Gun, file: &RemoteFile, limit: u64) -> Result<Vec<u8>, TransportError> {
        let name = file.file_name();
        let files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        match files.get(&(gun.clone(), name.clone())) {
            None => Err(TransportError::NotFound { server: self.name.clone(), gun: gun.clone(), file: name }),
            Some(bytes) if bytes.len() as u64 > limit => {
                Err(TransportError::TooLarge { server: self.name.clone(), file: name, limit })
            }
            Some(bytes) => Ok(bytes.clone()),
        }
    }

    async fn publish(&self, _: &Gun, _: &[(RoleName, Vec<u8>)]) -> Result<(), TransportError> {
        Err(self.read_only())
    }

    async fn server_key(&self, _: &Gun, _: &RoleName) -> Result<PublicKey, TransportError> {
        Err(self.read_only())
    }

    async fn new_server_key(&self, _: &Gun, _: &RoleName) -> Result<PublicKey, TransportError> {
        Err(self.read_only())
    }

    async fn delete(&self, _: &Gun) -> Result<(), TransportError> {
        Err(self.read_only())
    }
}
