//! Bounds on what is read, each with the attack it stops.

/// Bounds on one metadata file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Largest file, in bytes. Stops endless data. 100 MiB is what Notary's clients accept.
    pub file_bytes: usize,
    /// Deepest nesting of arrays and objects. Stops stack exhaustion.
    pub json_depth: usize,
    /// Most signatures in one file. Each costs a verification; no role of a real collection has as many keys.
    pub signatures: usize,
    /// Most keys one role may list.
    pub keys_per_role: usize,
    /// Most delegations in one file.
    pub delegations: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { file_bytes: 100 << 20, json_depth: 32, signatures: 128, keys_per_role: 128, delegations: 4096 }
    }
}
