//! The protocol between trust server and signer, as Notary 0.7.0 speaks it; also the gRPC health protocol.
//!
//! `proto/*.proto` is the source, `src/generated/` is made from it without `protoc` and committed; the test
//! `generated_code_is_up_to_date` compares the two, and writes the files anew with `UPDATE_GENERATED=1`.
#![forbid(unsafe_code)]

/// Largest message either side takes by default, in bytes: gRPC's own default, which Notary keeps.
pub const MESSAGE_BYTES: usize = 4 << 20;

/// The names under which Notary's server asks for the signer's health. They are not the services' gRPC names.
pub mod health_names {
    /// Health of `proto.KeyManagement`.
    pub const KEY_MANAGEMENT: &str = "grpc.health.v1.Health.KeyManagement";
    /// Health of `proto.Signer`.
    pub const SIGNER: &str = "grpc.health.v1.Health.Signer";
}

/// Package `proto`: the key management and signing services.
#[allow(missing_docs, clippy::all, clippy::pedantic, clippy::indexing_slicing, clippy::expect_used, clippy::unwrap_used)]
#[rustfmt::skip]
#[path = "generated/proto.rs"]
pub mod proto;

/// Package `grpc.health.v1`.
#[allow(missing_docs, clippy::all, clippy::pedantic, clippy::indexing_slicing, clippy::expect_used, clippy::unwrap_used)]
#[rustfmt::skip]
#[path = "generated/grpc.health.v1.rs"]
pub mod health;
