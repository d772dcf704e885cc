//! PEM with headers, as Go reads and writes it.
//!
//! Not the `pem` crate: it refuses to write a header with a colon in its value, which image names have, and leaves copies
//! of plain keys in memory.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use zeroize::Zeroizing;

const LINE: usize = 64;
/// Most headers of a block, and the longest line of one in bytes: a hostile file shall not fill memory or a terminal.
const MAX_HEADERS: usize = 16;
const MAX_HEADER_BYTES: usize = 1024;
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// One block. Has no `Debug`: it may be a plain key.
#[derive(Clone)]
pub struct Pem {
    /// What the first line says it is: `PRIVATE KEY`.
    pub label: String,
    /// Names and values, as they came.
    pub headers: Vec<(String, String)>,
    /// The decoded content.
    pub content: Zeroizing<Vec<u8>>,
}

impl Pem {
    /// Reads every block of a text; what stands between blocks is passed over.
    pub fn parse_all(text: &[u8]) -> Result<Vec<Self>, PemFault> {
        let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
        let mut lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end);
        let mut blocks = Vec::new();
        while let Some(line) = lines.next() {
            if let Some(label) = framed(line, b"-----BEGIN ") {
                let block = Self::parse_block(label, &mut lines, text.len());
                blocks.push(block.map_err(|why| PemFault { block: blocks.len() + 1, why })?);
            }
        }
        Ok(blocks)
    }

    fn parse_block<'a>(
        label: &'a [u8],
        lines: &mut impl Iterator<Item = &'a [u8]>,
        room: usize,
    ) -> Result<Self, &'static str> {
        let utf8 = |bytes: &'a [u8]| std::str::from_utf8(bytes).map_err(|_| "it holds bytes that are not text");
        let label = utf8(label)?;
        let mut headers = Vec::new();
        // Of full size from the start: growing would leave copies of plain keys behind.
        let mut encoded = Zeroizing::new(Vec::with_capacity(room));
        loop {
            let line = lines.next().ok_or("it has no end")?;
            if let Some(end) = framed(line, b"-----END ") {
                if end != label.as_bytes() {
                    return Err("its end is that of another kind of block");
                }
                break;
            }
            if encoded.is_empty() && line.contains(&b':') {
                if headers.len() == MAX_HEADERS || line.len() > MAX_HEADER_BYTES {
                    return Err("it has too many headers, or one that is too long");
                }
                let (name, value) = utf8(line)?.split_once(':').unwrap_or_default();
                headers.push((name.trim().to_owned(), value.trim().to_owned()));
                continue;
            }
            encoded.extend(line.iter().filter(|byte| !byte.is_ascii_whitespace()));
        }
        let mut content = Zeroizing::new(Vec::with_capacity(encoded.len()));
        BASE64_STANDARD.decode_vec(encoded.as_slice(), &mut content).map_err(|_| "its content is not base64")?;
        Ok(Self { label: label.to_owned(), headers, content })
    }

    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// The text as Go writes it: `Proc-Type` first, then the headers sorted by name, lines of 64 columns.
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut headers: Vec<_> = self.headers.iter().collect();
        headers.sort_by_key(|(name, _)| (name != "Proc-Type", name.as_str()));
        let encoded = Zeroizing::new(BASE64_STANDARD.encode(self.content.as_slice()));
        let sizes = headers.iter().map(|(name, value)| name.len() + value.len() + 3).sum::<usize>();
        let mut text =
            Zeroizing::new(String::with_capacity(encoded.len() * 66 / LINE + sizes + 2 * self.label.len() + 40));
        let mut add = |words: &[&str]| words.iter().for_each(|word| text.push_str(word));
        add(&["-----BEGIN ", &self.label, "-----\n"]);
        for (name, value) in &headers {
            add(&[name, ": ", value, "\n"]);
        }
        if !headers.is_empty() {
            add(&["\n"]);
        }
        let mut rest = encoded.as_str();
        while !rest.is_empty() {
            let (line, tail) = rest.split_at(rest.len().min(LINE));
            add(&[line, "\n"]);
            rest = tail;
        }
        add(&["-----END ", &self.label, "-----\n"]);
        text
    }
}

/// The label of a line that begins or ends a block.
fn framed<'a>(line: &'a [u8], start: &[u8]) -> Option<&'a [u8]> {
    line.strip_prefix(start)?.strip_suffix(b"-----")
}

/// A text that looks like PEM and is not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("block {block} is damaged: {why}")]
pub struct PemFault {
    /// Which block, from 1.
    pub block: usize,
    /// What is wrong.
    pub why: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = "\u{feff}words\n-----BEGIN A-----\r\nrole: targets\r\ngun: reg.example:5000/app\r\n\r\nAQID\r\n\
                       -----END A-----\r\n\nmore: words\n-----BEGIN B C-----\nAQ\nID\n-----END B C-----";

    #[test]
    fn blocks_are_read_with_their_headers_and_written_as_go_does() {
        let blocks = Pem::parse_all(TWO.as_bytes()).unwrap();
        assert_eq!(blocks.len(), 2);
        assert_eq!(blocks[0].header("gun"), Some("reg.example:5000/app"));
        assert_eq!((blocks[1].label.as_str(), blocks[1].content.as_slice()), ("B C", &[1, 2, 3][..]));
        let text = "-----BEGIN A-----\ngun: reg.example:5000/app\nrole: targets\n\nAQID\n-----END A-----\n";
        assert_eq!(*blocks[0].to_text(), text);
        assert_eq!(*blocks[1].to_text(), "-----BEGIN B C-----\nAQID\n-----END B C-----\n");
    }

    #[test]
    fn damaged_blocks_are_told_from_none() {
        assert!(Pem::parse_all(b"no block\n").unwrap().is_empty());
        for text in [
            "-----BEGIN A-----\nAQID\n",
            "-----BEGIN A-----\nAQID\n-----END B-----\n",
            "-----BEGIN A-----\nAQ*D\n-----END A-----\n",
            &format!("-----BEGIN A-----\n{}\nAQID\n-----END A-----\n", "a: b\n".repeat(17)),
            &format!("-----BEGIN A-----\na: {}\n\nAQID\n-----END A-----\n", "b".repeat(1100)),
        ] {
            assert_eq!(Pem::parse_all(text.as_bytes()).map(|_| ()).unwrap_err().block, 1, "{text}");
        }
    }

    #[test]
    fn long_content_is_wrapped_as_go_wraps_it() {
        let pem = Pem { label: "A".to_owned(), headers: Vec::new(), content: Zeroizing::new(vec![7; 100]) };
        let text = pem.to_text();
        let widths: Vec<usize> = text.lines().map(str::len).collect();
        assert_eq!(widths, [17, 64, 64, 8, 15]);
        assert_eq!(Pem::parse_all(text.as_bytes()).unwrap()[0].content, pem.content);
    }
}
