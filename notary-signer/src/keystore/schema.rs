//! The signer's tables on database servers: what this release makes in an empty database and adds to Notary's.

use notary_service::database::schema::{Component, NotaryColumn, NotaryTable, NotaryTables, Step};
use ring::digest;

use super::table::Purpose;

/// Tables of the signer. Ours and Notary's differ in widths alone, so leaving Notary changes nothing but who may use
/// them.
pub const SIGNER: Component = Component {
    name: "signer",
    postgres: &[Step {
        version: 1,
        readable_since: 1,
        name: "keys, found by collection, one pending for each purpose",
        own: &[
            include_str!("postgres/migrations/private_keys.sql"),
            include_str!("postgres/migrations/private_keys_gun.sql"),
            include_str!("postgres/migrations/trust_pending_keys.sql"),
        ],
        shared: &[
            include_str!("postgres/migrations/private_keys_gun.sql"),
            include_str!("postgres/migrations/trust_pending_keys.sql"),
        ],
        leave: &[],
    }],
    mysql: &[Step {
        version: 1,
        readable_since: 1,
        name: "keys, found by collection, one pending for each purpose",
        own: &[
            include_str!("mysql/migrations/private_keys.sql"),
            include_str!("mysql/migrations/trust_pending_keys.sql"),
        ],
        shared: &[
            include_str!("mysql/migrations/private_keys_gun.sql"),
            include_str!("mysql/migrations/trust_pending_keys.sql"),
        ],
        leave: &[],
    }],
    notary_postgres: NotaryTables {
        version: 1,
        tables: &[NotaryTable { name: "private_keys", columns: &ALL_AT_ONCE }],
    },
    notary_mysql: NotaryTables { version: 2, tables: &[NotaryTable { name: "private_keys", columns: &IN_TWO_STEPS }] },
};

/// Notary's migrations for PostgreSQL make the whole table; those for MySQL add the last three columns later.
const ALL_AT_ONCE: [NotaryColumn; 14] = columns(1);
const IN_TWO_STEPS: [NotaryColumn; 14] = columns(2);

const fn columns(last: i64) -> [NotaryColumn; 14] {
    [
        since("id", 1),
        since("created_at", 1),
        since("updated_at", 1),
        since("deleted_at", 1),
        since("key_id", 1),
        since("encryption_alg", 1),
        since("keywrap_alg", 1),
        since("algorithm", 1),
        since("passphrase_alias", 1),
        since("public", 1),
        since("private", 1),
        since("gun", last),
        since("role", last),
        since("last_used", last),
    ]
}

const fn since(name: &'static str, since: i64) -> NotaryColumn {
    NotaryColumn { name, since }
}

impl Purpose<'_> {
    /// The key of its row in `trust_pending_keys`: names may be longer than an index takes, and columns of Notary's take
    /// names for equal that are not.
    pub(super) fn guard(&self) -> Vec<u8> {
        let Self { gun, role, algorithm } = self;
        // No name holds a zero byte.
        digest::digest(&digest::SHA256, format!("{gun}\0{role}\0{algorithm}").as_bytes()).as_ref().to_vec()
    }
}

#[cfg(test)]
mod tests {
    use libtrust::keys::KeyAlgorithm;
    use libtrust::names::{Gun, RoleName};

    use super::*;

    #[test]
    fn purposes_have_rows_of_their_own() {
        let guns: [Gun; 2] = ["a".parse().unwrap(), "A".parse().unwrap()];
        let mut guards = std::collections::HashSet::new();
        for gun in &guns {
            for role in [RoleName::Snapshot, RoleName::Timestamp] {
                for algorithm in [KeyAlgorithm::Ecdsa, KeyAlgorithm::Ed25519] {
                    assert!(guards.insert(Purpose { gun, role: &role, algorithm }.guard()));
                }
            }
        }
    }
}
