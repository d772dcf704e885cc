//! Writing files byte for byte as Go writes them.

use base64::prelude::{BASE64_STANDARD, Engine as _};

use super::common::object;
use super::envelope::method;
use crate::json::{Numbers, Value, to_wire};
use crate::keys::Signature;

/// `{"signed":..,"signatures":[..]}`: this order, not sorted.
pub(in crate::dialect) fn file(signed: &[u8], signatures: &[Signature]) -> Vec<u8> {
    let signatures = signatures.iter().map(|signature| {
        object([
            ("keyid", signature.key_id.as_str().into()),
            ("method", method(&signature.scheme).into()),
            ("sig", BASE64_STANDARD.encode(&signature.bytes).into()),
        ])
    });
    // Strings alone: there is no number that could fail.
    let signatures = to_wire(&Value::Array(signatures.collect()), Numbers::WithinDoubles).unwrap_or_default();
    [b"{\"signed\":", signed, b",\"signatures\":", &signatures, b"}"].concat()
}

#[cfg(test)]
mod tests {
    use crate::dialect::Dialect;
    use crate::testing::Publisher;

    #[test]
    fn a_size_no_reader_holds_is_not_signed() {
        let (mut publisher, _) = Publisher::whole("example.com/a");
        publisher.tag(1, 1);
        for target in publisher.targets.targets.values_mut() {
            target.length = u64::MAX;
        }
        assert!(Dialect::Notary.encode(&publisher.targets).is_err());
    }
}
