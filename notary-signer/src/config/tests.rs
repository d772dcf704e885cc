//! What loads, and what is refused how.

use std::path::PathBuf;
use std::time::Duration;

use super::*;

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fixtures/config").join(name)
}

fn load_with(text: &str, variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.json");
    std::fs::write(&file, text).unwrap();
    let environment =
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect::<Environment>();
    Config::load(&file, &environment)
}

fn load(text: &str) -> Result<Config, ConfigError> {
    load_with(text, &[])
}

fn refusal(text: &str) -> String {
    load(text).unwrap_err().to_string()
}

const SERVER: &str =
    r#""server":{"grpc_addr":"127.0.0.1:1","tls_cert_file":"a","tls_key_file":"b","client_ca_file":"c"}"#;

/// A configuration with memory storage and these members besides.
fn with(members: &str) -> String {
    format!(r#"{{{members}{SERVER},"storage":{{"backend":"memory"}}}}"#)
}

#[test]
fn keys_in_memory_for_this_machine_load() {
    let config = Config::load(&fixture("signer-memory.json"), &Environment::new()).unwrap();
    assert_eq!(config.storage, Storage::Memory);
    assert_eq!(config.authorization, Authorization::default());
    assert!(config.warnings[0].contains("no server.client_ca_file"), "{:?}", config.warnings);
    assert_eq!(config.limits, Limits::default());
}

#[test]
fn a_key_file_for_named_clients_loads() {
    let config = Config::load(&fixture("signer-sqlite.json"), &Environment::new()).unwrap();
    let Storage::Sqlite { path, sealing } = &config.storage else { panic!("{:?}", config.storage) };
    assert_eq!(path, &fixture("keys.db"));
    assert_eq!(sealing.passphrase_dir, Some(fixture("passphrases")));
    assert_eq!(config.key_cache.recheck_time, Duration::from_secs(2));
    assert_eq!(config.limits.message_bytes, 8 << 20);
    let [signing, key_management, key_deletion] = config.authorization.lists().unwrap();
    assert_eq!(signing.names(), ["trust.example"]);
    assert_eq!(key_management.names(), ["operator", "trust.example"]);
    assert!(key_deletion.names().is_empty(), "nobody");
    assert!(config.warnings.is_empty());
}

#[test]
fn a_database_is_named_as_notary_names_it_and_its_password_stays_hidden() {
    let config = Config::load(&fixture("signer-postgres.json"), &Environment::new()).unwrap();
    let Storage::Postgres { database, sealing } = &config.storage else { panic!("{:?}", config.storage) };
    assert_eq!((database.settings().max_connections, database.migrate), (8, false));
    assert_eq!(sealing.default_alias, "one");
    let file = |rest: &str| with("").replace(r#""memory""#, rest);
    let config = load(&file(r#""mariadb","db_url":"signer:hidden@tcp(h:3306)/keys","default_alias":"one""#)).unwrap();
    assert!(!config.effective().to_string().contains("hidden"));
    for (rest, words) in [
        (r#""postgres","default_alias":"one""#, "storage.db_url is missing"),
        (r#""postgres","db_url":"postgres://a@h/keys""#, "storage.default_alias is missing"),
        (r#""mysql","db_url":"postgres://a@h/keys","default_alias":"one""#, "storage.db_url"),
        (r#""rethinkdb","db_url":"h""#, "no client for RethinkDB"),
    ] {
        let text = refusal(&file(rest));
        assert!(text.contains(words), "{text}");
    }
}

#[test]
fn one_token_is_named_in_one_way() {
    let config = Config::load(&fixture("signer-pkcs11.json"), &Environment::new()).unwrap();
    let Storage::Pkcs11 { token, .. } = &config.storage else { panic!("{:?}", config.storage) };
    assert_eq!(token, &Token::Label("online keys".to_owned()));
    let text = |members: &str| with("").replace(r#""memory""#, &format!(r#""pkcs11"{members}"#));
    assert!(refusal(&text("")).contains("storage.module is missing"));
    for members in [r#","module":"m""#, r#","module":"m","token_label":"a","token_slot":1"#] {
        assert!(refusal(&text(members)).contains("one of token_label, token_serial and token_slot"));
    }
    assert!(load(&text(r#","module":"m","token_slot":"0""#)).is_ok());
}

#[test]
fn the_effective_configuration_loads_as_itself() {
    for name in
        ["signer-memory.json", "signer-sqlite.json", "signer-postgres.json", "signer-mysql.json", "signer-pkcs11.json"]
    {
        let config = Config::load(&fixture(name), &Environment::new()).unwrap();
        assert_eq!(load(&config.effective().to_string()).unwrap(), config, "{name}");
    }
}

#[test]
fn unknown_keys_are_refused_with_the_nearest_known_one() {
    let text = refusal(&with(r#""storrage":{},"#));
    assert!(text.contains("unknown key storrage (did you mean storage?)"), "{text}");
    let text = refusal(&with("").replace("grpc_addr", "http_addr"));
    assert!(text.contains("unknown key server.http_addr (did you mean server.grpc_addr?)"), "{text}");
}

#[test]
fn what_notary_needs_is_needed() {
    for (key, without) in [
        ("server.grpc_addr", with("").replace("127.0.0.1:1", "")),
        (
            "server.tls_cert_file",
            with("").replace(r#""tls_cert_file":"a","tls_key_file":"b","client_ca_file":"c""#, r#""tls_cert_file":"""#),
        ),
        ("server.tls_key_file", with("").replace(r#""tls_key_file":"b","#, "")),
        ("storage.backend", with("").replace("memory", "")),
        ("storage.db_url", with("").replace("memory", "sqlite3")),
        ("storage.default_alias", with("").replace(r#""memory""#, r#""sqlite3","db_url":"k.db""#)),
    ] {
        let text = refusal(&without);
        assert!(text.contains(&format!("key {key} is missing")), "{text}");
    }
}

#[test]
fn the_default_alias_may_come_from_three_places() {
    let file = with("").replace(r#""memory""#, r#""sqlite3","db_url":"k.db""#);
    let named = file.replace(r#""k.db""#, r#""k.db","default_alias":"file""#);
    let alias = |text: &str, variables: &[(&str, &str)]| match load_with(text, variables).unwrap().storage {
        Storage::Sqlite { sealing, .. } => sealing.default_alias,
        other => panic!("{other:?}"),
    };
    let (new, old) = (("NOTARY_SIGNER_STORAGE_DEFAULT_ALIAS", "new"), ("NOTARY_SIGNER_DEFAULT_ALIAS", "old"));
    assert_eq!(alias(&named, &[]), "file");
    assert_eq!(alias(&named, &[old]), "file");
    assert_eq!(alias(&named, &[new, old]), "new");
    assert_eq!(alias(&file, &[old]), "old");
}

#[test]
fn lists_without_client_certificates_or_alone_are_refused() {
    let both = r#""authorization":{"signing":["a"],"key_management":["b"]},"#;
    assert!(load(&with(both)).is_ok());
    let text = refusal(&with(both).replace(r#","client_ca_file":"c""#, ""));
    assert!(text.contains("authorization.signing") && text.contains("server.client_ca_file"), "{text}");
    let text = refusal(&with(r#""authorization":{"signing":["a"]},"#));
    assert!(text.contains("key authorization.key_management is missing"), "{text}");
    let text = refusal(&with(r#""authorization":{"key_management":["a"]},"#));
    assert!(text.contains("key authorization.signing is missing"), "{text}");
    assert!(refusal(&with(r#""authorization":{"signing":["a",""],"key_management":["b"]},"#)).contains("not empty"));
    let nobody = load(&with(r#""authorization":{"signing":["a"],"key_management":[]},"#)).unwrap();
    assert!(nobody.authorization.lists().unwrap()[1].names().is_empty());
}

#[test]
fn beyond_this_machine_clients_need_certificates_unless_the_operator_says_otherwise() {
    let open = |address: &str| with("").replace(r#","client_ca_file":"c""#, "").replace("127.0.0.1:1", address);
    for address in ["127.0.0.1:1", "[::1]:1", "localhost:1", "127.9.9.9:1"] {
        assert!(load(&open(address)).is_ok(), "{address}");
    }
    for address in [":1", "0.0.0.0:1", "[::]:1", "192.0.2.1:1", "localhost.example:1"] {
        assert!(refusal(&open(address)).contains("server.allow_anonymous"), "{address}");
        assert!(load(&open(address).replace(r#""server":{"#, r#""server":{"allow_anonymous":true,"#)).is_ok());
    }
    let mut config = load(&open("127.0.0.1:1")).unwrap();
    assert!(config.listen_on(":1".parse().unwrap(), Path::new("f")).is_err());
    let text = refusal(&with("").replace(r#""server":{"#, r#""server":{"allow_anonymous":"perhaps","#));
    assert!(text.contains("true or false"), "{text}");
}

#[test]
fn a_file_for_notarys_signer_loads_and_says_what_is_not_used() {
    let bugsnag =
        r#""reporting":{"bugsnag":{"api_key":"k","release_stage":"s","endpoint":"e"}},"logging":{"level":"debug"},"#;
    let config = load(&with(bugsnag)).unwrap();
    assert!(config.warnings[0].contains("bugsnag"), "{:?}", config.warnings);
    assert_eq!(config.log_level, LogLevel::Debug);
}

#[test]
fn every_key_has_its_variable_and_none_is_a_passphrase() {
    let variables: Vec<String> = variables().collect();
    for name in ["NOTARY_SIGNER_SERVER_GRPC_ADDR", "NOTARY_SIGNER_STORAGE_DB_URL", "NOTARY_SIGNER_DEFAULT_ALIAS"] {
        assert!(variables.iter().any(|known| known == name), "{name}");
    }
    assert!(load_with(&with(""), &[("NOTARY_SIGNER_LIMITS_REQUESTS", "0")]).is_err());
}
