//! On SoftHSM. Its configuration comes from an environment variable that it reads when it is loaded, so each test runs
//! itself once more in a process of its own with that variable set.

use std::fs;
use std::path::Path;
use std::process::Command;

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::session::UserType;
use cryptoki::types::AuthPin;
use libtrust::dialect::notary::key_id;
use zeroize::Zeroizing;

use super::*;
use crate::keystore::contract;
use crate::policy::{NotSigned, SignRequest};

const MODULE: &str = "/usr/lib/softhsm/libsofthsm2.so";
const VARIABLE: &str = "SOFTHSM2_CONF";
const LABEL: &str = "online keys";
const PIN: &str = "hunter2";

/// Runs `test` in a process that has a token.
fn on_a_token<F: Future<Output = ()>>(name: &str, test: impl FnOnce() -> F) {
    if std::env::var_os(VARIABLE).is_some() {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        return runtime.block_on(test());
    }
    let folder = tempfile::tempdir().unwrap();
    let configuration = folder.path().join("softhsm2.conf");
    let tokens = folder.path().join("tokens");
    fs::create_dir(&tokens).unwrap();
    fs::write(&configuration, format!("directories.tokendir = {}\nlog.level = ERROR\n", tokens.display())).unwrap();
    for label in [LABEL, "another"] {
        run(
            Command::new("softhsm2-util")
                .args(["--init-token", "--free", "--so-pin", "12345678"])
                .args(["--pin", PIN, "--label", label]),
            &configuration,
        );
    }
    let name = format!("keystore::pkcs11::tests::{name}");
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

async fn open_with(token: ChosenToken, pin: &str) -> Result<Pkcs11KeyStore, KeyStoreError> {
    let pin = Passphrases::new("pkcs11.pin", Zeroizing::new(pin.to_owned())).unwrap();
    Pkcs11KeyStore::open(Pkcs11Options { module: MODULE.into(), token, pin }).await
}

async fn open() -> Pkcs11KeyStore {
    open_with(ChosenToken::Label(LABEL.to_owned()), PIN).await.unwrap()
}

/// Keys come from the token, so nobody is asked to make one.
fn never() -> MakeKey {
    Box::new(|| panic!("a key was made outside the token"))
}

async fn new_key(store: &Pkcs11KeyStore, algorithm: KeyAlgorithm) -> KeyRecord {
    let gun = "example.org/app".parse().unwrap();
    store.pending(&gun, &RoleName::Timestamp, algorithm, never()).await.unwrap()
}

fn sign(held: &HeldKey) -> Result<(), NotSigned> {
    let KeyRecord { id, gun, role, public, .. } = held.record();
    let request = SignRequest { key_id: id, gun: Some(gun), role: Some(role), message: b"message" };
    let signature = held.approve(&request, 100).unwrap().sign(&SystemRandom::new())?;
    let verifying = public.verifying_key().unwrap();
    assert_eq!(verifying.verify(&signature.scheme, b"message", &signature.bytes), Ok(()));
    Ok(())
}

/// A session of another program that knows the PIN.
fn session() -> Session {
    let library = Pkcs11::new(MODULE).unwrap();
    drop(library.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)));
    let slots = library.get_slots_with_token().unwrap();
    let slot = slots.into_iter().find(|slot| library.get_token_info(*slot).unwrap().label() == LABEL).unwrap();
    let session = library.open_rw_session(slot).unwrap();
    drop(session.login(UserType::User, Some(&AuthPin::from(PIN))));
    session
}

macro_rules! promises {
    ($($promise:ident,)*) => {
        $(
            #[test]
            fn $promise() {
                on_a_token(stringify!($promise), || async { contract::$promise(Arc::new(open().await)).await });
            }
        )*
    };
}

// All but the one about who makes keys.
promises!(
    a_pending_key_is_handed_out_until_it_is_used,
    a_deleted_pending_key_makes_room_for_another,
    purposes_have_keys_of_their_own,
    parallel_requests_get_one_key,
    a_used_key_stays_used,
    deletion_is_exact_and_final,
    keys_open_to_what_was_made,
    unknown_keys_are_absent_not_errors,
    a_healthy_store_passes_its_check,
);

#[test]
fn keys_survive_and_cannot_leave() {
    on_a_token("keys_survive_and_cannot_leave", || async {
        for algorithm in [KeyAlgorithm::Ecdsa, KeyAlgorithm::Ed25519] {
            let record = new_key(&open().await, algorithm).await;
            assert_eq!(record.id, key_id(&record.public));
            let store = open().await;
            sign(&store.open(&record.id).await.unwrap().unwrap()).unwrap();
            let (outside, _) = (session(), &store);
            let (private, ..) = object::find(&outside, &record.id).unwrap().unwrap();
            let secret = outside.get_attributes(private, &[cryptoki::object::AttributeType::Value]).unwrap();
            assert!(secret.is_empty(), "{algorithm}");
        }
    });
}

#[test]
fn two_processes_agree_on_the_pending_key() {
    on_a_token("two_processes_agree_on_the_pending_key", || async {
        // Two stores share nothing but the token.
        let stores = [Arc::new(open().await), Arc::new(open().await)];
        for _ in 0..5 {
            let asked: Vec<_> = (0..8_usize)
                .map(|i| {
                    let store = Arc::clone(&stores[i % 2]);
                    tokio::spawn(async move { new_key(&store, KeyAlgorithm::Ecdsa).await.id })
                })
                .collect();
            let mut ids = Vec::new();
            for answer in asked {
                ids.push(answer.await.unwrap());
            }
            ids.dedup();
            assert_eq!(ids.len(), 1);
            assert!(stores[0].mark_used(&ids[0]).await.unwrap());
        }
    });
}

#[test]
fn what_a_process_that_died_left_is_cleared_away() {
    on_a_token("what_a_process_that_died_left_is_cleared_away", || async {
        let store = open().await;
        let gun = "example.org/app".parse().unwrap();
        let purpose = Purpose { gun, role: RoleName::Timestamp, algorithm: KeyAlgorithm::Ecdsa };
        object::generate(&session(), &purpose, b"0123456789abcdef").unwrap();
        let record = new_key(&store, KeyAlgorithm::Ecdsa).await;
        assert!(purpose.find(&session(), Stage::New).unwrap().is_empty());
        assert_eq!(new_key(&store, KeyAlgorithm::Ecdsa).await, record);
    });
}

#[test]
fn a_wrong_pin_is_tried_once() {
    on_a_token("a_wrong_pin_is_tried_once", || async {
        let refused = open_with(ChosenToken::Label(LABEL.to_owned()), "wrong").await.err().unwrap().to_string();
        assert!(refused.contains(LABEL) && refused.contains(MODULE) && !refused.contains("wrong"), "{refused}");
        let pin = Passphrases::new("pkcs11.pin", Zeroizing::new("wrong".to_owned())).unwrap();
        let token = Token::open(Path::new(MODULE), ChosenToken::Label(LABEL.to_owned()), pin).unwrap();
        for words in ["refuses", "before", "before"] {
            let refused = token.run("be tried", |_, _| Ok(())).unwrap_err().to_string();
            assert!(refused.contains(words), "{refused}");
        }
        open().await;
    });
}

#[test]
fn tokens_and_libraries_that_are_not_there_are_named() {
    on_a_token("tokens_and_libraries_that_are_not_there_are_named", || async {
        let missing = open_with(ChosenToken::Label("mine".to_owned()), PIN).await.err().unwrap().to_string();
        assert!(missing.contains("\"mine\"") && missing.contains(LABEL), "{missing}");
        let pin = Passphrases::new("pkcs11.pin", Zeroizing::new(PIN.to_owned())).unwrap();
        let options = Pkcs11Options { module: "/nowhere/lib.so".into(), token: ChosenToken::Slot(0), pin };
        let missing = Pkcs11KeyStore::open(options).await.err().unwrap().to_string();
        assert!(missing.contains("/nowhere/lib.so"), "{missing}");
    });
}

#[test]
fn lost_sessions_are_replaced() {
    on_a_token("lost_sessions_are_replaced", || async {
        let store = open().await;
        let record = new_key(&store, KeyAlgorithm::Ecdsa).await;
        let held = store.open(&record.id).await.unwrap().unwrap();
        for _ in 0..3 {
            // Nothing the store holds is valid after this, as when a token was pulled out and put back.
            Pkcs11::new(MODULE).unwrap().finalize().unwrap();
            sign(&held).unwrap();
            assert_eq!(store.by_id(&record.id).await.unwrap().as_ref(), Some(&record));
        }
    });
}

#[test]
fn a_token_that_is_gone_is_an_outage() {
    on_a_token("a_token_that_is_gone_is_an_outage", || async {
        let store = open().await;
        let held = store.open(&new_key(&store, KeyAlgorithm::Ecdsa).await.id).await.unwrap().unwrap();
        let configuration = fs::read_to_string(std::env::var(VARIABLE).unwrap()).unwrap();
        let tokens = configuration.lines().find_map(|line| line.strip_prefix("directories.tokendir = ")).unwrap();
        Pkcs11::new(MODULE).unwrap().finalize().unwrap();
        fs::remove_dir_all(tokens).unwrap();
        fs::create_dir(tokens).unwrap();
        let failed = sign(&held).unwrap_err();
        assert!(matches!(&failed, NotSigned::Store(KeyStoreError::Token { .. })), "{failed:?}");
        assert!(failed.to_string().contains(LABEL), "{failed}");
    });
}

#[test]
fn a_key_that_somebody_brought_is_refused() {
    on_a_token("a_key_that_somebody_brought_is_refused", || async {
        let store = open().await;
        let record = new_key(&store, KeyAlgorithm::Ecdsa).await;
        let session = session();
        let (private, purpose, _) = object::find(&session, &record.id).unwrap().unwrap();
        object::destroy(&session, private).unwrap();
        // The id and label of the key, on a pair that was made to be taken out.
        let extractable = [
            Attribute::Token(true),
            Attribute::Sensitive(false),
            Attribute::Extractable(true),
            Attribute::Sign(true),
            Attribute::Label(purpose.label(Stage::Used)),
        ];
        let curve = Attribute::EcParams(vec![0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07]);
        let id = |text: &str| Attribute::Id(hex::decode(text).unwrap());
        let (public, private) = session
            .generate_key_pair(
                &cryptoki::mechanism::Mechanism::EccKeyPairGen,
                &[Attribute::Token(true), curve, id(record.id.as_str())],
                &[&extractable[..], &[id(record.id.as_str())]].concat(),
            )
            .unwrap();
        let other = store.by_id(&record.id).await.unwrap_err();
        assert!(matches!(other, KeyStoreError::UnreadableRow { .. }), "another key under the same id: {other:?}");
        // Under its own id it is found, and not opened.
        let own = other.to_string();
        let own = own.split("that of key ").nth(1).unwrap()[..64].to_owned();
        session.update_attributes(public, &[id(&own)]).unwrap();
        session.update_attributes(private, &[id(&own)]).unwrap();
        assert!(store.by_id(&own.parse().unwrap()).await.unwrap().is_some());
        let refused = store.open(&own.parse().unwrap()).await.unwrap_err().to_string();
        assert!(refused.contains("NEVER_EXTRACTABLE"), "{refused}");
    });
}

#[test]
fn keys_of_others_in_the_token_are_left_alone() {
    on_a_token("keys_of_others_in_the_token_are_left_alone", || async {
        let store = open().await;
        let record = new_key(&store, KeyAlgorithm::Ecdsa).await;
        let session = session();
        let (private, ..) = object::find(&session, &record.id).unwrap().unwrap();
        session.update_attributes(private, &[Attribute::Label(b"payroll".to_vec())]).unwrap();
        assert!(store.by_id(&record.id).await.unwrap().is_none());
        assert!(!store.delete(&record.id).await.unwrap());
        assert!(!store.mark_used(&record.id).await.unwrap());
        session.update_attributes(private, &[Attribute::Label(b"payroll 2".to_vec())]).unwrap();
    });
}
