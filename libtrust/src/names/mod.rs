//! Names, each parsed once at its one door.

mod gun;
mod image;
mod key_id;
mod role_name;

pub use gun::{Gun, InvalidGun};
pub use image::{Familiar, ImageDigest, ImageReference, InvalidImageReference};
pub use key_id::{InvalidKeyId, KeyId};
pub use role_name::{DelegationName, InvalidRoleName, RoleName};
