//! Encryption at rest: a compact JWE with `PBES2-HS256+A128KW` and `A256GCM` (RFC 7516, RFC 7518), byte for byte the
//! form Notary's signer keeps in its `private_keys` table.
//!
//! The passphrase gives a 128-bit key by PBKDF2, which wraps a fresh 256-bit key, which encrypts the plaintext and
//! authenticates the header. Both functions here are slow on purpose: keep them off threads that serve others.

mod derivation;
mod iterations;
mod token;

use std::fmt;

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::rand::SecureRandom;
use zeroize::Zeroizing;

pub use derivation::Derivation;
pub use iterations::{InvalidIterations, Iterations};
use token::{NONCE_BYTES, TAG_BYTES, Token, WRAPPED_KEY_BYTES};

/// The largest secret sealed: 16 KiB. A private key has at most a few; a larger row is not one.
pub const MAX_PLAINTEXT_BYTES: usize = 16 << 10;
/// The largest token read, in bytes: the encoded form of the largest secret.
pub const MAX_TOKEN_BYTES: usize = 24 << 10;

/// What Notary writes, in bytes.
const NEW_SALT_BYTES: usize = 12;
const CONTENT_KEY_BYTES: usize = 32;

/// Encrypts `plaintext` under `passphrase`, with a fresh key, salt and nonce from `random`.
///
/// # Errors
/// If the plaintext has more than [`MAX_PLAINTEXT_BYTES`], or the random source fails.
pub fn seal(
    passphrase: &str,
    plaintext: &[u8],
    iterations: Iterations,
    random: &dyn SecureRandom,
) -> Result<String, SealError> {
    seal_by(Derivation::Standard, passphrase, plaintext, iterations, random)
}

/// As a signer built with Go 1.15.
#[cfg(test)]
pub(crate) fn seal_as_go115(passphrase: &str, plaintext: &[u8], iterations: Iterations) -> String {
    seal_by(Derivation::Go115, passphrase, plaintext, iterations, &ring::rand::SystemRandom::new()).unwrap()
}

fn seal_by(
    derivation: Derivation,
    passphrase: &str,
    plaintext: &[u8],
    iterations: Iterations,
    random: &dyn SecureRandom,
) -> Result<String, SealError> {
    if plaintext.len() > MAX_PLAINTEXT_BYTES {
        return Err(SealError::TooLarge { bytes: plaintext.len() });
    }
    let mut salt = [0; NEW_SALT_BYTES];
    let mut nonce = [0; NONCE_BYTES];
    let mut content_key = Zeroizing::new([0; CONTENT_KEY_BYTES]);
    for buffer in [&mut salt[..], &mut nonce[..], &mut content_key[..]] {
        random.fill(buffer).map_err(|_| SealError::Cryptography)?;
    }
    let mut wrapped = [0; WRAPPED_KEY_BYTES];
    derivation
        .wrapping_key(passphrase, &salt, iterations)
        .wrap_key(content_key.as_ref(), &mut wrapped)
        .map_err(|_| SealError::Cryptography)?;
    let header = token::write_header(iterations, &salt).map_err(|_| SealError::Cryptography)?;
    let mut body = Zeroizing::new(Vec::with_capacity(plaintext.len() + TAG_BYTES));
    body.extend_from_slice(plaintext);
    let tag = content_cipher(&content_key)
        .and_then(|cipher| {
            let nonce = Nonce::assume_unique_for_key(nonce); // The key is new, so no nonce was used with it.
            cipher.seal_in_place_separate_tag(nonce, Aad::from(header.as_bytes()), &mut body)
        })
        .map_err(|_| SealError::Cryptography)?;
    Ok(token::write(&header, &wrapped, &nonce, &body, tag.as_ref()))
}

/// Decrypts a token made by [`seal`] or by Notary's signer, and says how it was sealed. A passphrase that does not open
/// it costs two derivations, one that does usually costs one.
///
/// # Errors
/// [`OpenError::WrongPassphrase`] if the wrapped key does not open, [`OpenError::Damaged`] if it does and the content
/// does not, else if the token is not of this kind or outside the bounds.
pub fn open(passphrase: &str, token: &[u8]) -> Result<Opened, OpenError> {
    let Token { header, iterations, salt, wrapped_key, nonce, ciphertext } = Token::parse(token)?;
    let mut content_key = Zeroizing::new([0; CONTENT_KEY_BYTES]);
    let derivation = [Derivation::Standard, Derivation::Go115]
        .into_iter()
        .find(|derivation| {
            let wrapping = derivation.wrapping_key(passphrase, &salt, iterations);
            wrapping.unwrap_key(&wrapped_key, content_key.as_mut()).is_ok()
        })
        .ok_or(OpenError::WrongPassphrase)?;
    let mut plain = Zeroizing::new(ciphertext);
    let length = content_cipher(&content_key)
        .and_then(|cipher| {
            let nonce = Nonce::assume_unique_for_key(nonce);
            cipher.open_in_place(nonce, Aad::from(header.as_bytes()), &mut plain).map(|plain| plain.len())
        })
        .map_err(|_| OpenError::Damaged)?;
    plain.truncate(length);
    Ok(Opened { plain, iterations, derivation })
}

/// What a token says without being opened: how often the passphrase is hashed.
///
/// # Errors
/// If it is not a token, or outside the bounds.
pub fn iterations(token: &[u8]) -> Result<Iterations, OpenError> {
    Ok(Token::parse(token)?.iterations)
}

/// What was in a token, and how it was sealed. Wiped when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Opened {
    /// The secret.
    pub plain: Zeroizing<Vec<u8>>,
    /// How often the passphrase was hashed.
    pub iterations: Iterations,
    /// How the passphrase was hashed.
    pub derivation: Derivation,
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opened")
            .field("iterations", &self.iterations)
            .field("derivation", &self.derivation)
            .finish_non_exhaustive()
    }
}

fn content_cipher(key: &[u8; CONTENT_KEY_BYTES]) -> Result<LessSafeKey, ring::error::Unspecified> {
    UnboundKey::new(&AES_256_GCM, key).map(LessSafeKey::new)
}

/// Why something was not sealed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// More than [`MAX_PLAINTEXT_BYTES`].
    #[error("a secret of {bytes} bytes is not sealed, the most is {MAX_PLAINTEXT_BYTES}")]
    TooLarge {
        /// Length found, in bytes.
        bytes: usize,
    },
    /// The random source or the cipher failed.
    #[error("the cryptographic library could not seal; is the system's random source available?")]
    Cryptography,
}

/// Why a token did not open.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Not a compact JWE, or a part has the wrong size.
    #[error("not a sealed key: the {part} is malformed or of the wrong size")]
    Malformed {
        /// The part that is at fault.
        part: &'static str,
    },
    /// A header member asks for something else than what the signer writes.
    #[error("sealed in a way that is not supported: {member} is {value:?}")]
    Unsupported {
        /// The header member.
        member: &'static str,
        /// Its value, cut to 64 characters.
        value: String,
    },
    /// `p2c` is outside the bounds.
    #[error("sealed with {0}")]
    Iterations(InvalidIterations),
    /// The passphrase does not open the wrapped key (or the wrapped key was damaged: the two look the same).
    #[error("the passphrase does not open it")]
    WrongPassphrase,
    /// The passphrase is right and the content was changed.
    #[error("the passphrase is right but the sealed content was changed")]
    Damaged,
}

#[cfg(test)]
mod tests {
    use libtrust::dialect::notary::key_id;
    use libtrust::keys::{KeyAlgorithm, SigningKey};
    use proptest::prelude::*;
    use ring::rand::SystemRandom;

    use super::*;

    /// Written by Notary's signer 0.7.0: a throw-away Ed25519 key under `sekrit`.
    const NOTARY_TOKEN: &str = "eyJhbGciOiJQQkVTMi1IUzI1NitBMTI4S1ciLCJlbmMiOiJBMjU2R0NNIiwicDJjIjo4MTkyLCJwMnMiOiJZNWtaNUVoWWkxVHB3ME1pIn0.zHhgvVS3Q7oMGKDf2VaPRIL4u1wVmRwtMsy3X0IPBWdrrW6wtKggog.QHI_XS8KVI-4mpwe.4v15R6jUgAAAGmagun7or0KEqKqG3c6QTZWVZZG3bxP_lYek1BnYsqyccGikv1i--YakMRLWQ0uQ15h5OetS_aeDlQZTDbexh3wstMaR6d3Ea1c1VZFHg6lmvVCJaCM9.BsxzZofy9JYVM7ZJlCyKzQ";

    fn sealed(passphrase: &str, plaintext: &[u8]) -> String {
        seal(passphrase, plaintext, Iterations::MIN, &SystemRandom::new()).unwrap()
    }

    /// A token with another header; every other part as it was.
    fn with_header(json: &str) -> String {
        use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
        let (_, rest) = NOTARY_TOKEN.split_once('.').unwrap();
        format!("{}.{rest}", BASE64_URL_SAFE_NO_PAD.encode(json))
    }

    #[test]
    fn a_token_of_notary_opens_to_its_key() {
        let opened = open("sekrit", NOTARY_TOKEN.as_bytes()).unwrap();
        assert_eq!((opened.iterations, opened.derivation), (Iterations::NOTARY, Derivation::Standard));
        let key = SigningKey::from_plain(KeyAlgorithm::Ed25519, &opened.plain).unwrap();
        let id = key_id(key.public_key());
        assert_eq!(id.as_str(), "51964248251d6690073544896c25b3473c57ef494bc0bbdf75d63da5b96ab073");
    }

    #[test]
    fn a_token_sealed_as_go_1_15_did_opens_and_is_told_apart() {
        for passphrase in ["sekrit", "", &"a passphrase longer than a block ".repeat(4)] {
            let token = seal_as_go115(passphrase, b"plain", Iterations::MIN);
            let opened = open(passphrase, token.as_bytes()).unwrap();
            assert_eq!((opened.plain.as_slice(), opened.derivation), (&b"plain"[..], Derivation::Go115));
            assert_eq!(open("other", token.as_bytes()), Err(OpenError::WrongPassphrase));
        }
    }

    #[test]
    fn what_is_secret_is_not_shown() {
        let opened = open("sekrit", sealed("sekrit", b"hunter2").as_bytes()).unwrap();
        assert!(!format!("{opened:?}").contains(&format!("{:?}", b"hunter2").replace(['[', ']'], "")));
    }

    #[test]
    fn our_header_is_spelled_like_notarys() {
        let salt = Token::parse(NOTARY_TOKEN.as_bytes()).unwrap().salt;
        let ours = token::write_header(Iterations::NOTARY, &salt).unwrap();
        assert_eq!(Some(ours.as_str()), NOTARY_TOKEN.split('.').next());
    }

    #[test]
    fn another_passphrase_is_told_apart_from_damage() {
        assert_eq!(open("Sekrit", NOTARY_TOKEN.as_bytes()), Err(OpenError::WrongPassphrase));
        let (rest, _) = NOTARY_TOKEN.rsplit_once('.').unwrap();
        let other_tag = format!("{rest}.AAAAAAAAAAAAAAAAAAAAAA");
        assert_eq!(open("sekrit", other_tag.as_bytes()), Err(OpenError::Damaged));
    }

    #[test]
    fn no_character_of_a_token_can_change() {
        let token = sealed("pass", b"plain");
        for at in 0..token.len() {
            for replacement in [b'A', b'B', b'.', 0xff] {
                let mut changed = token.clone().into_bytes();
                if changed[at] != replacement {
                    changed[at] = replacement;
                    assert!(open("pass", &changed).is_err(), "byte {at}");
                }
            }
            assert!(open("pass", &token.as_bytes()[..at]).is_err());
        }
        assert!(open("pass", format!("{token}A").as_bytes()).is_err());
        assert!(open("pass", format!("{token}.AA").as_bytes()).is_err());
    }

    #[test]
    fn iterations_outside_the_bounds_are_refused_before_any_is_done() {
        for count in ["0", "999", "10000001", "4294967296", "18446744073709551615"] {
            let json =
                format!(r#"{{"alg":"PBES2-HS256+A128KW","enc":"A256GCM","p2c":{count},"p2s":"Y5kZ5EhYi1Tpw0Mi"}}"#);
            let refused = open("sekrit", with_header(&json).as_bytes());
            assert_eq!(refused, Err(OpenError::Iterations(InvalidIterations { count: count.parse().unwrap() })));
        }
    }

    #[test]
    fn other_algorithms_and_compression_are_refused() {
        for (member, json) in [
            ("alg", r#"{"alg":"dir","enc":"A256GCM","p2c":8192,"p2s":"Y5kZ5EhYi1Tpw0Mi"}"#),
            ("alg", r#"{"alg":"PBES2-HS512+A256KW","enc":"A256GCM","p2c":8192,"p2s":"Y5kZ5EhYi1Tpw0Mi"}"#),
            ("enc", r#"{"alg":"PBES2-HS256+A128KW","enc":"A128GCM","p2c":8192,"p2s":"Y5kZ5EhYi1Tpw0Mi"}"#),
            ("zip", r#"{"alg":"PBES2-HS256+A128KW","enc":"A256GCM","p2c":8192,"p2s":"Y5kZ5EhYi1Tpw0Mi","zip":"DEF"}"#),
            ("crit", r#"{"alg":"PBES2-HS256+A128KW","enc":"A256GCM","p2c":8192,"p2s":"Y5kZ5EhYi1Tpw0Mi","crit":[]}"#),
        ] {
            let refused = open("sekrit", with_header(json).as_bytes());
            assert!(matches!(refused, Err(OpenError::Unsupported { member: m, .. }) if m == member), "{refused:?}");
        }
    }

    #[test]
    fn malformed_headers_are_refused() {
        let long = "a".repeat(2000);
        for json in [
            "",
            "[]",
            "{}",
            r#"{"alg":"PBES2-HS256+A128KW","enc":"A256GCM","p2c":-1,"p2s":"Y5kZ5EhYi1Tpw0Mi"}"#,
            r#"{"alg":"PBES2-HS256+A128KW","enc":"A256GCM","p2c":8192,"p2s":"AAAA"}"#,
            r#"{"alg":"dir","alg":"PBES2-HS256+A128KW","enc":"A256GCM","p2c":8192,"p2s":"Y5kZ5EhYi1Tpw0Mi"}"#,
            long.as_str(),
        ] {
            assert!(matches!(open("sekrit", with_header(json).as_bytes()), Err(OpenError::Malformed { .. })), "{json}");
        }
    }

    #[test]
    fn what_is_too_large_is_neither_sealed_nor_opened() {
        let largest = vec![7; MAX_PLAINTEXT_BYTES];
        assert_eq!(*open("p", sealed("p", &largest).as_bytes()).unwrap().plain, largest);
        let larger = vec![7; MAX_PLAINTEXT_BYTES + 1];
        let refused = seal("p", &larger, Iterations::MIN, &SystemRandom::new());
        assert_eq!(refused, Err(SealError::TooLarge { bytes: MAX_PLAINTEXT_BYTES + 1 }));
        assert_eq!(open("p", &vec![b'A'; MAX_TOKEN_BYTES + 1]), Err(OpenError::Malformed { part: "token" }));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn what_is_sealed_opens_again(passphrase in ".{0,40}", plain in prop::collection::vec(any::<u8>(), 0..300)) {
            let token = sealed(&passphrase, &plain);
            let opened = open(&passphrase, token.as_bytes()).unwrap();
            prop_assert_eq!(&*opened.plain, &plain);
            prop_assert_eq!(opened.derivation, Derivation::Standard);
            prop_assert_ne!(&token, &sealed(&passphrase, &plain));
        }

        #[test]
        fn noise_never_opens(noise in prop::collection::vec(any::<u8>(), 0..400)) {
            prop_assert!(open("p", &noise).is_err());
        }
    }
}
