//! Names, each parsed once at its one door.

mod gun;
mod image;
mod image_digest;
mod image_error;
mod key_id;
mod role_name;

pub use gun::{Gun, InvalidGun};
pub use image::{Familiar, ImageReference};
pub use image_digest::ImageDigest;
pub use image_error::InvalidImageReference;
pub use key_id::{InvalidKeyId, KeyId};
pub use role_name::{DelegationName, InvalidDelegationName, InvalidRoleName, RoleName};
