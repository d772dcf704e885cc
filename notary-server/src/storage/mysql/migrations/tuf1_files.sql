-- Files of TUF 1.0 repositories: the form of tuf_files as this server makes it.
CREATE TABLE IF NOT EXISTS tuf1_files (
    id bigint NOT NULL AUTO_INCREMENT PRIMARY KEY,
    created_at datetime(6) NOT NULL,
    updated_at datetime(6) NOT NULL,
    deleted_at datetime(6) NULL,
    gun varbinary(255) NOT NULL,
    role varbinary(255) NOT NULL,
    version bigint NOT NULL,
    data longblob NOT NULL,
    sha256 char(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    UNIQUE KEY gun (gun, role, version),
    KEY sha256 (sha256)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
