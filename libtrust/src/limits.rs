//! Bounds on what is read, each with the attack it stops.

/// Bounds on one metadata file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Largest file, in bytes. Stops endless data. 100 MiB is what Notary's clients accept.
    pub file_bytes: usize,
    /// Deepest nesting of arrays and objects. Stops stack exhaustion.
    pub json_depth: usize,
    /// Most JSON values in one file, nested ones included. Stops files that take many times their size in memory. A
    /// target takes five: this is a collection of 400,000 tags.
    pub json_values: usize,
    /// Most signatures in one file. Each costs a verification; no role of a real collection has as many keys.
    pub signatures: usize,
    /// Most keys one role may list.
    pub keys_per_role: usize,
    /// Most delegations in one file.
    pub delegations: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            file_bytes: 100 << 20,
            json_depth: 32,
            json_values: 2_000_000,
            signatures: 128,
            keys_per_role: 128,
            delegations: 4096,
        }
    }
}

impl Limits {
    /// For files of TUF 1.0 repositories, where hash bins are delegations; how large a file may be is for
    /// whoever reads it.
    pub const TUF: Self = Self {
        file_bytes: usize::MAX,
        json_depth: 32,
        json_values: 4_000_000,
        signatures: 128,
        keys_per_role: 128,
        delegations: 1 << 17,
    };

    /// For files that were accepted before, perhaps under wider limits: only what protects the reader itself.
    pub const STORED: Self = Self {
        file_bytes: usize::MAX,
        json_depth: 120,
        json_values: usize::MAX,
        signatures: usize::MAX,
        keys_per_role: usize::MAX,
        delegations: usize::MAX,
    };
}
