//! Notary's table as its own migrations leave it, for tests.

/// Notary's signer and golang-migrate on PostgreSQL.
pub(super) const POSTGRES: &[&str] = &[
    "CREATE TABLE private_keys (id serial PRIMARY KEY, created_at timestamp NULL, updated_at timestamp NULL, \
         deleted_at timestamp NULL, key_id varchar(255) NOT NULL UNIQUE, encryption_alg varchar(255) NOT NULL, \
         keywrap_alg varchar(255) NOT NULL, algorithm varchar(50) NOT NULL, passphrase_alias varchar(50) NOT NULL, \
         public bytea NOT NULL, private bytea NOT NULL, gun varchar(255) NOT NULL, role varchar(255) NOT NULL, \
         last_used timestamp NULL, UNIQUE (key_id, algorithm))",
    "CREATE TABLE schema_migrations (version bigint NOT NULL PRIMARY KEY, dirty boolean NOT NULL)",
    "INSERT INTO schema_migrations VALUES (1, false)",
];

/// Notary's signer and golang-migrate on MySQL, in two steps.
pub(super) const MYSQL: &[&str] = &[
    "CREATE TABLE private_keys (id int(11) NOT NULL AUTO_INCREMENT, created_at timestamp NULL DEFAULT NULL, \
         updated_at timestamp NULL DEFAULT NULL, deleted_at timestamp NULL DEFAULT NULL, key_id varchar(255) NOT NULL, \
         encryption_alg varchar(255) NOT NULL, keywrap_alg varchar(255) NOT NULL, algorithm varchar(50) NOT NULL, \
         passphrase_alias varchar(50) NOT NULL, public blob NOT NULL, private blob NOT NULL, PRIMARY KEY (id), \
         UNIQUE KEY key_id (key_id), UNIQUE KEY key_id_2 (key_id, algorithm)) ENGINE=InnoDB DEFAULT CHARSET=utf8",
    "CREATE TABLE schema_migrations (version bigint NOT NULL PRIMARY KEY, dirty boolean NOT NULL)",
    "ALTER TABLE private_keys ADD COLUMN gun varchar(255) NOT NULL, ADD COLUMN role varchar(255) NOT NULL, \
         ADD COLUMN last_used datetime NULL DEFAULT NULL",
    "INSERT INTO schema_migrations VALUES (2, 0)",
];

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
