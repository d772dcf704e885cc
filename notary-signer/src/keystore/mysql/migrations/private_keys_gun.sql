-- Adds an index unless it is there; MySQL has no words for that.
SET @statement = (SELECT IF(count(*) = 0, 'CREATE INDEX private_keys_gun ON private_keys (gun(191))', 'DO 0')
    FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND table_name = 'private_keys' AND index_name = 'private_keys_gun');
PREPARE statement FROM @statement;
EXECUTE statement;
DEALLOCATE PREPARE statement
