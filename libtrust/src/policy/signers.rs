//! Who must have signed an image.

use std::collections::BTreeSet;

/// The signers an image needs, by the names their roles have below `targets/`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum SignerRule {
    /// Whoever the collection lets speak for the name.
    #[default]
    Anyone,
    /// At least `count` of these.
    AtLeast {
        /// How many.
        count: usize,
        /// Of whom.
        of: BTreeSet<String>,
    },
}

impl SignerRule {
    /// All of these.
    #[must_use]
    pub fn all_of(names: impl IntoIterator<Item = String>) -> Self {
        let of: BTreeSet<String> = names.into_iter().collect();
        Self::AtLeast { count: of.len(), of }
    }

    /// One of these.
    #[must_use]
    pub fn any_of(names: impl IntoIterator<Item = String>) -> Self {
        Self::AtLeast { count: 1, of: names.into_iter().collect() }
    }

    /// Whether these signers are enough.
    ///
    /// # Errors
    /// Who is missing.
    pub fn check<'s>(&self, signers: impl IntoIterator<Item = &'s str>) -> Result<(), MissingSigners> {
        let Self::AtLeast { count, of } = self else { return Ok(()) };
        let signed: BTreeSet<&str> = signers.into_iter().filter(|name| of.contains(*name)).collect();
        if signed.len() >= *count {
            return Ok(());
        }
        let missing = of.iter().filter(|name| !signed.contains(name.as_str())).cloned().collect();
        Err(MissingSigners { needed: *count, found: signed.len(), missing })
    }
}

/// Too few of the required signers signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{found} of {needed} required signers signed it; without a signature: {}", .missing.join(", "))]
pub struct MissingSigners {
    /// How many must sign.
    pub needed: usize,
    /// How many did.
    pub found: usize,
    /// The required signers that did not.
    pub missing: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_named_signers_count() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let both = SignerRule::all_of(names(&["alice", "bob"]));
        assert!(both.check(["bob", "alice", "carol"]).is_ok());
        let missing = both.check(["alice", "alice", "carol"]).unwrap_err();
        assert_eq!((missing.found, missing.missing), (1, names(&["bob"])));
        let one = SignerRule::any_of(names(&["alice", "bob"]));
        assert!(one.check(["bob"]).is_ok());
        assert!(one.check(["carol"]).is_err());
        assert!(SignerRule::Anyone.check([]).is_ok());
    }
}
