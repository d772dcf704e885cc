//! What every signer promises, as tests for each.

use libtrust::dialect::notary::key_id;
use libtrust::keys::KeyAlgorithm;
use libtrust::names::{Gun, KeyId, RoleName};

use super::{OnlineSigner, SignerError};

pub(super) fn gun() -> Gun {
    "example.org/app".parse().unwrap()
}

pub(super) async fn keeps_the_promises_of_the_trait(signer: &dyn OnlineSigner) {
    signer.check().await.unwrap();
    for algorithm in [KeyAlgorithm::Ecdsa, KeyAlgorithm::Ed25519] {
        for role in [RoleName::Snapshot, RoleName::Timestamp] {
            let key = signer.create_key(&gun(), &role, algorithm).await.unwrap();
            assert_eq!(signer.create_key(&gun(), &role, algorithm).await.unwrap(), key);
            let id = key_id(&key);
            assert_eq!(signer.public_key(&id).await.unwrap().as_ref(), Some(&key));
            let signature = signer.sign(&id, &gun(), &role, b"message").await.unwrap();
            let verifying = key.verifying_key().unwrap();
            assert_eq!(verifying.verify(&signature.scheme, b"message", &signature.bytes), Ok(()));
            assert_ne!(signer.create_key(&gun(), &role, algorithm).await.unwrap(), key);
        }
    }
}

pub(super) async fn tells_unknown_from_refused(signer: &dyn OnlineSigner) {
    let unknown: KeyId = "0".repeat(64).parse().unwrap();
    assert_eq!(signer.public_key(&unknown).await.unwrap(), None);
    let refused = signer.sign(&unknown, &gun(), &RoleName::Timestamp, b"m").await;
    assert!(matches!(refused, Err(SignerError::UnknownKey(id)) if id == unknown));
    let key = signer.create_key(&gun(), &RoleName::Timestamp, KeyAlgorithm::Ecdsa).await.unwrap();
    let refused = signer.sign(&key_id(&key), &gun(), &RoleName::Snapshot, b"m").await;
    assert!(matches!(refused, Err(SignerError::Refused(_))));
    let refused = signer.create_key(&gun(), &RoleName::Root, KeyAlgorithm::Ecdsa).await;
    assert!(matches!(refused, Err(SignerError::Refused(_))));
}
