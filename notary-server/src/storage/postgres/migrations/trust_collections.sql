-- One row for each name ever written to; its writers take turns by writing it. The id is the SHA-256 of the name.
CREATE TABLE IF NOT EXISTS trust_collections (
    id bytea PRIMARY KEY,
    writes bigint NOT NULL
) WITH (fillfactor = 70)
