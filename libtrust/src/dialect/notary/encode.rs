//! Writing files byte for byte as Go writes them.

use base64::prelude::{BASE64_STANDARD, Engine as _};

use super::common::object;
use super::envelope::method;
use crate::dialect::Unsigned;
use crate::json::{Value, to_canonical, to_wire};
use crate::keys::Signature;

/// The two forms of `signed`.
pub(in crate::dialect) fn encode(signed: &Value<'_>) -> Unsigned {
    // Values built from the role model hold no numbers but versions, thresholds and sizes read within 2^53.
    Unsigned { canonical: to_canonical(signed).unwrap_or_default(), wire: to_wire(signed).unwrap_or_default() }
}

/// `{"signed":..,"signatures":[..]}`: this order, not sorted.
pub(in crate::dialect) fn file(signed: &[u8], signatures: &[Signature]) -> Vec<u8> {
    let signatures = signatures.iter().map(|signature| {
        object([
            ("keyid", signature.key_id.as_str().into()),
            ("method", method(&signature.scheme).into()),
            ("sig", BASE64_STANDARD.encode(&signature.bytes).as_str().into()),
        ])
    });
    let signatures = to_wire(&Value::Array(signatures.collect())).unwrap_or_default();
    [b"{\"signed\":", signed, b",\"signatures\":", &signatures, b"}"].concat()
}
