//! Hash bins: many roles that share the targets of one, by the SHA-256 of their paths.

use std::collections::{BTreeSet, HashMap};

use super::{Signatories, TufEditError};
use crate::dialect::Dialect;
use crate::metadata::{Delegation, Delegations, HashPrefix, SuccinctRoles};
use crate::names::{DelegationName, RoleName};
use crate::verify::TargetName;

/// How hash bins are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BinForm {
    /// Each as a role with prefixes: every client reads it.
    Named,
    /// All in one line (TAP 15): a smaller file, for clients that know it.
    Succinct,
}

/// The most bins that are named one by one: what readers take in one file.
const MOST_NAMED: u64 = 16_384;

/// Delegates everything to `2^bits` hash bins named `PREFIX-NUMBER`, which all have the same keys. Bins are terminating: each
/// path has one.
///
/// # Errors
/// If the number of bits is not possible, a role of a bin's name is there, or the keys cannot sign them.
pub fn add_hash_bins(
    delegations: &mut Delegations,
    delegator: &RoleName,
    form: BinForm,
    prefix: &str,
    bits: u8,
    signatories: &Signatories,
) -> Result<(), TufEditError> {
    let mut known = delegations.keys.clone();
    let keys = signatories.listed_in(prefix, &mut known)?;
    let bins = SuccinctRoles::new(keys, bits, prefix.to_owned())?;
    match form {
        BinForm::Succinct if delegations.succinct.is_some() || !delegations.roles.is_empty() => {
            Err(TufEditError::MixedForms { delegator: delegator.clone() })
        }
        BinForm::Succinct => {
            delegations.keys = known;
            delegations.succinct = Some(bins);
            Ok(())
        }
        BinForm::Named if bins.count() > MOST_NAMED => Err(TufEditError::TooManyBins { bits, limit: MOST_NAMED }),
        BinForm::Named if delegations.succinct.is_some() => {
            Err(TufEditError::MixedForms { delegator: delegator.clone() })
        }
        BinForm::Named => {
            let roles = (0..bins.count()).map(|bin| {
                let hash_prefixes = Some(prefixes_of(bin, bits).collect());
                let (name, keys) = (bins.role(bin)?, bins.keys.clone());
                Ok(Delegation { name, keys, paths: Vec::new(), hash_prefixes, terminating: true })
            });
            let roles = roles.collect::<Result<Vec<_>, TufEditError>>()?;
            let taken = delegations.roles.iter().find(|role| bins.has(&role.name));
            if let Some(taken) = taken {
                return Err(TufEditError::Taken { delegator: delegator.clone(), role: taken.name.to_string() });
            }
            delegations.keys = known;
            delegations.roles.extend(roles);
            Ok(())
        }
    }
}

/// How the digests of a bin's paths begin, in hex digits: as many as are needed for the bits, and then every way to go on.
fn prefixes_of(bin: u64, bits: u8) -> impl Iterator<Item = HashPrefix> {
    let width = usize::from(bits).div_ceil(4);
    let spare = width * 4 - usize::from(bits);
    (0..1_u64 << spare).map(move |rest| HashPrefix::new(&format!("{:0width$x}", (bin << spare) | rest)))
}

/// The hash bins of a file, for finding the one of a path.
#[derive(Debug)]
pub struct HashBins<'d> {
    delegations: &'d Delegations,
    /// Places in the list of roles.
    named: HashMap<&'d str, usize>,
    /// How long prefixes are: mostly all the same.
    lengths: BTreeSet<usize>,
    /// Roles behind which nobody is asked about paths of some pattern, with their places.
    closing: Vec<(usize, &'d Delegation)>,
}

/// One of the hash bins of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HashBin(u64);

impl<'d> HashBins<'d> {
    /// Those of a file; without any, no path has one.
    #[must_use]
    pub fn of(delegations: &'d Delegations) -> Self {
        let mut named = HashMap::new();
        for (place, role) in delegations.roles.iter().enumerate().rev() {
            // Of the roles that have a prefix the first is asked first.
            named.extend(role.hash_prefixes.iter().flatten().map(|prefix| (prefix.as_str(), place)));
        }
        let lengths = named.keys().map(|prefix| prefix.len()).collect();
        let roles = delegations.roles.iter().enumerate();
        let closing = roles.filter(|(_, role)| role.terminating && role.hash_prefixes.is_none()).collect();
        Self { delegations, named, lengths, closing }
    }

    /// The bin of a path: of those whose prefixes fit, the one that readers ask first.
    ///
    /// # Errors
    /// The role that readers ask before, and behind which they ask nobody about this path.
    pub fn bin_of(&self, path: &str) -> Result<Option<HashBin>, DelegationName> {
        if let Some(bins) = &self.delegations.succinct {
            return Ok(Some(HashBin(bins.bin_of(path))));
        }
        if self.named.is_empty() {
            return Ok(None);
        }
        let path = TargetName::new(path);
        let fitting = self.lengths.iter().filter_map(|length| self.named.get(path.sha256().get(..*length)?));
        let Some(place) = fitting.min() else { return Ok(None) };
        let mut before = self.closing.iter().take_while(|(closing, _)| closing < place);
        match before.find(|(_, role)| path.is_in(Dialect::Tuf, role)) {
            Some((_, role)) => Err(role.name.clone()),
            None => Ok(Some(HashBin(*place as u64))),
        }
    }

    /// The role of a bin.
    #[must_use]
    pub fn role(&self, bin: HashBin) -> Option<DelegationName> {
        match &self.delegations.succinct {
            Some(bins) => bins.role(bin.0).ok(),
            None => self.delegations.roles.get(usize::try_from(bin.0).ok()?).map(|role| role.name.clone()),
        }
    }

    /// The role of the bin of a path.
    ///
    /// # Errors
    /// As [`HashBins::bin_of`].
    pub fn role_of(&self, path: &str) -> Result<Option<DelegationName>, DelegationName> {
        Ok(self.bin_of(path)?.and_then(|bin| self.role(bin)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::keys::tests::key;
    use super::super::{Admitted, add_delegation};
    use super::*;
    use crate::keys::KeyAlgorithm;

    fn bins(form: BinForm, bits: u8) -> Delegations {
        let mut delegations = Delegations::default();
        let by = Signatories::one(key(KeyAlgorithm::Ed25519));
        add_hash_bins(&mut delegations, &RoleName::Targets, form, "bin", bits, &by).unwrap();
        delegations
    }

    #[test]
    fn both_forms_choose_the_bin_that_readers_look_into() {
        for bits in [1, 3, 4, 5, 8] {
            let (named, succinct) = (bins(BinForm::Named, bits), bins(BinForm::Succinct, bits));
            for path in ["a", "b/c", "ü", "file-7.txt"] {
                let asked: Vec<_> = TargetName::new(path).delegates(Dialect::Tuf, &named).collect();
                let bin = HashBins::of(&named).role_of(path).unwrap().unwrap();
                assert_eq!(asked, [(bin.clone(), true)], "{path} in {bits} bits");
                assert_eq!(HashBins::of(&succinct).role_of(path), Ok(Some(bin)));
            }
        }
    }

    #[test]
    fn of_roles_that_fit_the_one_that_readers_ask_first_is_the_bin() {
        let by = || Signatories::one(key(KeyAlgorithm::Ed25519));
        let mut delegations = Delegations::default();
        let mut add = |name: &str, admitted, terminating| {
            let name = DelegationName::in_tuf(name).unwrap();
            add_delegation(&mut delegations, &RoleName::Targets, &name, &by(), admitted, terminating).unwrap();
        };
        // SHA-256 of `a` begins with ca978112.
        add("long", Admitted::HashPrefixes(vec!["ca9".to_owned()]), true);
        add("short", Admitted::HashPrefixes(vec!["c".to_owned()]), false);
        add("team", Admitted::Paths(vec!["team/*".to_owned()]), true);
        add("open", Admitted::Paths(vec!["open/*".to_owned()]), false);
        add_hash_bins(&mut delegations, &RoleName::Targets, BinForm::Named, "bin", 4, &by()).unwrap();
        let bins = HashBins::of(&delegations);
        let name = |text: &str| DelegationName::in_tuf(text).unwrap();
        assert_eq!(bins.role_of("a"), Ok(Some(name("long"))));
        assert_eq!(bins.role_of("team/x"), Err(name("team")));
        assert!(bins.role_of("open/x").unwrap().is_some_and(|role| role != name("open")));
    }

    #[test]
    fn bins_cover_everything_once() {
        let all = (0..8).flat_map(|bin| prefixes_of(bin, 3));
        let all: Vec<String> = all.map(|prefix| prefix.as_str().to_owned()).collect();
        let expected: Vec<String> = (0..16).map(|digit| format!("{digit:x}")).collect();
        assert_eq!(all, expected);
        let last: Vec<HashPrefix> = prefixes_of(0x3fff, 14).collect();
        assert_eq!(last, ["fffc", "fffd", "fffe", "ffff"].map(HashPrefix::new));
    }

    #[test]
    fn forms_are_not_mixed() {
        let by = Signatories::one(key(KeyAlgorithm::Ed25519));
        for (mut delegations, form) in
            [(bins(BinForm::Named, 1), BinForm::Succinct), (bins(BinForm::Succinct, 1), BinForm::Named)]
        {
            let mixed = add_hash_bins(&mut delegations, &RoleName::Targets, form, "other", 1, &by);
            assert!(matches!(mixed, Err(TufEditError::MixedForms { .. })), "{mixed:?}");
        }
        let many = add_hash_bins(&mut Delegations::default(), &RoleName::Targets, BinForm::Named, "a", 15, &by);
        assert!(matches!(many, Err(TufEditError::TooManyBins { .. })));
    }
}
