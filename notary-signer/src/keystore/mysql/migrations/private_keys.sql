-- Notary's table as this signer makes it: text of any character, compared byte by byte, times to the microsecond.
CREATE TABLE IF NOT EXISTS private_keys (
    id bigint NOT NULL AUTO_INCREMENT PRIMARY KEY,
    created_at datetime(6) NULL,
    updated_at datetime(6) NULL,
    deleted_at datetime(6) NULL,
    key_id varchar(255) NOT NULL,
    encryption_alg varchar(255) NOT NULL,
    keywrap_alg varchar(255) NOT NULL,
    algorithm varchar(50) NOT NULL,
    passphrase_alias varchar(50) NOT NULL,
    public blob NOT NULL,
    private blob NOT NULL,
    gun varchar(255) NOT NULL,
    role varchar(255) NOT NULL,
    last_used datetime(6) NULL,
    UNIQUE KEY key_id (key_id),
    KEY private_keys_gun (gun(191))
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin
