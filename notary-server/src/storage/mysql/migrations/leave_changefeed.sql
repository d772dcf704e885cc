ALTER TABLE changefeed
    MODIFY id bigint NOT NULL AUTO_INCREMENT,
    MODIFY created_at datetime(6) NOT NULL,
    MODIFY gun varbinary(255) NOT NULL,
    MODIFY version bigint NOT NULL,
    MODIFY sha256 char(64) CHARACTER SET ascii COLLATE ascii_bin NULL
