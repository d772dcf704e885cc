//! Where the dialects' *rules* differ, in one table. `verify` asks these and nothing else about a dialect.

use super::Dialect;

/// The choices a dialect makes within the common rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// What an id that is not the digest of its key means.
    pub key_ids: KeyIdRule,
    /// What keys the root role may have.
    pub root_keys: RootKeyRule,
    /// What a key id that signs twice in one file means.
    pub repeated_signatures: RepeatedSignatureRule,
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

impl Dialect {
    /// The choices this dialect makes.
    #[must_use]
    pub const fn rules(self) -> Rules {
        match self {
            Self::Notary => Rules {
                key_ids: KeyIdRule::Digest,
                root_keys: RootKeyRule::CertificatesForTheName,
                repeated_signatures: RepeatedSignatureRule::CountOnce,
            },
        }
    }
}
