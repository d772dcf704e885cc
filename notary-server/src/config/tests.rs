//! One working file per deployment shape, and every refusal.

use super::*;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/config").join(name)
}

fn load(json: &str) -> Result<Config, ConfigError> {
    load_with(json, &[])
}

fn load_with(json: &str, environment: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.json");
    std::fs::write(&file, json).unwrap();
    let environment = environment.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    Config::load(&file, &environment)
}

fn refusal(json: &str) -> String {
    load(json).unwrap_err().to_string()
}

/// A minimal working file with `extra` members before the rest.
fn with(extra: &str) -> String {
    format!(
        r#"{{{extra}"server":{{"http_addr":":4443"}},"trust_service":{{"type":"local"}},"storage":{{"backend":"memory"}}}}"#
    )
}

#[test]
fn plain_http_with_everything_in_memory_loads() {
    let config = Config::load(&fixture("memory-local-http.json"), &Environment::new()).unwrap();
    assert_eq!(config.server.tls, None);
    assert_eq!(config.trust_service, TrustService::Local);
    assert_eq!(config.storage, Storage::Memory);
    assert_eq!(config.settings.log_level, LogLevel::Error);
}

#[test]
fn a_typical_configuration_of_the_go_server_loads() {
    let config = Config::load(&fixture("memory-local-tls.json"), &Environment::new()).unwrap();
    assert_eq!(config.server.http_addr.to_string(), ":4443");
    let tls = config.server.tls.unwrap();
    assert_eq!(tls.certificate, fixture("./notary-server.crt"), "relative to the file");
    assert_eq!(config.settings.log_level, LogLevel::Debug);
    assert_eq!(config.settings.warnings.len(), 1, "reporting is announced as unused");
}

#[test]
fn a_database_file_with_sealed_keys_loads() {
    let config = Config::load(&fixture("sqlite-embedded.json"), &Environment::new()).unwrap();
    assert_eq!(config.storage, Storage::Sqlite { path: fixture("trust.db") });
    assert!(matches!(config.trust_service, TrustService::Embedded { .. }));
    assert_eq!(config.settings.limits.upload_bytes, 64 << 20);
    assert_eq!(config.settings.limits.drain_time.as_secs(), 30);
    assert_eq!(config.settings.renewal.interval.as_secs(), 300);
}

#[test]
fn a_server_for_some_names_and_known_clients_loads() {
    let config = Config::load(&fixture("prefix-filtered.json"), &Environment::new()).unwrap();
    assert_eq!(config.settings.repositories.gun_prefixes, ["docker.io/", "registry.example:5000/team/"]);
    assert_eq!(config.server.tls.unwrap().client_ca, Some(fixture("clients-ca.crt")));
}

#[test]
fn a_blank_variable_switches_nothing_off() {
    let blank = [
        ("NOTARY_SERVER_SERVER_CLIENT_CA_FILE".to_owned(), " ".to_owned()),
        ("NOTARY_SERVER_REPOSITORIES_GUN_PREFIXES".to_owned(), "\n".to_owned()),
    ];
    let config = Config::load(&fixture("prefix-filtered.json"), &blank.into_iter().collect()).unwrap();
    assert_eq!(config.settings.repositories.gun_prefixes.len(), 2);
    assert!(config.server.tls.unwrap().client_ca.is_some());
}

#[test]
fn a_password_in_the_wrong_place_is_not_shown() {
    let text = refusal(&with_storage(r#""backend":"sqlite3","db_url":"postgres://u:hunter2@h/d""#));
    assert!(text.contains("storage.db_url") && !text.contains("hunter2"), "{text}");
}

#[test]
fn the_effective_configuration_loads_as_itself() {
    for name in [
        "memory-local-http.json",
        "memory-local-tls.json",
        "memory-remote-signer.json",
        "sqlite-embedded.json",
        "prefix-filtered.json",
        "token-auth.json",
        "targets-from-registry.json",
    ] {
        let mut config = Config::load(&fixture(name), &Environment::new()).unwrap();
        config.settings.warnings.clear();
        assert_eq!(load(&config.effective().to_string()).unwrap(), config, "{name}");
    }
}

#[test]
fn an_unknown_key_is_refused_with_the_nearest_known_one() {
    let text = refusal(r#"{"server":{"http_adr":":4443"}}"#);
    assert!(text.contains("config.json: unknown key server.http_adr (did you mean server.http_addr?)"), "{text}");
    assert!(refusal(&with(r#""Auht":{},"#)).contains("unknown key auht (did you mean auth?)"));
    let unlike = refusal(&with(r#""zzzzzzzz":1,"#));
    assert!(unlike.ends_with("unknown key zzzzzzzz"), "{unlike}");
}

#[test]
fn a_key_given_twice_is_refused() {
    assert!(refusal(r#"{"server":{"http_addr":":1","HTTP_Addr":":2"}}"#).contains("http_addr appears twice"));
}

#[test]
fn keys_are_read_in_any_case_as_notary_does() {
    assert!(load(&with("").replace("http_addr", "HTTP_ADDR").replace("storage", "Storage")).is_ok());
}

const OPTIONS: &str =
    r#""realm":"https://auth.example/token","service":"trust","issuer":"auth","rootcertbundle":"auth.crt""#;

fn token(options: &str) -> String {
    with(&format!(r#""auth":{{"type":"token","options":{{{options}}}}},"#))
}

#[test]
fn an_unknown_kind_of_authentication_is_refused_by_name() {
    for kind in ["htpasswd", "tokne", "Token", "silly"] {
        let text = refusal(&with(&format!(r#""auth":{{"type":"{kind}","options":{{"realm":"r"}}}},"#)));
        assert!(text.contains("key auth.type") && text.contains(kind) && text.contains("expected token"), "{text}");
    }
    let forgotten = refusal(&with(r#""auth":{"options":{"realm":"r"}},"#));
    assert!(forgotten.contains("key auth.type is missing"), "{forgotten}");
    let text = load_with(&with(""), &[("NOTARY_SERVER_AUTH_TYPE", "tokne")]).unwrap_err().to_string();
    assert!(text.contains("NOTARY_SERVER_AUTH_TYPE"), "{text}");
    let text = load_with(&with(""), &[("NOTARY_SERVER_AUTH_OPTIONS_REALM", "r")]).unwrap_err().to_string();
    assert!(text.contains("key auth.type is missing"), "{text}");
    for open in [r#""auth":{"type":""},"#, r#""auth":{},"#, r#""auth":{"type":"none","options":{"realm":"r"}},"#] {
        assert_eq!(load(&with(open)).unwrap().settings.auth, None, "{open}");
    }
}

#[test]
fn token_authentication_loads_with_every_option() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.json");
    let options =
        format!(r#"{OPTIONS},"autoredirect":true,"jwks":"https://auth.example/keys","jwks_ca_file":"ca.crt""#);
    std::fs::write(&file, token(&options)).unwrap();
    let auth = Config::load(&file, &Environment::new()).unwrap().settings.auth.unwrap();
    assert_eq!((&*auth.realm, &*auth.service, &*auth.issuer), ("https://auth.example/token", "trust", "auth"));
    assert_eq!(auth.bundle, Some(folder.path().join("auth.crt")), "relative to the file");
    assert_eq!(auth.jwks, Some(JwksLocation::Url("https://auth.example/keys".to_owned())));
    assert!(auth.auto_redirect);
}

#[test]
fn token_authentication_can_come_from_the_environment_alone() {
    let variables = [
        ("NOTARY_SERVER_AUTH_TYPE", "token"),
        ("NOTARY_SERVER_AUTH_OPTIONS_REALM", "https://auth.example/token"),
        ("NOTARY_SERVER_AUTH_OPTIONS_SERVICE", "trust"),
        ("NOTARY_SERVER_AUTH_OPTIONS_ISSUER", "auth"),
        ("NOTARY_SERVER_AUTH_OPTIONS_ROOTCERTBUNDLE", "/etc/auth.crt"),
        ("NOTARY_SERVER_AUTH_OPTIONS_AUTOREDIRECT", "true"),
    ];
    let auth = load_with(&with(""), &variables).unwrap().settings.auth.unwrap();
    assert_eq!(auth.bundle.as_deref(), Some(Path::new("/etc/auth.crt")));
    assert!(auth.auto_redirect);
    let moved = load_with(&token(OPTIONS), &[("NOTARY_SERVER_AUTH_OPTIONS_ISSUER", "other")]).unwrap();
    assert_eq!(moved.settings.auth.unwrap().issuer, "other");
}

#[test]
fn options_of_token_authentication_are_refused_by_name() {
    for (options, key) in [
        (OPTIONS.replace("realm", "relm"), "unknown key auth.options.relm (did you mean auth.options.realm?)"),
        (OPTIONS.replace(r#""service":"trust","#, ""), "auth.options.service is missing"),
        (OPTIONS.replace(r#""issuer":"auth","#, ""), "auth.options.issuer is missing"),
        (OPTIONS.replace(r#","rootcertbundle":"auth.crt""#, ""), "auth.options.rootcertbundle is missing"),
        (OPTIONS.replace("trust", r"tr\nust"), "auth.options.service: found"),
        (format!(r#"{OPTIONS},"autoredirect":"perhaps""#), "auth.options.autoredirect: found"),
        (format!(r#"{OPTIONS},"jwks":"http://auth.example/keys""#), "auth.options.jwks: \"http://"),
        (format!(r#"{OPTIONS},"jwks":"https://me:pw@auth.example/keys""#), "without user and password"),
        (format!(r#"{OPTIONS},"jwks_ca_file":"ca.crt""#), "auth.options.jwks is missing"),
    ] {
        let text = refusal(&token(&options));
        assert!(text.contains(key), "{text}");
    }
}

#[test]
fn what_this_build_lacks_is_refused_clearly() {
    let text = refusal(&with("").replace("memory", "rethinkdb"));
    assert!(text.contains("storage.backend") && text.contains("postgres or mysql"), "{text}");
}

/// A minimal working file with these members of `storage`.
fn with_storage(members: &str) -> String {
    with("").replace(r#""backend":"memory""#, members)
}

#[test]
fn database_servers_load_as_notary_writes_them() {
    for name in ["postgres.json", "mysql.json"] {
        let config = Config::load(&fixture(name), &Environment::new()).unwrap();
        assert_eq!(load(&config.effective().to_string()).unwrap(), config, "{name}");
    }
    let text = with_storage(r#""backend":"mysql","db_url":"server@tcp(mysqldb:3306)/notaryserver?parseTime=True""#);
    let Storage::MySql(database) = load(&text).unwrap().storage else { panic!("not MySQL") };
    assert_eq!(database.url().unwrap().database(), "notaryserver");
    assert!(database.migrate);
    let text = text.replace("mysql\"", "mariadb\"").replace("}}", r#","migrate":false,"max_connections":3}}"#);
    let Storage::MySql(database) = load(&text).unwrap().storage else { panic!("not MySQL") };
    assert!(!database.migrate && database.settings().max_connections == 3);
}

#[test]
fn a_database_that_cannot_be_understood_is_refused_without_its_password() {
    for members in [
        r#""backend":"postgres","db_url":"postgres://u:hunter2@h:port/d""#,
        r#""backend":"mysql","db_url":"u:hunter2@nowhere""#,
        r#""backend":"postgres","db_url":"postgres://u:hunter2@h/d","client_cert_file":"a.crt""#,
    ] {
        let text = refusal(&with_storage(members));
        assert!(text.contains("storage.db_url") && !text.contains("hunter2"), "{text}");
    }
    assert!(refusal(&with_storage(r#""backend":"postgres""#)).contains("storage.db_url is missing"));
    let many = r#""backend":"postgres","db_url":"postgres://u@h/d","max_connections":1"#;
    assert!(refusal(&with_storage(many)).contains("storage.max_connections"));
    let shown = load(&with_storage(r#""backend":"postgres","db_url":"postgres://u:hunter2@h/d""#)).unwrap();
    assert!(!shown.effective().to_string().contains("hunter2") && !format!("{shown:?}").contains("hunter2"));
}

#[test]
fn a_password_file_is_named_when_it_cannot_be_used() {
    let members = r#""backend":"postgres","db_url":"postgres://u@h/d","password_file":"absent.txt""#;
    let Storage::Postgres(database) = load(&with_storage(members)).unwrap().storage else { panic!("not PostgreSQL") };
    assert!(database.url().unwrap_err().to_string().contains("absent.txt"));
}

fn remote(members: &str) -> String {
    with("").replace(r#""type":"local""#, &format!(r#""type":"remote"{members}"#))
}

#[test]
fn a_remote_signer_of_a_go_server_loads() {
    let config = Config::load(&fixture("memory-remote-signer.json"), &Environment::new()).unwrap();
    let TrustService::Remote { signer, key_algorithm } = config.trust_service else { panic!("not remote") };
    assert_eq!(signer.signers.iter().map(ToString::to_string).collect::<Vec<_>>(), ["notarysigner:7899"]);
    assert_eq!(signer.tls.ca, Some(fixture("./root-ca.crt")), "relative to the file");
    assert_eq!(signer.tls.client.unwrap().key, fixture("./notary-server.key"));
    assert_eq!(signer.timeout.as_secs(), 10);
    assert_eq!(key_algorithm.as_str(), "ecdsa");
}

#[test]
fn several_signers_are_a_list_or_separated_by_commas() {
    let signers = |config: &Config| {
        let TrustService::Remote { signer, .. } = &config.trust_service else { panic!("not remote") };
        signer.signers.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let list = load(&remote(r#","hostname":["a","b:2","[::1]"],"port":1"#)).unwrap();
    assert_eq!(signers(&list), ["a:1", "b:2", "[::1]:1"]);
    let text = load(&remote(r#","hostname":"a, b:2","port":"1""#)).unwrap();
    assert_eq!(signers(&text), ["a:1", "b:2"]);
    let variables = [("NOTARY_SERVER_TRUST_SERVICE_HOSTNAME", "c d"), ("NOTARY_SERVER_TRUST_SERVICE_PORT", "3")];
    assert_eq!(signers(&load_with(&remote(""), &variables).unwrap()), ["c:3", "d:3"]);
}

#[test]
fn what_a_remote_signer_lacks_is_named() {
    for (members, names) in [
        (r#","port":1"#, "key trust_service.hostname is missing"),
        (r#","hostname":"a""#, "key trust_service.port is missing"),
        (r#","hostname":"a","port":0"#, "key trust_service.port: found 0"),
        (r#","hostname":"https://a","port":1"#, "key trust_service.hostname: found"),
        (r#","hostname":"a,a","port":1"#, "each signer once (a:1)"),
        (r#","hostname":[],"port":1"#, "key trust_service.hostname"),
        (r#","hostname":"a","port":1,"tls_client_cert":"c.crt""#, "key trust_service.tls_client_key is missing"),
        (r#","hostname":"a","port":1,"tls_client_key":"c.key""#, "key trust_service.tls_client_cert is missing"),
        (r#","hostname":"a","port":1,"timeout":0"#, "key trust_service.timeout: found 0"),
        (
            r#","hostname":"a","port":1,"key_algorithm":"rsa""#,
            r#"key trust_service.key_algorithm: "rsa" is not supported"#,
        ),
    ] {
        let text = refusal(&remote(members));
        assert!(text.contains(names), "{members}: {text}");
    }
}

#[test]
fn client_certificates_without_tls_are_refused() {
    let text = refusal(&with("").replace(r#"":4443""#, r#"":4443","client_ca_file":"ca.crt""#));
    assert!(text.contains("server.tls_cert_file is missing"), "{text}");
}

#[test]
fn a_certificate_without_its_key_is_refused() {
    let text = refusal(&with("").replace(r#"":4443""#, r#"":4443","tls_cert_file":"a.crt""#));
    assert!(text.contains("server.tls_key_file is missing"), "{text}");
}

#[test]
fn the_environment_beats_the_file() {
    let variables = [
        ("NOTARY_SERVER_SERVER_HTTP_ADDR", "127.0.0.1:9"),
        ("NOTARY_SERVER_LOGGING_LEVEL", "info"),
        ("NOTARY_SERVER_REPOSITORIES_GUN_PREFIXES", "a/ b/c/"),
        ("NOTARY_SERVER_CACHING_MAX_AGE_CURRENT_METADATA", "7"),
        ("NOTARY_SERVER_STORAGE_BACKEND", ""),
        ("NOTARY_SERVER_PORT", "tcp://10.0.0.1:4443"),
    ];
    let config = load_with(&with(""), &variables).unwrap();
    assert_eq!(config.server.http_addr.to_string(), "127.0.0.1:9");
    assert_eq!(config.settings.log_level, LogLevel::Info);
    assert_eq!(config.settings.repositories.gun_prefixes, ["a/", "b/c/"]);
    assert_eq!(config.settings.caching.current_metadata.as_secs(), 7);
    assert_eq!(config.storage, Storage::Memory, "an empty variable is unset");
}

#[test]
fn values_out_of_range_name_what_was_found_and_expected() {
    let text = refusal(&with(r#""caching":{"max_age":{"current_metadata":-1}},"#));
    assert!(text.contains("caching.max_age.current_metadata: found -1, expected a whole number from 0 to"), "{text}");
    for (section, value) in [
        ("logging", r#"{"level":"7"}"#),
        ("limits", r#"{"idle_time":"1d"}"#),
        ("limits", r#"{"upload_bytes":"64MB"}"#),
        ("limits", r#"{"upload_bytes_in_flight":1024}"#),
        ("renewal", r#"{"timestamp_age":1}"#),
        ("repositories", r#"{"gun_prefixes":["docker.io"]}"#),
        ("repositories", r#"{"gun_prefixes":[1]}"#),
        ("cache", "7"),
    ] {
        let text = refusal(&with(&format!(r#""{section}":{value},"#)));
        assert!(text.contains(section) && text.contains("expected"), "{text}");
    }
}

#[test]
fn files_that_are_not_json_objects_are_refused() {
    assert!(refusal("server:\n  http_addr: x").contains("expected a JSON object"));
    assert!(refusal("[]").contains("found a list"));
    assert!(matches!(
        Config::load(Path::new("/nonexistent/x.json"), &Environment::new()),
        Err(ConfigError::Unreadable { .. })
    ));
}

#[test]
fn without_a_file_what_the_data_folder_decides_is_refused_not_ignored() {
    for variable in
        ["NOTARY_SERVER_SERVER_CLIENT_CA_FILE", "NOTARY_SERVER_STORAGE_DB_URL", "NOTARY_SERVER_TRUST_SERVICE_TYPE"]
    {
        let environment = Environment::from([(variable.to_owned(), "x".to_owned())]);
        let refusal = Settings::from_environment(&environment).unwrap_err().to_string();
        assert!(refusal.contains(variable) && refusal.contains("--config"), "{refusal}");
    }
    let level = Environment::from([("NOTARY_SERVER_LOGGING_LEVEL".to_owned(), "info".to_owned())]);
    assert_eq!(Settings::from_environment(&level).unwrap().log_level, LogLevel::Info);
}

#[test]
fn a_registry_is_whole_or_not_there() {
    let config = Config::load(&fixture("targets-from-registry.json"), &Environment::new()).unwrap();
    let registry = config.settings.registry.unwrap();
    assert_eq!(registry.host, "registry.example:5000");
    let (user, file) = registry.login.unwrap();
    assert_eq!((user.as_str(), file.file_name().unwrap().to_str()), ("trust", Some("registry-password")));
    assert_eq!(load(&with("")).unwrap().settings.registry, None);
    for (section, words) in [
        (r#"{"username":"me","password_file":"p"}"#, "registry.url"),
        (r#"{"url":"https://r.example","username":"me"}"#, "registry.password_file"),
        (r#"{"url":"https://r.example","password_file":"p"}"#, "registry.username"),
        (r#"{"url":"http://r.example"}"#, "expected https://HOST"),
        (r#"{"url":"https://r.example","token":"x"}"#, "unknown key registry.token"),
    ] {
        let text = refusal(&with(&format!(r#""registry":{section},"#)));
        assert!(text.contains(words), "{words}: {text}");
    }
}
