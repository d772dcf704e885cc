//! Hash bins in their short form: many roles of one kind, named by numbers.

use std::fmt::Write as _;

use ring::digest::{SHA256, digest};

use super::RoleKeys;
use crate::names::{DelegationName, InvalidDelegationName};

/// Delegation to `2^bit_length` bins with the same keys, by the first bits of the SHA-256 of a target name (TAP 15).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SuccinctRoles {
    /// Who signs every bin.
    pub keys: RoleKeys,
    bit_length: u8,
    name_prefix: String,
}

impl SuccinctRoles {
    /// The most bits that choose a bin.
    pub const MAX_BITS: u8 = 32;

    /// `2^bit_length` bins named `PREFIX-NUMBER`.
    ///
    /// # Errors
    /// If the number of bits is not 1 to [`Self::MAX_BITS`], or no role can be named so.
    pub fn new(keys: RoleKeys, bit_length: u8, name_prefix: String) -> Result<Self, InvalidSuccinctRoles> {
        if !(1..=Self::MAX_BITS).contains(&bit_length) {
            return Err(InvalidSuccinctRoles::Bits { found: bit_length });
        }
        let roles = Self { keys, bit_length, name_prefix };
        // All names are as long as this one.
        DelegationName::in_tuf(&roles.spelled(0))?;
        Ok(roles)
    }

    /// How many bits choose a bin.
    #[must_use]
    pub const fn bit_length(&self) -> u8 {
        self.bit_length
    }

    /// What the names of all bins begin with.
    #[must_use]
    pub fn name_prefix(&self) -> &str {
        &self.name_prefix
    }

    /// The number of the bin of a target name.
    #[must_use]
    pub fn bin_of(&self, target: &str) -> u64 {
        let digest = digest(&SHA256, target.as_bytes());
        let first = digest.as_ref().iter().take(4).fold(0, |bits, byte| (bits << 8) | u64::from(*byte));
        first >> (Self::MAX_BITS - self.bit_length)
    }

    /// The role of a bin.
    ///
    /// # Errors
    /// If there is no bin of that number.
    pub fn role(&self, bin: u64) -> Result<DelegationName, InvalidSuccinctRoles> {
        if bin >= self.count() {
            return Err(InvalidSuccinctRoles::Bin { found: bin, count: self.count() });
        }
        Ok(DelegationName::in_tuf(&self.spelled(bin))?)
    }

    /// The role of the bin of a target name.
    ///
    /// # Errors
    /// Never: every name has a bin.
    pub fn role_for(&self, target: &str) -> Result<DelegationName, InvalidSuccinctRoles> {
        self.role(self.bin_of(target))
    }

    /// Whether this is one of the bins.
    #[must_use]
    pub fn has(&self, name: &DelegationName) -> bool {
        let number = name.as_str().strip_prefix(self.name_prefix.as_str()).and_then(|rest| rest.strip_prefix('-'));
        let Some(bin) = number.and_then(|number| u64::from_str_radix(number, 16).ok()) else { return false };
        bin < self.count() && self.spelled(bin) == name.as_str()
    }

    /// How many bins there are.
    #[must_use]
    pub const fn count(&self) -> u64 {
        1 << self.bit_length
    }

    /// Numbers are lower-case hex, as wide as the largest.
    fn spelled(&self, bin: u64) -> String {
        let width = usize::from(self.bit_length).div_ceil(4);
        let mut name = format!("{}-", self.name_prefix);
        // Writing to memory cannot fail.
        let _ = write!(name, "{bin:0width$x}");
        name
    }
}

/// What cannot be a set of hash bins.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidSuccinctRoles {
    /// No bits, or too many.
    #[error("{found} bits choose no hash bin; use 1 to {}", SuccinctRoles::MAX_BITS)]
    Bits {
        /// How many.
        found: u8,
    },
    /// A number beyond the last bin.
    #[error("there is no hash bin {found}, only {count}")]
    Bin {
        /// The number.
        found: u64,
        /// How many bins there are.
        count: u64,
    },
    /// No role can be named so.
    #[error(transparent)]
    Name(#[from] InvalidDelegationName),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::Threshold;

    fn bins(bits: u8) -> SuccinctRoles {
        let keys = RoleKeys { key_ids: Vec::new(), threshold: Threshold::ONE };
        SuccinctRoles::new(keys, bits, "bin".to_owned()).unwrap()
    }

    #[test]
    fn numbers_are_as_wide_as_the_largest() {
        for (bits, bin, name) in [(1, 1, "bin-1"), (4, 15, "bin-f"), (5, 1, "bin-01"), (14, 16383, "bin-3fff")] {
            let bins = bins(bits);
            let role = bins.role(bin).unwrap();
            assert_eq!(role.as_str(), name);
            assert!(bins.has(&role));
        }
        assert!(bins(4).role(16).is_err());
        for other in ["bin-10", "bin-F", "bin-01", "bin-", "bin", "other-1", "bin-+1"] {
            assert!(!bins(4).has(&DelegationName::in_tuf(other).unwrap()), "{other}");
        }
    }

    #[test]
    fn the_first_bits_of_the_digest_choose() {
        // SHA-256 of `a` begins with ca978112.
        for (bits, bin) in [(1, 1), (4, 0xc), (8, 0xca), (14, 0xca97 >> 2), (32, 0xca97_8112)] {
            assert_eq!(bins(bits).bin_of("a"), bin, "{bits} bits");
            assert_eq!(bins(bits).role_for("a").unwrap(), bins(bits).role(bin).unwrap());
        }
    }

    #[test]
    fn what_names_no_roles_is_refused() {
        let keys = || RoleKeys { key_ids: Vec::new(), threshold: Threshold::ONE };
        assert!(SuccinctRoles::new(keys(), 0, "a".to_owned()).is_err());
        assert!(SuccinctRoles::new(keys(), 33, "a".to_owned()).is_err());
        assert!(SuccinctRoles::new(keys(), 8, "a".repeat(255)).is_err());
    }
}
