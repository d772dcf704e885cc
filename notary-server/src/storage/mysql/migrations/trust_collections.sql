-- One row for each name ever written to; its writers take turns by writing it. The id is the SHA-256 of the name.
CREATE TABLE IF NOT EXISTS trust_collections (
    id binary(32) NOT NULL PRIMARY KEY,
    writes bigint NOT NULL
) ENGINE=InnoDB
