//! Names in addresses: everything but letters, digits and `_ . - ~` is percent-encoded, slashes too.

/// The UTF-8 bytes of `text`, each as it is or as `%XX`. One name gives one part of a path.
pub(super) fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"_.-~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// What [`encode`] made `text` of; nothing if it did not.
pub(super) fn decode(text: &str) -> Option<String> {
    let (first, rest) = text.split_once('%').map_or((text, None), |(first, rest)| (first, Some(rest)));
    let mut bytes = first.as_bytes().to_vec();
    for part in rest.into_iter().flat_map(|rest| rest.split('%')) {
        let (digits, plain) = part.split_at_checked(2)?;
        bytes.extend(hex::decode(digits).ok()?);
        bytes.extend_from_slice(plain.as_bytes());
    }
    String::from_utf8(bytes).ok().filter(|decoded| encode(decoded) == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_unreserved_characters_stay() {
        assert_eq!(encode("AZaz09_.-~"), "AZaz09_.-~");
        assert_eq!(encode("a/b?c#d%e f+"), "a%2Fb%3Fc%23d%25e%20f%2B");
        assert_eq!(encode("ü"), "%C3%BC");
    }

    #[test]
    fn what_was_encoded_is_decoded_and_nothing_else() {
        for text in ["", "a", "%", "a/b%c ü", "%%"] {
            assert_eq!(decode(&encode(text)).as_deref(), Some(text));
        }
        for text in ["%", "%4", "%61", "%c3%bc", "a/b", "%FF"] {
            assert_eq!(decode(text), None, "{text}");
        }
    }
}
