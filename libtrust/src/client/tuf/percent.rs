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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_unreserved_characters_stay() {
        assert_eq!(encode("AZaz09_.-~"), "AZaz09_.-~");
        assert_eq!(encode("a/b?c#d%e f+"), "a%2Fb%3Fc%23d%25e%20f%2B");
        assert_eq!(encode("ü"), "%C3%BC");
    }
}
