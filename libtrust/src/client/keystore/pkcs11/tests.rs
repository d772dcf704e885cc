//! On SoftHSM. Its configuration comes from an environment variable that it reads when it is loaded, so each test runs
//! itself once more in a process of its own with that variable set.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;

use ring::rand::SystemRandom;
use zeroize::Zeroizing;

use super::*;
use crate::client::keystore::{FixedPassphrase, PassphraseError, PassphraseRequest};

const MODULE: &str = "/usr/lib/softhsm/libsofthsm2.so";
const VARIABLE: &str = "SOFTHSM2_CONF";
const LABEL: &str = "root keys";
const PIN: &str = "hunter2";

fn on_a_token(name: &str, test: impl FnOnce()) {
    if std::env::var_os(VARIABLE).is_some() {
        return test();
    }
    let folder = tempfile::tempdir().unwrap();
    let configuration = folder.path().join("softhsm2.conf");
    let tokens = folder.path().join("tokens");
    fs::create_dir(&tokens).unwrap();
    fs::write(&configuration, format!("directories.tokendir = {}\nlog.level = ERROR\n", tokens.display())).unwrap();
    for label in [LABEL, "another"] {
        let mut make = Command::new("softhsm2-util");
        make.args(["--init-token", "--free", "--so-pin", "12345678", "--pin", PIN, "--label", label]);
        run(&mut make, &configuration);
    }
    let name = format!("client::keystore::pkcs11::tests::{name}");
    let itself =
        run(Command::new(std::env::current_exe().unwrap()).args(["--exact", &name, "--nocapture"]), &configuration);
    assert!(itself.contains("1 passed"), "{name} is not the name of this test");
}

fn run(command: &mut Command, configuration: &Path) -> String {
    let output = command.env(VARIABLE, configuration).output().expect("Debian's package softhsm2 is installed");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}\n{out}\n{err}");
    out.into_owned()
}

fn store(pin: impl Passphrases + 'static) -> Pkcs11KeyStore {
    let token = ChosenToken::Label(LABEL.to_owned());
    Pkcs11KeyStore::new(Pkcs11Options { module: MODULE.into(), token, pin: Arc::new(pin) }).unwrap()
}

fn right() -> Pkcs11KeyStore {
    store(FixedPassphrase::new(PIN))
}

fn root() -> KeyUse {
    KeyUse { role: "root".to_owned(), gun: None }
}

fn signs(store: &Pkcs11KeyStore, id: &KeyId) {
    let signer = store.open(id).unwrap();
    assert_eq!(key_id(signer.public_key()), *id);
    let signature = signer.sign(id, b"message").unwrap();
    let public = signer.public_key().verifying_key().unwrap();
    assert_eq!(public.verify(&signature.scheme, b"message", &signature.bytes), Ok(()));
}

/// Must not be asked.
struct Nobody;

impl Passphrases for Nobody {
    fn passphrase(&self, _: &PassphraseRequest<'_>) -> Result<Zeroizing<String>, PassphraseError> {
        panic!("the PIN was asked for")
    }
}

#[test]
fn keys_made_in_the_token_are_listed_without_the_pin_and_sign_with_it() {
    on_a_token("keys_made_in_the_token_are_listed_without_the_pin_and_sign_with_it", || {
        let entry = right().generate().unwrap();
        assert_eq!(entry.key_use, root());
        assert!(entry.location.contains(LABEL), "{}", entry.location);
        signs(&right(), &entry.id);
        let listed = store(Nobody).list().unwrap();
        assert_eq!(listed, [entry]);
    });
}

#[test]
fn a_root_key_is_put_into_the_token_once_and_removed_for_good() {
    on_a_token("a_root_key_is_put_into_the_token_once_and_removed_for_good", || {
        let made = SigningKey::generate(KeyAlgorithm::Ecdsa, &SystemRandom::new()).unwrap();
        let copy = || SigningKey::from_pkcs8(&made.to_pkcs8()).unwrap();
        let keys = right();
        let entry = keys.add(copy(), root()).unwrap();
        assert_eq!(entry.id, key_id(made.public_key()));
        signs(&keys, &entry.id);
        assert!(matches!(keys.add(copy(), root()), Err(KeyStoreError::Exists { .. })));
        keys.remove(&entry.id).unwrap();
        assert!(matches!(keys.open(&entry.id), Err(KeyStoreError::Missing { .. })));
        assert!(matches!(keys.remove(&entry.id), Err(KeyStoreError::Missing { .. })));
    });
}

#[test]
fn other_keys_than_root_keys_are_declined() {
    on_a_token("other_keys_than_root_keys_are_declined", || {
        let key = |algorithm| SigningKey::generate(algorithm, &SystemRandom::new()).unwrap();
        let targets = KeyUse { role: "targets".to_owned(), gun: Some("a/b".parse().unwrap()) };
        let declined = |outcome| assert!(matches!(outcome, Err(KeyStoreError::Declined { .. })), "{outcome:?}");
        declined(store(Nobody).add(key(KeyAlgorithm::Ecdsa), targets));
        declined(store(Nobody).add(key(KeyAlgorithm::Ed25519), root()));
    });
}

#[test]
fn a_wrong_pin_is_tried_once() {
    /// Says the wrong PIN again and again.
    struct Stubborn(Arc<Mutex<u32>>);
    impl Passphrases for Stubborn {
        fn passphrase(&self, _: &PassphraseRequest<'_>) -> Result<Zeroizing<String>, PassphraseError> {
            *self.0.lock().unwrap() += 1;
            Ok(Zeroizing::new("0000".to_owned()))
        }
    }
    on_a_token("a_wrong_pin_is_tried_once", || {
        let id = right().generate().unwrap().id;
        // Logging in holds for all sessions of a process, so the one above must be gone: it went with its store.
        let asked = Arc::new(Mutex::new(0));
        let wrong = store(Stubborn(Arc::clone(&asked)));
        for _ in 0..3 {
            let error = wrong.open(&id).map(|_| ()).unwrap_err();
            assert!(error.to_string().contains("not tried again"), "{error}");
        }
        assert_eq!(*asked.lock().unwrap(), 4, "twice at first, and then once each time");
        let error = store(FixedPassphrase::new("0001")).open(&id).map(|_| ()).unwrap_err();
        assert!(error.to_string().contains("be unlocked"), "{error}");
        signs(&right(), &id);
    });
}

#[test]
fn a_person_may_correct_the_pin() {
    struct Person;
    impl Passphrases for Person {
        fn passphrase(&self, request: &PassphraseRequest<'_>) -> Result<Zeroizing<String>, PassphraseError> {
            Ok(Zeroizing::new(if request.wrong_answers == 0 { "wrong" } else { PIN }.to_owned()))
        }
    }
    on_a_token("a_person_may_correct_the_pin", || {
        let entry = store(Person).generate().unwrap();
        signs(&store(Person), &entry.id);
    });
}

#[test]
fn keys_of_other_programs_sign_but_are_neither_listed_nor_removed() {
    on_a_token("keys_of_other_programs_sign_but_are_neither_listed_nor_removed", || {
        let keys = right();
        let made = SigningKey::generate(KeyAlgorithm::Ecdsa, &SystemRandom::new()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        let pem = pem::encode(&pem::Pem::new("PRIVATE KEY", made.to_pkcs8().to_vec()));
        fs::write(&file, pem).unwrap();
        let mut import = Command::new("softhsm2-util");
        import.arg("--import").arg(&file).args(["--token", LABEL, "--label", "ssh", "--id", "0a0b", "--pin", PIN]);
        let configuration = std::env::var_os(VARIABLE).unwrap();
        run(&mut import, Path::new(&configuration));
        let id = key_id(made.public_key());
        assert_eq!(keys.list().unwrap(), []);
        signs(&keys, &id);
        assert!(matches!(keys.remove(&id), Err(KeyStoreError::Declined { .. })));
    });
}

#[test]
fn a_certificate_with_a_role_for_its_name_makes_a_key_one_of_that_role() {
    use cryptoki::object::{Attribute, CertificateType, ObjectClass};
    on_a_token("a_certificate_with_a_role_for_its_name_makes_a_key_one_of_that_role", || {
        let folder = tempfile::tempdir().unwrap();
        let configuration = std::env::var_os(VARIABLE).unwrap();
        let openssl =
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 9 -subj /CN=root -outform DER";
        let mut make = Command::new("openssl");
        make.current_dir(&folder).args(openssl.split(' ')).args(["-keyout", "key", "-out", "certificate"]);
        run(&mut make, Path::new(&configuration));
        let mut import = Command::new("softhsm2-util");
        import.current_dir(&folder).args(["--import", "key", "--token", LABEL, "--label", "PIV", "--id", "02"]);
        run(import.args(["--pin", PIN]), Path::new(&configuration));
        let der = fs::read(folder.path().join("certificate")).unwrap();
        let keys = right();
        let template = [
            Attribute::Class(ObjectClass::CERTIFICATE),
            Attribute::CertificateType(CertificateType::X_509),
            Attribute::Token(true),
            Attribute::Id(vec![2]),
            Attribute::Subject(vec![0x30, 0]),
            Attribute::Value(der),
        ];
        keys.token.run(Access::User, "take a certificate", |session| Ok(session.create_object(&template)?)).unwrap();
        let listed = store(Nobody).list().unwrap();
        assert_eq!(listed.iter().map(|entry| &entry.key_use).collect::<Vec<_>>(), [&root()]);
        signs(&keys, &listed[0].id);
        assert!(matches!(keys.remove(&listed[0].id), Err(KeyStoreError::Declined { .. })));
    });
}

#[test]
fn what_is_not_there_is_named() {
    on_a_token("what_is_not_there_is_named", || {
        let open = |module: &str, token| {
            let pin = Arc::new(FixedPassphrase::new(PIN));
            Pkcs11KeyStore::new(Pkcs11Options { module: module.into(), token, pin }).and_then(|store| store.list())
        };
        for (module, token, words) in [
            ("/nowhere.so", ChosenToken::Only, "/nowhere.so"),
            (MODULE, ChosenToken::Label("none".to_owned()), "\"root keys\""),
            (MODULE, ChosenToken::Only, "choose one"),
        ] {
            let error = open(module, token).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
    });
}
