//! Notary's table as its own migrations leave it, and rows as its signer writes them; for tests.

pub(super) const POSTGRES: &str = include_str!("../../tests/notary/postgres.sql");
pub(super) const MYSQL: &str = include_str!("../../tests/notary/mysql.sql");

/// What Notary's signer inserts for a pending key.
pub(super) fn insert(id: &str, gun: &str, role: &str, public: &[u8], private: &str, alias: &str) -> String {
    let (binary, close) = ("decode('", "', 'hex')");
    insert_as(id, gun, role, &format!("{binary}{}{close}", hex::encode(public)), private, alias)
}

/// The same for MySQL.
pub(super) fn insert_mysql(id: &str, gun: &str, role: &str, public: &[u8], private: &str, alias: &str) -> String {
    insert_as(id, gun, role, &format!("x'{}'", hex::encode(public)), private, alias)
}

fn insert_as(id: &str, gun: &str, role: &str, public: &str, private: &str, alias: &str) -> String {
    format!(
        "INSERT INTO private_keys (created_at, updated_at, key_id, encryption_alg, keywrap_alg, algorithm, \
         passphrase_alias, public, private, gun, role) VALUES (now(), now(), '{id}', 'A256GCM', 'PBES2-HS256+A128KW', \
         'ed25519', '{alias}', {public}, '{private}', '{gun}', '{role}')"
    )
}
