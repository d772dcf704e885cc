//! Reading one secret from a stream.

use std::io::{self, Read};

use zeroize::Zeroizing;

/// The longest passphrase read, in bytes: a wrong file or an endless pipe must not fill memory.
const MAX_BYTES: usize = 1024;

/// The first line, without its end. Reads no further than that, so a pipe may stay open.
pub fn first_line(mut source: impl Read) -> io::Result<Zeroizing<String>> {
    // Of full size from the start: growing would leave copies behind.
    let mut line = Zeroizing::new(Vec::with_capacity(MAX_BYTES + 1));
    let mut byte = Zeroizing::new([0]);
    while line.len() <= MAX_BYTES && source.read(byte.as_mut())? == 1 && *byte != [b'\n'] {
        line.extend_from_slice(byte.as_ref());
    }
    if line.len() > MAX_BYTES {
        return Err(io::Error::other(format!("its first line is longer than {MAX_BYTES} bytes")));
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    let text = std::str::from_utf8(&line).map_err(|_| io::Error::other("it is not UTF-8 text"))?;
    if text.is_empty() {
        return Err(io::Error::other("it is empty"));
    }
    Ok(Zeroizing::new(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_counts_and_is_bounded() {
        for (text, expected) in [("a b \nc", Some("a b ")), ("a\r\n", Some("a")), ("a", Some("a")), ("\na", None)] {
            assert_eq!(first_line(text.as_bytes()).ok().as_ref().map(|line| line.as_str()), expected, "{text:?}");
        }
        assert!(first_line(io::repeat(b'a')).is_err());
        assert!(first_line(&[0xff, b'\n'][..]).is_err());
        assert_eq!(first_line("a".repeat(1024).as_bytes()).unwrap().len(), 1024);
    }
}
