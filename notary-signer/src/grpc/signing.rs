//! `proto.Signer`.

use libtrust::keys::SignatureScheme;
use signer_proto::proto::{self, signer_server};
use tonic::{Request, Response, Status};

use super::{Calls, fields, status};
use crate::peers::Action;
use crate::policy::SignRequest;

#[tonic::async_trait]
impl signer_server::Signer for Calls {
    async fn sign(&self, request: Request<proto::SignatureRequest>) -> Result<Response<proto::Signature>, Status> {
        self.permit(&request, Action::Sign)?;
        let asked = request.into_inner();
        let id = fields::key_id(asked.key_id.as_ref())?;
        // Notary's server leaves both out.
        let gun = if asked.gun.is_empty() { None } else { Some(fields::gun(&asked.gun)?) };
        let role = if asked.role.is_empty() { None } else { Some(fields::role(&asked.role)?) };
        let request = SignRequest { key_id: &id, gun: gun.as_ref(), role: role.as_ref(), message: &asked.content };
        let signature = self.signer.sign(request).await.map_err(|error| {
            self.note(&error);
            let not_found = || format!("signing key not found: {id}");
            status::of(&error, not_found, || format!("Signing failed for KeyID {id}"))
        })?;
        let (method, algorithm) = match signature.scheme {
            SignatureScheme::EcdsaFixed => ("ecdsa", libtrust::keys::KeyAlgorithm::Ecdsa),
            SignatureScheme::Ed25519 => ("eddsa", libtrust::keys::KeyAlgorithm::Ed25519),
            _ => return Err(Status::internal(format!("Signing failed for KeyID {id}"))),
        };
        Ok(Response::new(proto::Signature {
            key_info: Some(fields::key_info(&signature.key_id, algorithm)),
            algorithm: Some(proto::Algorithm { algorithm: method.to_owned() }),
            content: signature.bytes,
        }))
    }
}
