//! JSON as signatures need it: a bounded reader that refuses what two readers could read differently, and the canonical
//! form that is signed.

mod canonical;
mod value;

pub use canonical::{NotCanonical, Numbers, to_canonical, to_wire};
pub(crate) use canonical::{canonical_in, to_both};
pub use value::{InvalidJson, Members, Number, Value};
