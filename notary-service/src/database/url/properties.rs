//! No text makes reading a URL panic, none shows its password, and what is shown reads back as the same.

use std::time::Duration;

use proptest::prelude::*;

use super::*;

fn postgres(text: &str) -> Url {
    Url::parse(Engine::Postgres, text).unwrap()
}

fn mysql(text: &str) -> Url {
    Url::parse(Engine::MySql, text).unwrap()
}

fn tcp(name: &str, port: u16) -> Host {
    Host::Tcp { name: name.to_owned(), port }
}

fn refusal(engine: Engine, text: &str) -> String {
    Url::parse(engine, text).expect_err(text).to_string()
}

#[test]
fn postgres_urls_are_read_as_its_own_clients_read_them() {
    let url = postgres(
        "postgres://me:p%40ss@h1:5433,h2,[::1]:7/db%20x?sslmode=verify-full&sslrootcert=/ca&connect_timeout=3",
    );
    assert_eq!(url.hosts(), [tcp("h1", 5433), tcp("h2", 5432), tcp("::1", 7)]);
    assert_eq!((url.user.as_str(), url.database()), ("me", "db x"));
    assert_eq!(url.password.as_ref().unwrap().as_str(), "p@ss");
    assert_eq!(url.tls().mode, TlsMode::VerifyFull);
    assert_eq!(url.tls().ca.as_deref(), Some(Path::new("/ca")));
    assert_eq!(url.connect_limit(), Some(Duration::from_secs(3)));
    let words = postgres(r"host=h1,h2 port=6000 user=me password='it\'s a \\' dbname=db sslmode=disable");
    assert_eq!(words.hosts(), [tcp("h1", 6000), tcp("h2", 6000)]);
    assert_eq!(words.password.as_ref().unwrap().as_str(), r"it's a \");
    let socket = postgres("postgres://me@/db?host=/run/postgresql&sslmode=disable");
    assert_eq!(socket.hosts(), [Host::Socket { path: "/run/postgresql".into(), port: 5432 }]);
    assert_eq!(postgres("postgres://me@h/db").tls().mode, TlsMode::Unverified, "Notary's driver demands TLS");
    assert_eq!(postgres("postgres://me@h/db?sslrootcert=/ca").tls().mode, TlsMode::VerifyCa);
}

#[test]
fn mysql_urls_are_read_as_notary_reads_them() {
    let url = mysql("server:p@ss:/w%d@tcp(mysqldb:3306)/notaryserver?parseTime=True");
    assert_eq!((url.user.as_str(), url.database()), ("server", "notaryserver"));
    assert_eq!(url.password.as_ref().unwrap().as_str(), "p@ss:/w%d");
    assert_eq!(url.hosts(), [tcp("mysqldb", 3306)]);
    assert_eq!(url.tls().mode, TlsMode::Off);
    assert_eq!(mysql("u@tcp(h1:1,h2)/d?tls=true").hosts(), [tcp("h1", 1), tcp("h2", 3306)]);
    assert_eq!(mysql("u@unix(/s/ock)/d").hosts(), [Host::Socket { path: "/s/ock".into(), port: 0 }]);
    assert_eq!(mysql("u@/d").hosts(), [tcp("127.0.0.1", 3306)]);
    assert_eq!(mysql("u@tcp(h)/d?tls=skip-verify&timeout=1.5s").tls().mode, TlsMode::Unverified);
    assert_eq!(mysql("u@tcp(h)/d?timeout=1m30s").connect_limit(), Some(Duration::from_secs(90)));
    let ours = mysql("mysql://me:p%3Ass@h1,h2:7/db?tls=true");
    assert_eq!((ours.hosts(), ours.tls().mode), ([tcp("h1", 3306), tcp("h2", 7)].as_slice(), TlsMode::VerifyFull));
}

#[test]
fn a_wrong_part_is_named_and_the_password_is_not_shown() {
    for (engine, text, part) in [
        (Engine::Postgres, "postgres://me:hunter2@h:0/db", "port"),
        (Engine::Postgres, "postgres://me:hunter2/db", "port"),
        (Engine::Postgres, "postgres://me:hunter2@h/db?sslmode=sometimes", "sslmode"),
        (Engine::Postgres, "postgres://me:hunter2@h/db?sslcert=/c", "client certificate"),
        (Engine::Postgres, "postgres://me:hunter2@h/db?nonsense=1", "parameter nonsense"),
        (Engine::Postgres, "postgres://:hunter2@h/db", "user"),
        (Engine::Postgres, "postgres://me:hunter2%zz@h/db", "password"),
        (Engine::Postgres, "host=h user=me password=hunter2 port=x", "port"),
        (Engine::Postgres, "user=me password=a@hunter2 port=x", "port"),
        (Engine::Postgres, "password='hunter2", "form"),
        (Engine::Postgres, "me:hunter2@tcp(h)/db", "form"),
        (Engine::MySql, "me:hunter2@tcp(h:3306)", "database"),
        (Engine::MySql, "me:hunter2@tcp(h:3306)/", "database"),
        (Engine::MySql, "me:x@hunter2", "database"),
        (Engine::MySql, "me:hunter2@tcp(h:99999)/db", "port"),
        (Engine::MySql, "me:hunter2@tcp(h/db", "host"),
        (Engine::MySql, "me:hunter2@smoke(h)/db", "protocol"),
        (Engine::MySql, "me:hunter2@tcp(h)/db?tls=custom", "tls"),
        (Engine::MySql, "postgres://me:hunter2@h/db", "scheme"),
    ] {
        let told = refusal(engine, text);
        assert!(told.contains(&format!(": {part}: ")), "{text}: {told}");
        assert!(!told.contains("hunter2"), "{told}");
    }
    let url = postgres("postgres://me:hunter2@h/db").with_password(Zeroizing::new("swordfish".to_owned()));
    let shown = format!("{url} {url:?}");
    assert!(!shown.contains("hunter2") && !shown.contains("swordfish"), "{shown}");
}

#[test]
fn a_password_file_takes_the_place_of_the_text() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password");
    std::fs::write(&file, "s3cret\n").unwrap();
    let url = mysql("me:other@tcp(h)/db").with_password_file(&file).unwrap();
    assert_eq!(url.password.as_ref().unwrap().as_str(), "s3cret");
    std::fs::write(&file, "\n").unwrap();
    let told = mysql("me@tcp(h)/db").with_password_file(&file).unwrap_err().to_string();
    assert!(told.contains("password") && told.contains("empty"), "{told}");
}

fn host(engine: Engine) -> impl Strategy<Value = Host> {
    let tcp = ("[a-z0-9][a-z0-9.-]{0,12}", 1u16..).prop_map(|(name, port)| Host::Tcp { name, port });
    let v6 = (1u16..).prop_map(|port| Host::Tcp { name: "fe80::1".to_owned(), port });
    let socket = ("/[a-zA-Z0-9 ,@:%]{0,12}", 1u16..).prop_map(move |(path, port)| match engine {
        Engine::Postgres => Host::Socket { path: path.into(), port },
        Engine::MySql => Host::Tcp { name: "socketless".to_owned(), port },
    });
    prop_oneof![tcp, v6, socket]
}

fn url() -> impl Strategy<Value = Url> {
    let engine = prop_oneof![Just(Engine::Postgres), Just(Engine::MySql)];
    engine.prop_flat_map(|engine| {
        let mode = prop_oneof![
            Just(TlsMode::Off),
            Just(TlsMode::Preferred),
            Just(TlsMode::Unverified),
            Just(TlsMode::VerifyCa),
            Just(TlsMode::VerifyFull)
        ];
        let name = "[^\\p{C}]{1,12}";
        (name, name, prop::collection::vec(host(engine), 1..4), mode, any::<bool>(), prop::option::of(1u64..100))
            .prop_map(move |(user, database, hosts, mode, files, limit)| {
                let verified = matches!(mode, TlsMode::VerifyCa | TlsMode::VerifyFull);
                let file = |name: &str| files.then(|| PathBuf::from(format!("/tls &/{name}")));
                Url {
                    engine,
                    user,
                    password: None,
                    hosts,
                    database,
                    tls: Tls {
                        mode,
                        ca: file("ca").filter(|_| verified),
                        certificate: file("certificate"),
                        key: file("key"),
                    },
                    connect_limit: limit.map(Duration::from_secs),
                    session: BTreeMap::new(),
                }
            })
    })
}

proptest! {
    #[test]
    fn what_is_shown_reads_back_as_the_same(url in url()) {
        let shown = url.to_string();
        prop_assert_eq!(Url::parse(url.engine, &shown).map_err(|error| error.to_string()), Ok(url), "{}", shown);
    }

    #[test]
    fn no_text_panics(text in "(postgres://|mysql://|host=)?[a-z0-9:/@,()\\[\\]%?&=' .\\PC]{0,60}") {
        let _ = Url::parse(Engine::Postgres, &text);
        let _ = Url::parse(Engine::MySql, &text);
    }

    #[test]
    fn a_password_is_never_shown(password in "[a-z0-9]{12}", before in "[:@/?#%a-z]{0,3}", tail in "[:@/?a-z()=]{0,8}") {
        for text in [
            format!("postgres://me:{password}{before}@h:x/db{tail}"),
            format!("me:{password}{before}@tcp(h:x)/db{tail}"),
            format!("host=h password={password}{before} port=x"),
        ] {
            for engine in [Engine::Postgres, Engine::MySql] {
                let shown = match Url::parse(engine, &text) {
                    Ok(url) => url.to_string(),
                    Err(error) => error.to_string(),
                };
                prop_assert!(!shown.contains(&password), "{}", shown);
            }
        }
    }
}
