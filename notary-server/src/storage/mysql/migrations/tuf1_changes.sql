CREATE TABLE IF NOT EXISTS tuf1_changes (
    id bigint NOT NULL AUTO_INCREMENT PRIMARY KEY,
    created_at datetime(6) NOT NULL,
    gun varbinary(255) NOT NULL,
    version bigint NOT NULL,
    sha256 char(64) CHARACTER SET ascii COLLATE ascii_bin NULL,
    category varchar(20) NOT NULL DEFAULT 'update',
    KEY idx_tuf1_changes_gun (gun)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
