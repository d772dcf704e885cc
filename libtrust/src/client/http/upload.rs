//! A publication's body, as Notary's servers take it.

use bytes::Bytes;
use reqwest::header::HeaderValue;
use ring::rand::{SecureRandom as _, SystemRandom};

use crate::names::RoleName;

/// `multipart/form-data`: a part for each file, all called `files`; a part's file name is its role, slashes kept, without
/// `.json`. One buffer, so that repeating it after a refusal costs nothing. `None` if the machine has no randomness.
///
/// `spell` writes a role so that nothing of it needs quoting.
pub(super) fn body(files: &[(RoleName, Vec<u8>)], spell: impl Fn(&RoleName) -> String) -> Option<(HeaderValue, Bytes)> {
    let mut random = [0; 16];
    SystemRandom::new().fill(&mut random).ok()?;
    let boundary = hex::encode(random);
    let size: usize = files.iter().map(|(_, bytes)| bytes.len() + 512).sum();
    let mut body = Vec::with_capacity(size + 64);
    for (role, bytes) in files {
        let role = spell(role);
        let head = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"files\"; filename=\"{role}\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n"
        );
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    let kind = HeaderValue::from_str(&format!("multipart/form-data; boundary={boundary}")).ok()?;
    Some((kind, body.into()))
}
