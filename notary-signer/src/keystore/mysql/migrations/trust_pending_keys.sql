-- One row for each purpose a key was ever made for; its makers take turns by writing it. The id is a SHA-256.
CREATE TABLE IF NOT EXISTS trust_pending_keys (
    id binary(32) NOT NULL PRIMARY KEY,
    writes bigint NOT NULL
) ENGINE=InnoDB
