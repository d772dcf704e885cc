//! What signing leaves in the log. Alone in its process: whether an event is on is remembered for all threads.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]

use std::io;
use std::sync::{Arc, Mutex};

use libtrust::dialect::notary::key_id;
use libtrust::keys::KeyAlgorithm;
use libtrust::names::{Gun, RoleName};
use notary_signer::keystore::{KeyStore, Passphrases, SqliteKeyStore};
use notary_signer::policy::SignRequest;
use notary_signer::seal::Iterations;
use notary_signer::signer::{Signer, SignerLimits};
use zeroize::Zeroizing;

/// Collects what a subscriber writes.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn signatures_leave_a_trail_without_content_or_secrets() {
    let written = Written::default();
    let writer = written.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    tracing::subscriber::set_global_default(subscriber).unwrap();

    let folder = tempfile::tempdir().unwrap();
    let passphrases = Passphrases::new("main", Zeroizing::new("hunter2".to_owned())).unwrap();
    let store = SqliteKeyStore::open(&folder.path().join("keys.db"), passphrases, Iterations::MIN).await.unwrap();
    let store: Arc<dyn KeyStore> = Arc::new(store);
    let signer = Signer::new(store, SignerLimits::default());
    let (gun, role): (Gun, _) = ("example.org/app".parse().unwrap(), RoleName::Timestamp);
    let id = key_id(&signer.create_key(&gun, &role, KeyAlgorithm::Ecdsa).await.unwrap());
    let request = SignRequest { key_id: &id, gun: Some(&gun), role: Some(&role), message: b"confidential" };
    signer.sign(request).await.unwrap();
    signer.sign(SignRequest { message: b"", ..request }).await.unwrap_err();
    assert!(signer.delete_key(&id).await.unwrap());

    let log = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
    let events: Vec<_> = log.lines().filter(|line| line.contains(" audit: ")).collect();
    let expected = [
        "INFO audit: creating a key",
        "INFO audit: created a key",
        "INFO audit: signing",
        "INFO audit: signed",
        "WARN audit: not signed",
        "INFO audit: deleting a key",
        "INFO audit: deleted a key",
    ];
    assert_eq!(events.len(), expected.len(), "{log}");
    for (event, words) in events.iter().zip(expected) {
        assert!(event.contains(words), "{event}");
        // Before it is made a key has no id; to delete one, its id is all there is.
        for field in ["gun.name=example.org/app", "role.name=timestamp"] {
            assert!(event.contains(field) || words.contains("delet"), "{event}");
        }
        assert!(event.contains(&format!("key.id={id}")) || words.contains("creating"), "{event}");
    }
    for secret in ["confidential", "hunter2"] {
        assert!(!log.contains(secret), "{log}");
    }
}
