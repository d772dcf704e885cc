//! Roots: the one at hand, and the way from it to the newest.

use super::{File, KnownRoot, Update};
use crate::client::{RemoteFile, TransportError, UpdateError};
use crate::metadata::{Root, Version};
use crate::names::RoleName;
use crate::verify::{CertificateDates, Expiration, Verified, VerifyError, known_root, newest_root, next_root};

/// Most roots followed from the trusted one to the newest. A monthly rotation takes 80 years to get there.
const MAX_ROOTS: u64 = 1024;

impl Update<'_> {
    /// The cached root. One that does not pass the pins counts as none: the pins say what is trusted, not the cache.
    pub(super) fn known_root(&self) -> Result<Option<KnownRoot>, UpdateError> {
        let Some(bytes) = self.cached(&RoleName::Root)? else { return Ok(None) };
        let damaged = |cause: UpdateError| UpdateError::DamagedCache { gun: self.gun.clone(), cause: Box::new(cause) };
        let envelope = self.parse(&RoleName::Root, &bytes).map_err(damaged)?;
        let pins = &self.rules.root;
        match newest_root(&envelope, None, self.gun, pins, self.now) {
            Ok(root) => return Ok(Some(KnownRoot { root, is_usable: true })),
            Err(VerifyError::NotPinned { .. }) => return Ok(None),
            Err(_) => {}
        }
        match known_root(&envelope, self.gun, pins, self.now) {
            Ok(root) => Ok(Some(KnownRoot { root, is_usable: false })),
            Err(VerifyError::NotPinned { .. }) => Ok(None),
            Err(error) => Err(damaged(error.into())),
        }
    }

    /// The cached root, which must do as it is: nobody may be asked for a newer one.
    pub(super) fn cached_root(&self) -> Result<Verified<Root>, UpdateError> {
        let role = RoleName::Root;
        let missing = || UpdateError::NotCached { gun: self.gun.clone(), role: role.clone() };
        let bytes = self.cached(&role)?.ok_or_else(missing)?;
        Ok(newest_root(&self.parse(&role, &bytes)?, None, self.gun, &self.rules.root, self.now)?)
    }

    /// The server's root, or the one of this SHA-256: signed as it must be after `trusted`, directly or through the roots
    /// between them. It is added to `files`.
    pub(super) async fn newer_root(
        &self,
        trusted: Option<&Verified<Root>>,
        digest: Option<[u8; 32]>,
        files: &mut Vec<File>,
    ) -> Result<Verified<Root>, UpdateError> {
        if trusted.is_none() && self.rules.root.is_unpinned() && !self.rules.first_use {
            return Err(UpdateError::FirstUse { gun: self.gun.clone() });
        }
        let file = match digest {
            Some(digest) => RemoteFile::ByDigest(RoleName::Root, digest),
            None => RemoteFile::Current(RoleName::Root),
        };
        let bytes = self.root_file(&file).await?;
        let envelope = self.parse(&RoleName::Root, &bytes)?;
        let judge = |previous| newest_root(&envelope, previous, self.gun, &self.rules.root, self.now);
        let root = match (judge(trusted), trusted) {
            (Err(VerifyError::RootRotation(_)), Some(trusted)) => {
                let newest = u64::try_from(envelope.header().version).unwrap_or_default();
                let last = self.walk(trusted, newest).await?;
                judge(Some(last.as_ref().unwrap_or(trusted)))?
            }
            (judged, _) => judged?,
        };
        files.retain(|file| file.role != RoleName::Root);
        files.push(File { role: RoleName::Root, bytes: bytes.into() });
        Ok(root)
    }

    /// Follows the roots after `trusted` and before version `newest`; gives the last of them, if there is one.
    async fn walk(&self, trusted: &Verified<Root>, newest: u64) -> Result<Option<Verified<Root>>, UpdateError> {
        let steps = newest.saturating_sub(trusted.version.get());
        if steps > MAX_ROOTS {
            return Err(UpdateError::TooMany {
                gun: self.gun.clone(),
                what: "roots after the trusted one",
                found: steps,
                limit: MAX_ROOTS,
            });
        }
        let mut last: Option<Verified<Root>> = None;
        loop {
            let previous = last.as_ref().unwrap_or(trusted);
            let version: Version = previous.version.next();
            if version.get() >= newest {
                return Ok(last);
            }
            let bytes = self.root_file(&RemoteFile::ByVersion(RoleName::Root, version)).await?;
            let envelope = self.parse(&RoleName::Root, &bytes)?;
            // What has expired on the way does not matter: only the newest is used for what it says.
            let root = next_root(&envelope, previous, self.gun, CertificateDates::Ignored, Expiration::Ignored)?;
            if root.version != version {
                return Err(UpdateError::RootOrder { gun: self.gun.clone(), expected: version, found: root.version });
            }
            last = Some(root);
        }
    }

    async fn root_file(&self, file: &RemoteFile) -> Result<Vec<u8>, UpdateError> {
        match self.transport.fetch(self.gun, file, self.limits.file_bytes as u64).await {
            Err(TransportError::NotFound { server, gun, .. }) if *file == RemoteFile::Current(RoleName::Root) => {
                Err(UpdateError::NoTrustData { server, gun })
            }
            fetched => Ok(fetched?),
        }
    }
}
