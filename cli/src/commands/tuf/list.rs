//! Lists of targets: a JSON object a line.

use std::borrow::Cow;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;

use libtrust::client::tuf::TargetPath;
use libtrust::json::Value;
use libtrust::metadata::{Digests, Target};
use serde::Deserialize;

use crate::exit::Exit;
use crate::failure::Failure;

/// Longest line, in bytes.
const MAX_LINE: u64 = 1 << 20;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'t> {
    #[serde(borrow)]
    path: Cow<'t, str>,
    length: u64,
    hashes: Hashes,
    custom: Option<serde_json::Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Hashes {
    sha256: Option<String>,
    sha512: Option<String>,
}

/// Reads a list.
///
/// # Errors
/// If a line says no target; it is told which.
pub fn read(file: &Path, prefix: Option<&str>) -> Result<Vec<(TargetPath, Target)>, Failure> {
    let told = |failure: Failure| failure.while_doing(format!("cannot read {}", file.display()));
    let mut lines = BufReader::new(File::open(file).map_err(|error| told(error.into()))?);
    let (mut targets, mut line, mut number) = (Vec::new(), Vec::new(), 0_usize);
    loop {
        line.clear();
        number += 1;
        let read = lines.by_ref().take(MAX_LINE).read_until(b'\n', &mut line);
        if read.map_err(|error| told(error.into()))? == 0 {
            return Ok(targets);
        }
        let text = line.trim_ascii();
        if text.is_empty() {
            continue;
        }
        let target = target(text, prefix);
        targets.push(target.map_err(|failure| told(failure.while_doing(format!("line {number} says no target"))))?);
    }
}

fn target(text: &[u8], prefix: Option<&str>) -> Result<(TargetPath, Target), Failure> {
    let line: Line<'_> = serde_json::from_slice(text).map_err(|error| Failure::caused(Exit::Usage, &error))?;
    let path = match prefix {
        Some(prefix) => format!("{}/{}", prefix.trim_end_matches('/'), line.path).parse()?,
        None => line.path.parse()?,
    };
    let digests = Digests {
        sha256: line.hashes.sha256.as_deref().map(digest).transpose()?,
        sha512: line.hashes.sha512.as_deref().map(digest).transpose()?,
        others: false,
    };
    if digests.is_empty() {
        return Err(Failure::usage("it has neither sha256 nor sha512"));
    }
    let custom = line.custom.map(|custom| {
        let text = custom.to_string();
        Value::parse(text.as_bytes(), 32).map(Value::into_owned)
    });
    let custom = custom.transpose().map_err(|error| Failure::caused(Exit::Usage, &error))?;
    Ok((path, Target { length: line.length, digests, custom }))
}

fn digest<const N: usize>(text: &str) -> Result<[u8; N], Failure> {
    let mut bytes = [0; N];
    let wrong = |_| {
        Failure::usage(format!("{:?} is no digest of {N} bytes in hex", text.chars().take(150).collect::<String>()))
    };
    hex::decode_to_slice(text, &mut bytes).map_err(wrong)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_target() {
        let sha256 = "ab".repeat(32);
        let line = format!(r#"{{"path":"a","length":3,"hashes":{{"sha256":"{sha256}"}},"custom":{{"x":1}}}}"#);
        let (path, found) = target(line.as_bytes(), Some("p/")).unwrap();
        assert_eq!((path.as_str(), found.length, found.digests.sha256), ("p/a", 3, Some([0xab; 32])));
        assert!(found.custom.is_some());
        for wrong in [
            "{}",
            r#"{"path":"a","length":3,"hashes":{}}"#,
            r#"{"path":"../a","length":3,"hashes":{"sha256":"00"}}"#,
            r#"{"path":"a","length":-3,"hashes":{"sha256":"00"}}"#,
            r#"{"path":"a","length":3,"hashes":{"sha256":"00"}}"#,
            r#"{"path":"a","length":3,"hashes":{"md5":"00"}}"#,
        ] {
            assert!(target(wrong.as_bytes(), None).is_err(), "{wrong}");
        }
    }
}
