//! What a signer's answers mean. Nothing it says is taken on trust that can be checked here.

use libtrust::dialect::notary::key_id;
use libtrust::keys::{KeyType, PublicKey, Signature, SignatureScheme};
use libtrust::names::KeyId;
use signer_proto::proto;
use tonic::{Code, Status};

use crate::signer::SignerError;

/// The public key of an answer: of the id it is said to have, and of a kind that can verify.
///
/// Notary's signer answers `CreateKey` with success and an empty key when its database fails.
pub(super) fn public_key(info: Option<proto::KeyInfo>, public: Vec<u8>) -> Result<(KeyId, PublicKey), String> {
    let info = info.unwrap_or_default();
    let algorithm = info.algorithm.unwrap_or_default().algorithm;
    if algorithm.is_empty() || public.is_empty() {
        return Err("it answered with an empty key, as Notary's signer does when its database fails".to_owned());
    }
    let key = PublicKey::new(KeyType::from(algorithm.as_str()), public);
    key.verifying_key().map_err(|error| format!("it answered with a key that cannot verify: {error}"))?;
    let id = key_id(&key);
    let said = info.key_id.unwrap_or_default().id;
    if said != id.as_str() {
        let said: String = said.chars().take(KeyId::MAX_BYTES).collect();
        return Err(format!("it calls a key {said:?} whose id is {id}"));
    }
    Ok((id, key))
}

/// The signature of an answer. Whether it verifies is for the caller, who knows the keys.
pub(super) fn signature(asked: &KeyId, answer: proto::Signature) -> Result<Signature, String> {
    let said = answer.key_info.unwrap_or_default().key_id.unwrap_or_default().id;
    if said != asked.as_str() {
        let said: String = said.chars().take(KeyId::MAX_BYTES).collect();
        return Err(format!("it was asked to sign with key {asked} and signed with {said:?}"));
    }
    if answer.content.is_empty() {
        return Err("it answered with an empty signature".to_owned());
    }
    let scheme = match answer.algorithm.unwrap_or_default().algorithm.as_str() {
        "ecdsa" => SignatureScheme::EcdsaFixed,
        "eddsa" => SignatureScheme::Ed25519,
        "rsapss" => SignatureScheme::RsaPss,
        other => {
            return Err(format!("it signed by {:?}, which is not known", other.chars().take(64).collect::<String>()));
        }
    };
    Ok(Signature { key_id: asked.clone(), scheme, bytes: answer.content })
}

/// An answer that is none. Absence of a key is for the caller.
pub(super) fn refusal(signer: &impl std::fmt::Display, status: &Status) -> SignerError {
    let said: String = status.message().chars().take(1000).collect();
    match status.code() {
        Code::InvalidArgument => {
            // Whoever asked may go on without this key. The operator should know all the same.
            tracing::warn!(%signer, reason = said, "the signer refuses");
            SignerError::Refused(said)
        }
        Code::FailedPrecondition => SignerError::UnusableKey(format!("signer {signer}: {said}")),
        code => SignerError::Unavailable(format!("{signer}: {code:?}: {said}")),
    }
}

/// Whether the signer did not take a message because of its length: signers say the first, other gRPC servers the second.
/// Neither has another meaning at a signer.
pub(super) fn is_too_large(status: &Status) -> bool {
    matches!(status.code(), Code::ResourceExhausted | Code::OutOfRange)
}
