//! The real programs the stories are played with, a file each.

pub mod base_image;
pub mod compose;
pub mod database;
pub mod docker;
pub mod dockerd;
pub mod galera;
pub mod go_server;
pub mod go_signer;
pub mod mariadb;
pub mod nginx;
pub mod notary;
pub mod our_server;
pub mod our_signer;
pub mod postgres;
pub mod python_tuf;
pub mod registry;
pub mod rust_tuf;
pub mod signer;
pub mod swarm;
pub mod token_issuer;
pub mod trust;
pub mod tuf_js;
