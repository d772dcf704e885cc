//! `proto.KeyManagement`.

use libtrust::dialect::notary::key_id;
use signer_proto::proto::{self, key_management_server};
use tonic::{Request, Response, Status};

use super::{Calls, fields, status};
use crate::peers::Action;

#[tonic::async_trait]
impl key_management_server::KeyManagement for Calls {
    async fn create_key(
        &self,
        request: Request<proto::CreateKeyRequest>,
    ) -> Result<Response<proto::PublicKey>, Status> {
        self.permit(&request, Action::Create)?;
        let proto::CreateKeyRequest { algorithm, gun, role } = request.into_inner();
        let algorithm = fields::algorithm(&algorithm)?;
        let (gun, role) = (fields::gun(&gun)?, fields::role(&role)?);
        let public = self.signer.create_key(&gun, &role, algorithm).await.map_err(|error| {
            self.note(&error);
            let broken = || "Key creation failed".to_owned();
            status::of(&error, broken, broken)
        })?;
        Ok(Response::new(proto::PublicKey {
            key_info: Some(fields::key_info(&key_id(&public), algorithm)),
            public_key: public.public,
        }))
    }

    /// A key that is not there is deleted, too: who asks twice gets what it wants.
    async fn delete_key(&self, request: Request<proto::KeyId>) -> Result<Response<proto::Void>, Status> {
        self.permit(&request, Action::Delete)?;
        let id = fields::key_id(Some(request.get_ref()))?;
        self.signer.delete_key(&id).await.map_err(|error| {
            self.note(&error);
            status::of(&error, || format!("key {id} not found"), || format!("key {id} was not deleted"))
        })?;
        Ok(Response::new(proto::Void {}))
    }

    async fn get_key_info(
        &self,
        request: Request<proto::KeyId>,
    ) -> Result<Response<proto::GetKeyInfoResponse>, Status> {
        self.permit(&request, Action::LookUp)?;
        let id = fields::key_id(Some(request.get_ref()))?;
        let not_found = || format!("key {id} not found");
        let record = self.signer.record(&id).await.map_err(|error| {
            self.note(&error);
            status::of(&error, not_found, not_found)
        })?;
        let record = record.ok_or_else(|| Status::not_found(not_found()))?;
        Ok(Response::new(proto::GetKeyInfoResponse {
            key_info: Some(fields::key_info(&record.id, record.algorithm)),
            public_key: record.public.public,
            role: record.role.as_str().to_owned(),
        }))
    }
}
