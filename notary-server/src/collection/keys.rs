//! Public keys of the roles the server signs.

use libtrust::keys::PublicKey;
use libtrust::names::{Gun, RoleName};
use libtrust::verify::SigningKeys;

use super::{Collections, ReadFailure};

impl Collections {
    /// The key with which the server signs a role of this collection: the first in the current root that the signer
    /// holds, else one that waits for its first use.
    ///
    /// # Errors
    /// If storage or signer fail.
    pub async fn key(&self, gun: &Gun, role: &RoleName) -> Result<PublicKey, ReadFailure> {
        // A client builds on it: another server's rotation must be seen at once.
        let current = self.fresh(gun).await?;
        let listed = current.as_ref().and_then(|current| SigningKeys::of_role(&current.root_says, role));
        for id in listed.iter().flat_map(SigningKeys::ids) {
            if let Some(key) = self.signer.public_key(id).await? {
                return Ok(key);
            }
        }
        self.new_key(gun, role).await
    }

    /// A key for this role that has not signed yet, for a rotation. Asking again before it signs gives the same one.
    ///
    /// # Errors
    /// If the signer fails.
    pub async fn new_key(&self, gun: &Gun, role: &RoleName) -> Result<PublicKey, ReadFailure> {
        Ok(self.signer.create_key(gun, role, self.settings.key_algorithm).await?)
    }
}
