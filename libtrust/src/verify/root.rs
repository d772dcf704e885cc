//! Roots: the first one seen, and each that follows it.

use chrono::{DateTime, Utc};

use super::error::Rejected;
use super::pins::RootPins;
use super::rollback::not_older;
use super::threshold::{Shortfall, SigningKeys, count};
use super::verified::seal;
use super::{Expiration, Verified, VerifyError};
use crate::dialect::{Envelope, RootKeyRule, RootVersionRule, Spelled, tuf};
use crate::keys::{CertificateBundle, InvalidBundle, PublicKey};
use crate::metadata::Root;
use crate::names::{Gun, KeyId, RoleName};

/// Whether the dates of root certificates are judged.
///
/// Ignoring them is right for a root that was accepted before: otherwise an expired certificate would block the very
/// rotation that replaces it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CertificateDates {
    /// Certificates must be valid at this time.
    Enforced(DateTime<Utc>),
    /// Certificates may be expired.
    Ignored,
}

/// Verifies a root by itself: structure, certificates for this name, and its own threshold. Whether its keys are the
/// right ones is for the caller to know: it was stored before, or is trusted on first use.
///
/// # Errors
/// The first rule that does not hold.
pub fn first_root(
    envelope: &Envelope<'_>,
    gun: &Gun,
    dates: CertificateDates,
    expiration: Expiration,
) -> Result<Verified<Root>, VerifyError> {
    RootRules { gun: Some(gun), dates, expiration, pins: None }.judge(envelope, None)
}

/// Verifies a root of a dialect whose roots speak for no name in particular, whether it is expired or not: one that was
/// trusted before if there is no `previous`, else the one that follows it.
///
/// # Errors
/// The first rule that does not hold. A root of Notary's dialect is refused: it needs a name.
pub fn repository_root(
    envelope: &Envelope<'_>,
    previous: Option<&Verified<Root>>,
) -> Result<Verified<Root>, VerifyError> {
    let (dates, expiration) = (CertificateDates::Ignored, Expiration::Ignored);
    RootRules { gun: None, dates, expiration, pins: None }.judge(envelope, previous)
}

/// Whether keys that sign timestamps or snapshots under `before` do not under `after`: then versions may start anew, as
/// they must after somebody moved them far ahead (TUF 1.0, 5.3.11). A key that was only added does not count: nothing
/// says that the others are not to be trusted.
#[must_use]
pub fn has_retired_online_keys(before: &Root, after: &Root) -> bool {
    let online = |root: &'_ Root, role: &RoleName| -> Vec<PublicKey> {
        let ids = root.roles.get(role).map(|listed| listed.key_ids.as_slice()).unwrap_or_default();
        ids.iter().filter_map(|id| root.keys.get(id)).map(tuf::plain_key).collect()
    };
    [RoleName::Timestamp, RoleName::Snapshot].iter().any(|role| {
        let after = online(after, role);
        online(before, role).iter().any(|key| !after.contains(key))
    })
}

/// Verifies a root that follows `previous`: signed by the threshold of the previous root's keys (whose certificates may
/// have expired since), then as [`first_root`], and not of a lower version.
///
/// How far the version may move up is for the caller: a server wants the next one, Notary's clients take any later one.
///
/// # Errors
/// The first rule that does not hold.
pub fn next_root(
    envelope: &Envelope<'_>,
    previous: &Verified<Root>,
    gun: &Gun,
    dates: CertificateDates,
    expiration: Expiration,
) -> Result<Verified<Root>, VerifyError> {
    RootRules { gun: Some(gun), dates, expiration, pins: None }.judge(envelope, Some(previous))
}

/// Verifies the newest root at `now` for a reader with pins: its certificates and dates are valid, enough of its keys
/// pass the pins, and it follows `previous` if there is one.
///
/// # Errors
/// The first rule that does not hold.
pub fn newest_root(
    envelope: &Envelope<'_>,
    previous: Option<&Verified<Root>>,
    gun: &Gun,
    pins: &RootPins,
    now: DateTime<Utc>,
) -> Result<Verified<Root>, VerifyError> {
    let (dates, expiration) = (CertificateDates::Enforced(now), Expiration::Enforced(now));
    RootRules { gun: Some(gun), dates, expiration, pins: Some((pins, now)) }.judge(envelope, previous)
}

/// Verifies a root that was trusted before, whatever has expired since: a baseline for what follows it. It must still
/// pass the pins.
///
/// # Errors
/// The first rule that does not hold.
pub fn known_root(
    envelope: &Envelope<'_>,
    gun: &Gun,
    pins: &RootPins,
    now: DateTime<Utc>,
) -> Result<Verified<Root>, VerifyError> {
    let (dates, expiration) = (CertificateDates::Ignored, Expiration::Ignored);
    // Whether an authority vouched then cannot be asked now; that the newest root passes is asked in any case.
    let pins = Some((pins, now)).filter(|(pins, _)| matches!(pins, RootPins::Keys(_)));
    RootRules { gun: Some(gun), dates, expiration, pins }.judge(envelope, None)
}

/// What is asked of a root, besides signatures and structure.
#[derive(Clone, Copy)]
struct RootRules<'a> {
    gun: Option<&'a Gun>,
    dates: CertificateDates,
    expiration: Expiration,
    pins: Option<(&'a RootPins, DateTime<Utc>)>,
}

impl RootRules<'_> {
    fn judge(&self, envelope: &Envelope<'_>, previous: Option<&Verified<Root>>) -> Result<Verified<Root>, VerifyError> {
        if previous.is_some_and(|previous| previous.dialect() != envelope.dialect()) {
            return Err(VerifyError::NotDelegated(RoleName::Root));
        }
        let root = Root::decode(envelope)?;
        let own = self.pinned(envelope, &root, root_keys(envelope, &root, self.gun, self.dates)?)?;
        if let Some(previous) = previous {
            let trusted = root_keys(envelope, previous, self.gun, CertificateDates::Ignored)?;
            count_roots(envelope, &trusted, VerifyError::RootRotation)?;
        }
        let signers = count_roots(envelope, &own, VerifyError::RootIntegrity)?;
        let root = seal(envelope, root, signers);
        if let Some(previous) = previous {
            follows(&root, previous)?;
        }
        self.expiration.check(envelope.dialect(), &RoleName::Root, &*root)?;
        Ok(root)
    }

    /// Without the keys that do not pass the pins.
    fn pinned<'r>(
        &self,
        envelope: &Envelope<'_>,
        root: &Root,
        keys: SigningKeys<'r>,
    ) -> Result<SigningKeys<'r>, VerifyError> {
        let Some((pins, now)) = self.pins else { return Ok(keys) };
        let keys = keys.without(|id, key| pins.judge(envelope.dialect(), id, key, now).err());
        match self.gun {
            Some(gun) if keys.is_empty() => {
                let rejected = keys.set_aside().to_vec();
                Err(VerifyError::NotPinned { gun: gun.clone(), version: root.version, rejected })
            }
            _ => Ok(keys),
        }
    }
}

fn follows(root: &Verified<Root>, previous: &Verified<Root>) -> Result<(), VerifyError> {
    match root.dialect().rules().root_versions {
        RootVersionRule::NotLower => not_older(root, Some(previous.version)),
        RootVersionRule::Next if root.version == previous.version.next() && root.version > previous.version => Ok(()),
        RootVersionRule::Next => Err(VerifyError::WrongVersion {
            role: RoleName::Root,
            found: root.version,
            expected: previous.version.next(),
            named_by: RoleName::Root,
        }),
    }
}

/// Counts a root's signatures. Whatever is wrong with them, Notary has one text for it, by whose keys were asked for.
fn count_roots(
    envelope: &Envelope<'_>,
    keys: &SigningKeys<'_>,
    kind: fn(Shortfall) -> VerifyError,
) -> Result<Vec<KeyId>, VerifyError> {
    count(envelope, keys).map_err(|error| match error {
        VerifyError::Threshold(shortfall) => kind(shortfall),
        VerifyError::NoSignatures { .. } => kind(Shortfall::new(envelope, keys, 0, Vec::new())),
        VerifyError::KeyId { key, .. } => {
            let reason = "key ID is not valid for key content".to_owned();
            kind(Shortfall::new(envelope, keys, 0, vec![Rejected { key, reason }]))
        }
        other => other,
    })
}

/// The keys of the root role that may speak for this collection.
fn root_keys<'r>(
    envelope: &Envelope<'_>,
    root: &'r Root,
    gun: Option<&Gun>,
    dates: CertificateDates,
) -> Result<SigningKeys<'r>, VerifyError> {
    let keys = SigningKeys::of_role(root, &RoleName::Root).ok_or(VerifyError::NotDelegated(RoleName::Root))?;
    let gun = match (envelope.dialect().rules().root_keys, gun) {
        (RootKeyRule::Any, _) => return Ok(keys),
        (RootKeyRule::CertificatesForTheName, Some(gun)) => gun,
        (RootKeyRule::CertificatesForTheName, None) => return Err(VerifyError::NotDelegated(RoleName::Root)),
    };
    let none = |rejected| VerifyError::NoRootCertificate { gun: gun.clone(), version: root.version, rejected };
    let keys = keys.without(|id, key| judge(id, key, gun, dates).err());
    if !keys.is_empty() {
        return Ok(keys);
    }
    // Notary reads any PEM text, but looks signatures up under the id of the text it would have written itself.
    if SigningKeys::of_role(root, &RoleName::Root).is_some_and(|keys| keys.any(is_misspelled)) {
        return Err(VerifyError::RootIntegrity(Shortfall::new(envelope, &keys, 0, keys.set_aside().to_vec())));
    }
    Err(none(keys.set_aside().to_vec()))
}

fn is_misspelled(key: &PublicKey) -> bool {
    key.key_type.is_x509() && CertificateBundle::parse(&key.public) == Err(InvalidBundle::Form)
}

fn judge(id: &KeyId, key: &PublicKey, gun: &Gun, dates: CertificateDates) -> Result<(), Rejected> {
    let reject = |reason: String| Rejected { key: id.clone(), reason };
    if !key.key_type.is_x509() {
        return Err(reject(format!("a root key must be a certificate, this one is of type {}", key.key_type)));
    }
    let bundle = CertificateBundle::parse(&key.public).map_err(|e| reject(e.to_string()))?;
    let current = match dates {
        CertificateDates::Enforced(now) => bundle.is_current(now),
        CertificateDates::Ignored => Ok(()),
    };
    bundle.names(gun).and_then(|()| bundle.is_sound()).and(current).map_err(|e| Rejected::certificate(id, &e))
}
