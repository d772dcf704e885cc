//! Counting signatures. The only place that does.

use std::collections::BTreeMap;
use std::fmt;

use super::VerifyError;
use super::error::{Rejected, reasons};
use crate::dialect::{Envelope, KeyIdRule, RepeatedSignatureRule};
use crate::keys::{PublicKey, SignatureScheme, VerifyingKey};
use crate::metadata::{Delegations, RoleKeys, Root, Threshold};
use crate::names::{DelegationName, KeyId, RoleName};

/// The keys that speak for a role, and how many of them must.
#[derive(Debug, Clone)]
pub struct SigningKeys<'a> {
    keys: Vec<(&'a KeyId, &'a PublicKey)>,
    threshold: Threshold,
    /// Keys that are listed but set aside before counting, and why.
    set_aside: Vec<Rejected>,
}

impl<'a> SigningKeys<'a> {
    /// The keys a root gives one of the four roles. A root always lists all four.
    #[must_use]
    pub fn of_role(root: &'a Root, role: &RoleName) -> Option<Self> {
        root.roles.get(role).map(|listed| Self::listed(listed, &root.keys))
    }

    /// The keys a targets file gives one of its delegations.
    #[must_use]
    pub fn of_delegation(delegations: &'a Delegations, name: &DelegationName) -> Option<Self> {
        let keys = match &delegations.succinct {
            Some(bins) if bins.has(name) => &bins.keys,
            Some(_) => return None,
            None => &delegations.roles.iter().find(|role| role.name == *name)?.keys,
        };
        Some(Self::listed(keys, &delegations.keys))
    }

    /// The key ids, without those set aside.
    pub fn ids(&self) -> impl Iterator<Item = &'a KeyId> {
        self.keys.iter().map(|(id, _)| *id)
    }

    /// How many must sign.
    #[must_use]
    pub const fn threshold(&self) -> Threshold {
        self.threshold
    }

    /// These keys of a role.
    #[must_use]
    pub fn listed(listed: &'a RoleKeys, keys: &'a BTreeMap<KeyId, PublicKey>) -> Self {
        let mut distinct: Vec<(&KeyId, &PublicKey)> = Vec::with_capacity(listed.key_ids.len());
        for (id, key) in listed.key_ids.iter().filter_map(|id| keys.get_key_value(id)) {
            if distinct.iter().all(|(other, _)| *other != id) {
                distinct.push((id, key));
            }
        }
        let keys = distinct;
        Self { keys, threshold: listed.threshold, set_aside: Vec::new() }
    }

    /// Sets aside the keys that `judge` gives a reason against.
    pub(super) fn without(mut self, judge: impl Fn(&KeyId, &PublicKey) -> Option<Rejected>) -> Self {
        let set_aside = &mut self.set_aside;
        self.keys.retain(|(id, key)| {
            let verdict = judge(id, key);
            let stays = verdict.is_none();
            set_aside.extend(verdict);
            stays
        });
        self
    }

    pub(super) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    pub(super) fn any(&self, holds: impl Fn(&PublicKey) -> bool) -> bool {
        self.keys.iter().any(|(_, key)| holds(key))
    }

    pub(super) fn set_aside(&self) -> &[Rejected] {
        &self.set_aside
    }
}

/// Counts the distinct keys with a good signature on `envelope`.
///
/// A signature by a key that the role does not list is passed over; a bad one is passed over with its reason kept; one
/// key counts once, however many ids it has and however often it signs.
pub(super) fn count(envelope: &Envelope<'_>, keys: &SigningKeys<'_>) -> Result<Vec<KeyId>, VerifyError> {
    let rules = envelope.dialect().rules();
    let role = envelope.role();
    if envelope.signatures().is_empty() {
        return Err(VerifyError::NoSignatures { role: role.clone(), version: envelope.header().version });
    }
    let mut seen: Vec<&KeyId> = Vec::new();
    let mut counted: Vec<(KeyId, VerifyingKey)> = Vec::new();
    let mut rejected = keys.set_aside.clone();
    for signature in envelope.signatures() {
        let id = &signature.key_id;
        if seen.contains(&id) && rules.repeated_signatures == RepeatedSignatureRule::Refuse {
            return Err(VerifyError::RepeatedSignature { role: role.clone(), key: id.clone() });
        }
        seen.push(id);
        let Some((_, key)) = keys.keys.iter().find(|(listed, _)| *listed == id) else { continue };
        if counted.iter().any(|(counted, _)| counted == id) {
            continue;
        }
        if rules.key_ids == KeyIdRule::Digest && envelope.dialect().key_id(key) != *id {
            return Err(VerifyError::KeyId { role: role.clone(), key: id.clone() });
        }
        let scheme = match &signature.scheme {
            SignatureScheme::OfKey => key.scheme.as_ref().unwrap_or(&SignatureScheme::OfKey),
            scheme => scheme,
        };
        let verdict = key.verifying_key().map_err(|e| e.to_string()).and_then(|key| {
            key.verify(scheme, envelope.canonical(), &signature.bytes).map_err(|e| e.to_string())?;
            Ok(key)
        });
        match verdict {
            Ok(key) if counted.iter().all(|(_, counted)| *counted != key) => counted.push((id.clone(), key)),
            Ok(_) => rejected.push(Rejected { key: id.clone(), reason: "the same key under another id".to_owned() }),
            Err(reason) => rejected.push(Rejected { key: id.clone(), reason }),
        }
    }
    if counted.len() < keys.threshold.get() as usize {
        return Err(VerifyError::Threshold(Shortfall::new(envelope, keys, counted.len(), rejected)));
    }
    Ok(counted.into_iter().map(|(id, _)| id).collect())
}

/// Too few of the right keys signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shortfall {
    /// The role.
    pub role: RoleName,
    /// The version it claims.
    pub version: i64,
    /// How many must sign.
    pub needed: Threshold,
    /// How many did.
    pub found: usize,
    /// The keys that could have.
    pub listed: Vec<KeyId>,
    /// Signatures and keys that did not count, and why.
    pub rejected: Vec<Rejected>,
}

impl Shortfall {
    pub(super) fn new(envelope: &Envelope<'_>, keys: &SigningKeys<'_>, found: usize, rejected: Vec<Rejected>) -> Self {
        Self {
            role: envelope.role().clone(),
            version: envelope.header().version,
            needed: keys.threshold,
            found,
            listed: keys.ids().cloned().collect(),
            rejected,
        }
    }
}

impl fmt::Display for Shortfall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { role, version, needed, found, .. } = self;
        write!(f, "{role}: version {version} has {found} of {needed}")?;
        if self.rejected.is_empty() {
            match self.listed.first() {
                Some(key) => write!(f, "; no signature by key {key}")?,
                None => f.write_str("; no key is listed")?,
            }
        }
        f.write_str(&reasons(&self.rejected))
    }
}
