//! Signing what is staged with the keys that are here.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::draft::{Draft, Encoded};
use super::{OwnRepository, RepositoryError, parallel};
use crate::client::{KeyStore, KeyStoreError, Signer};
use crate::dialect::Dialect;
use crate::keys::{PublicKey, Signature};
use crate::metadata::{RoleKeys, Root, Threshold};
use crate::names::{DelegationName, KeyId, RoleName};

/// What became of one role.
#[derive(Debug, Clone)]
pub struct SignedRole {
    /// The role.
    pub role: RoleName,
    /// The keys that signed now, by the ids that key folders know.
    pub signed: Vec<KeyId>,
    /// What is still missing.
    pub outstanding: Option<Outstanding>,
}

/// Signatures that are missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outstanding {
    /// How many are needed.
    pub needed: Threshold,
    /// How many there are.
    pub found: usize,
    /// Keys that could sign and have not, by the ids that key folders know.
    pub wanted: Vec<KeyId>,
}

/// The keys of a role as a file lists them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Listed<'f> {
    pub(super) keys: &'f RoleKeys,
    pub(super) known: &'f BTreeMap<KeyId, PublicKey>,
}

impl<'f> Listed<'f> {
    pub(super) fn of_role(root: &'f Root, role: &RoleName) -> Option<Self> {
        root.roles.get(role).map(|keys| Self { keys, known: &root.keys })
    }

    /// The ids, each with the one that key folders know.
    fn ids(self) -> impl Iterator<Item = (&'f KeyId, KeyId)> {
        self.keys.key_ids.iter().map(move |id| {
            let canonical = self.known.get(id).map(|key| Dialect::Tuf.canonical_key_id(key));
            (id, canonical.unwrap_or_else(|| id.clone()))
        })
    }

    /// What `signatures` lack. Bad ones are taken for good ones here: they are looked at when all are there.
    pub(super) fn outstanding(self, signatures: &[Signature]) -> Option<Outstanding> {
        let needed = self.keys.threshold;
        let (signed, wanted): (Vec<_>, Vec<_>) =
            self.ids().partition(|(id, _)| signatures.iter().any(|signature| signature.key_id == **id));
        let wanted = wanted.into_iter().map(|(_, canonical)| canonical).collect();
        let found = signed.len();
        (found < needed.get() as usize).then_some(Outstanding { needed, found, wanted })
    }
}

/// Keys of a store, each opened once.
pub(super) struct OpenKeys<'k> {
    store: &'k dyn KeyStore,
    opened: BTreeMap<KeyId, Option<Arc<dyn Signer>>>,
}

impl<'k> OpenKeys<'k> {
    pub(super) fn new(store: &'k dyn KeyStore) -> Self {
        Self { store, opened: BTreeMap::new() }
    }

    /// The keys of a role that are here.
    pub(super) fn of(&mut self, listed: Listed<'_>) -> Result<Vec<Opened>, RepositoryError> {
        let mut found = Vec::new();
        for (id, canonical) in listed.ids() {
            let signer = match self.opened.get(&canonical) {
                Some(known) => known.clone(),
                None => {
                    let opened = match self.store.open(&canonical) {
                        Ok(signer) => Some(signer),
                        Err(KeyStoreError::Missing { .. }) => None,
                        Err(error) => return Err(error.into()),
                    };
                    self.opened.insert(canonical.clone(), opened.clone());
                    opened
                }
            };
            found.extend(signer.map(|signer| Opened { id: id.clone(), canonical, signer }));
        }
        Ok(found)
    }
}

/// A key that is here.
#[derive(Clone)]
pub(super) struct Opened {
    id: KeyId,
    canonical: KeyId,
    signer: Arc<dyn Signer>,
}

/// Signs with those keys that have not signed yet, and tells which.
pub(super) fn sign_with(
    keys: &[Opened],
    canonical: &[u8],
    signatures: &mut Vec<Signature>,
) -> Result<Vec<KeyId>, RepositoryError> {
    let mut signed = Vec::new();
    for key in keys {
        if signatures.iter().all(|signature| signature.key_id != key.id) {
            signatures.push(key.signer.sign(&key.id, canonical)?);
            signed.push(key.canonical.clone());
        }
    }
    Ok(signed)
}

impl OwnRepository {
    /// Signs everything that is staged, or these roles alone, with the keys of `store` that may, and writes it down.
    ///
    /// # Errors
    /// If a key cannot be opened, or nothing is staged. That none may sign is no error: see [`SignedRole::outstanding`].
    pub fn sign(
        &mut self,
        store: &dyn KeyStore,
        only: Option<&BTreeSet<RoleName>>,
    ) -> Result<Vec<SignedRole>, RepositoryError> {
        let roles = self.drafts().into_iter().filter(|role| only.is_none_or(|only| only.contains(role)));
        let roles: Vec<RoleName> = roles.collect();
        if roles.is_empty() {
            return Err(RepositoryError::NothingStaged { dir: self.layout.dir().display().to_string() });
        }
        let mut keys = OpenKeys::new(store);
        let signed = self.sign_roles(&roles, &mut keys)?;
        self.write_staged(&roles)?;
        Ok(signed)
    }

    pub(super) fn sign_roles(
        &mut self,
        roles: &[RoleName],
        keys: &mut OpenKeys<'_>,
    ) -> Result<Vec<SignedRole>, RepositoryError> {
        let delegators = self.delegators_of(roles)?;
        let listed = self.listed_all(roles, &delegators)?;
        let opened = listed.into_iter().map(|listed| {
            let opened = listed.into_iter().map(|listed| keys.of(listed));
            opened.collect::<Result<Vec<_>, _>>().map(|opened| opened.concat())
        });
        let mut opened: BTreeMap<&RoleName, Vec<Opened>> =
            roles.iter().zip(opened.collect::<Result<Vec<_>, _>>()?).collect();
        let root = self.root.as_mut().and_then(Draft::encoded_mut).map(|encoded| (&RoleName::Root, encoded));
        let targets = self.targets.iter_mut().filter_map(|(role, draft)| Some((role, draft.encoded_mut()?)));
        let jobs = root.into_iter().chain(targets);
        let jobs = jobs.filter_map(|(role, encoded)| Some((role.clone(), opened.remove(role)?, encoded))).collect();
        let signed = parallel::map(jobs, |(role, keys, encoded): (RoleName, Vec<Opened>, &mut Encoded)| {
            Ok((role, sign_with(&keys, &encoded.unsigned.canonical, &mut encoded.signatures)?))
        });
        let mut signed = signed.into_iter().collect::<Result<BTreeMap<_, _>, RepositoryError>>()?;
        let outstanding = self.listed_all(roles, &delegators)?.into_iter().zip(roles).map(|(listed, role)| {
            let signatures = self.encoded(role).map_or(&[][..], |encoded| &encoded.signatures);
            let outstanding = listed.into_iter().find_map(|listed| listed.outstanding(signatures));
            SignedRole { role: role.clone(), signed: signed.remove(role).unwrap_or_default(), outstanding }
        });
        Ok(outstanding.collect())
    }

    /// Who delegates to those of these roles that are delegated.
    pub(super) fn delegators_of(
        &mut self,
        roles: &[RoleName],
    ) -> Result<BTreeMap<DelegationName, RoleName>, RepositoryError> {
        let wanted = roles.iter().filter_map(|role| match role {
            RoleName::Delegation(name) => Some(name.clone()),
            _ => None,
        });
        let wanted: BTreeSet<DelegationName> = wanted.collect();
        if wanted.is_empty() { Ok(BTreeMap::new()) } else { self.delegators(&wanted) }
    }

    /// The keys that must sign each of these roles, as it will be; a root needs those of its predecessor as well, which come
    /// first.
    pub(super) fn listed_all(
        &self,
        roles: &[RoleName],
        delegators: &BTreeMap<DelegationName, RoleName>,
    ) -> Result<Vec<Vec<Listed<'_>>>, RepositoryError> {
        // Of thousands of hash bins each is looked up once.
        let mut named: BTreeMap<&RoleName, BTreeMap<&DelegationName, Listed<'_>>> = BTreeMap::new();
        roles
            .iter()
            .map(|role| {
                let lacks = || RepositoryError::NoSuchRole { role: role.clone() };
                let RoleName::Delegation(name) = role else {
                    let own = Listed::of_role(self.root()?, role).ok_or_else(lacks)?;
                    let before = self.published.as_ref().filter(|_| *role == RoleName::Root);
                    let before = before.and_then(|published| Listed::of_role(published.root(), role));
                    return Ok(before.into_iter().chain([own]).collect());
                };
                let delegator = delegators.get(name).ok_or_else(lacks)?;
                let delegations = &self.peek(delegator).ok_or_else(lacks)?.delegations;
                if let Some(bins) = delegations.succinct.as_ref().filter(|bins| bins.has(name)) {
                    return Ok(vec![Listed { keys: &bins.keys, known: &delegations.keys }]);
                }
                let of_delegator = named.entry(delegator).or_insert_with(|| {
                    let listed = |keys| Listed { keys, known: &delegations.keys };
                    delegations.roles.iter().map(|role| (&role.name, listed(&role.keys))).collect()
                });
                of_delegator.get(name).copied().map(|listed| vec![listed]).ok_or_else(lacks)
            })
            .collect()
    }

    /// What the staged file of a role lacks.
    ///
    /// # Errors
    /// If nobody delegates to it.
    pub fn outstanding_for(&mut self, role: &RoleName) -> Result<Option<Outstanding>, RepositoryError> {
        let role = std::slice::from_ref(role);
        let delegators = self.delegators_of(role)?;
        let listed = self.listed_all(role, &delegators)?.concat();
        let signatures =
            role.first().and_then(|role| self.encoded(role)).map_or(&[][..], |encoded| &encoded.signatures);
        Ok(listed.into_iter().find_map(|listed| listed.outstanding(signatures)))
    }

    pub(super) fn encoded(&self, role: &RoleName) -> Option<&Encoded> {
        match role {
            RoleName::Root => self.root.as_ref().and_then(Draft::encoded),
            role => self.targets.get(role).and_then(Draft::encoded),
        }
    }
}
