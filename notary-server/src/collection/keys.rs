//! Public keys of the roles the server signs.

use libtrust::dialect::Dialect;
use libtrust::keys::PublicKey;
use libtrust::metadata::Root;
use libtrust::names::{Gun, KeyId, RoleName};
use libtrust::verify::SigningKeys;

use super::{Collections, ReadFailure};

impl Collections {
    /// The first key of a role in the current root that the signer holds, if there is one.
    ///
    /// # Errors
    /// If storage or signer fail.
    pub async fn listed_key(&self, gun: &Gun, role: &RoleName) -> Result<Option<PublicKey>, ReadFailure> {
        // A client builds on it: another server's rotation must be seen at once.
        let Some(current) = self.fresh(gun).await? else { return Ok(None) };
        let root = &current.root_says;
        let listed = SigningKeys::of_role(root, role);
        for id in listed.iter().flat_map(SigningKeys::ids) {
            let key = self.signer.public_key(&held_as(self.dialect, root, id)).await?;
            if key.is_some() {
                return Ok(key);
            }
        }
        Ok(None)
    }

    /// A key for this role that has not signed yet, for a rotation. Asking again before it signs gives the same one.
    ///
    /// # Errors
    /// If the signer fails.
    pub async fn new_key(&self, gun: &Gun, role: &RoleName) -> Result<PublicKey, ReadFailure> {
        Ok(self.signer.create_key(gun, role, self.settings.key_algorithm).await?)
    }
}

/// The id under which a signer would hold a key that a root lists: that of the key itself. Notary's roots say it; in TUF 1.0
/// ids are opaque.
pub(crate) fn held_as(dialect: Dialect, root: &Root, id: &KeyId) -> KeyId {
    match (dialect, root.keys.get(id)) {
        (Dialect::Tuf, Some(key)) => dialect.canonical_key_id(key),
        _ => id.clone(),
    }
}
