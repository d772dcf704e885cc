CREATE INDEX IF NOT EXISTS private_keys_gun ON private_keys (gun, role)
