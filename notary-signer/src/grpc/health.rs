//! gRPC's health protocol under the names Notary's server asks for.

use signer_proto::health::health_check_response::ServingStatus;
use signer_proto::health::{HealthCheckRequest, HealthCheckResponse, health_server};
use signer_proto::health_names::{KEY_MANAGEMENT, SIGNER};
use tonic::{Request, Response, Status};

use crate::health::Health;

#[tonic::async_trait]
impl health_server::Health for Health {
    async fn check(&self, request: Request<HealthCheckRequest>) -> Result<Response<HealthCheckResponse>, Status> {
        // Both services need the key store, and nothing else.
        let status = match request.into_inner().service.as_str() {
            "" | KEY_MANAGEMENT | SIGNER if self.is_serving() => ServingStatus::Serving,
            "" | KEY_MANAGEMENT | SIGNER => ServingStatus::NotServing,
            _ => return Err(Status::not_found("unknown service")),
        };
        Ok(Response::new(HealthCheckResponse { status: status.into() }))
    }
}
