//! Where the dialects' *rules* differ, in one table. `verify` asks these and nothing else about a dialect.

use super::Dialect;
use crate::json::Numbers;

/// The choices a dialect makes within the common rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// What an id that is not the digest of its key means.
    pub key_ids: KeyIdRule,
    /// What keys the root role may have.
    pub root_keys: RootKeyRule,
    /// What a key id that signs twice in one file means.
    pub repeated_signatures: RepeatedSignatureRule,
    /// How files name each other.
    pub links: LinkRule,
    /// Whether a file is valid in the second of its expiry.
    pub expiry: ExpiryRule,
    /// How far the version of a root may be from that of the root before.
    pub root_versions: RootVersionRule,
    /// What the paths of a delegation are.
    pub paths: PathRule,
    /// Which numbers can be signed.
    pub numbers: Numbers,
}

/// What an id that is not the digest of its key means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyIdRule {
    /// The file is refused.
    Digest,
    /// Nothing: ids are opaque.
    Opaque,
}

/// What keys the root role may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RootKeyRule {
    /// Certificates whose common name is the collection's name, or a prefix of it and `*`.
    CertificatesForTheName,
    /// Any.
    Any,
}

/// What a key id that signs twice in one file means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RepeatedSignatureRule {
    /// It counts once.
    CountOnce,
    /// The file is refused.
    Refuse,
}

/// How files name each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkRule {
    /// By digest, which is always there; the snapshot also names the root.
    Digest,
    /// By version; by length and digests as well where those are given. Roots are named by nobody.
    Version,
}

/// Whether a file is valid in the second of its expiry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExpiryRule {
    /// It is.
    After,
    /// It is not.
    At,
}

/// How far the version of a root may be from that of the root before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RootVersionRule {
    /// It is not lower.
    NotLower,
    /// It is the next one.
    Next,
}

/// What the paths of a delegation are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathRule {
    /// Prefixes of target names.
    Prefixes,
    /// Shell patterns that match part by part between slashes.
    Patterns,
}

impl Dialect {
    /// The choices this dialect makes.
    #[must_use]
    pub const fn rules(self) -> Rules {
        match self {
            Self::Notary => Rules {
                key_ids: KeyIdRule::Digest,
                root_keys: RootKeyRule::CertificatesForTheName,
                repeated_signatures: RepeatedSignatureRule::CountOnce,
                links: LinkRule::Digest,
                expiry: ExpiryRule::After,
                root_versions: RootVersionRule::NotLower,
                paths: PathRule::Prefixes,
                numbers: Numbers::WithinDoubles,
            },
            Self::Tuf => Rules {
                key_ids: KeyIdRule::Opaque,
                root_keys: RootKeyRule::Any,
                repeated_signatures: RepeatedSignatureRule::Refuse,
                links: LinkRule::Version,
                expiry: ExpiryRule::At,
                root_versions: RootVersionRule::Next,
                paths: PathRule::Patterns,
                numbers: Numbers::Integers,
            },
        }
    }
}
