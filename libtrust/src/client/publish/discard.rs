//! What becomes of keys that were made for a publication that failed.

use super::{PublishError, Publisher};
use crate::client::{KeyEntry, RemoteFile, TransportError};
use crate::dialect::{Dialect, Envelope, Spelled as _};
use crate::metadata::Root;
use crate::names::{Gun, RoleName};

impl Publisher {
    /// Removes keys that were made for a publication that failed with `error`, if it is certain that no published root
    /// lists them. A key too many does no harm; the only key of a published role, removed, ends the collection.
    pub(super) async fn discard(&self, gun: &Gun, made: Vec<KeyEntry>, error: &PublishError) {
        let answered =
            |error: &TransportError| matches!(error, TransportError::Rejected { .. } | TransportError::Conflict { .. });
        let is_unknown = match error {
            PublishError::Transport(error) | PublishError::Contended { last: error, .. } => !answered(error),
            // While basing it anew, after a conflict that may have been with ourselves.
            PublishError::Update(_) => true,
            _ => false,
        };
        if is_unknown || made.is_empty() {
            return;
        }
        let limit = self.client.limits.file_bytes as u64;
        let file = RemoteFile::Current(RoleName::Root);
        let listed = match self.client.transport().fetch(gun, &file, limit).await {
            Err(TransportError::NotFound { .. }) => Vec::new(),
            Err(_) => return,
            // Not verified: it is only asked whether a key may be in use.
            Ok(bytes) => {
                let envelope = Envelope::parse(Dialect::Notary, RoleName::Root, &bytes, &self.client.limits);
                let Some(root) = envelope.ok().and_then(|envelope| Root::decode(&envelope).ok()) else { return };
                root.keys.values().map(|key| Dialect::Notary.canonical_key_id(key)).collect()
            }
        };
        for key in made.into_iter().filter(|key| !listed.contains(&key.id)) {
            // The failure that is told is the one that led here.
            let _ = self.keys.remove(&key.id);
        }
    }
}
