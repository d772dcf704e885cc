ALTER TABLE tuf_files
    MODIFY id bigint NOT NULL AUTO_INCREMENT,
    MODIFY created_at datetime(6) NOT NULL,
    MODIFY updated_at datetime(6) NOT NULL,
    MODIFY deleted_at datetime(6) NULL,
    MODIFY gun varbinary(255) NOT NULL,
    MODIFY role varbinary(255) NOT NULL,
    MODIFY version bigint NOT NULL,
    MODIFY sha256 char(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL
