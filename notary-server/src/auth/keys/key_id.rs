//! What tokens call a key of the bundle in `kid`.

use ring::digest::{SHA256, digest};

const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// The id that registries' libraries give a key: the first 240 bits of the SHA-256 of its DER `SubjectPublicKeyInfo` in
/// base32, as twelve groups of four joined by colons.
#[must_use]
pub fn registry_key_id(spki: &[u8]) -> String {
    let digest = digest(&SHA256, spki);
    let mut id = String::with_capacity(59);
    // Five bytes are eight letters: two groups.
    for bytes in digest.as_ref().chunks_exact(5) {
        let number = bytes.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        for position in 0..8_u32 {
            if position % 4 == 0 && !id.is_empty() {
                id.push(':');
            }
            let letter = (number >> (35 - 5 * position)) & 31;
            let letter = usize::try_from(letter).ok().and_then(|letter| BASE32.get(letter));
            id.push(letter.map_or('A', |letter| char::from(*letter)));
        }
    }
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_what_other_tools_compute() {
        // printf x | sha256sum | cut -c1-60 | xxd -r -p | base32 -w0 | sed 's/..../&:/g'
        assert_eq!(registry_key_id(b"x"), "FVYR:MQVX:E2YE:IALC:PSU7:XLBS:6XEF:GD5R:SA6M:JWYC:EWDR:PEQ2");
    }
}
