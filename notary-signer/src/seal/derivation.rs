//! From a passphrase to the key that wraps: PBKDF2 with HMAC-SHA-256, and how some signers got it wrong.

use aes_kw::{KeyInit as _, KwAes128};
use ring::digest::{self, SHA256, SHA256_OUTPUT_LEN};
use ring::{hmac, pbkdf2};
use zeroize::Zeroizing;

use super::Iterations;
use super::token::KEY_WRAP;

const WRAPPING_KEY_BYTES: usize = 16;
/// SHA-256 works on blocks of this many bytes.
const BLOCK_BYTES: usize = 64;
const OUTER_PAD: u8 = 0x5c;

/// How a passphrase became the key that wraps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Derivation {
    /// PBKDF2 as RFC 8018 section 5.2 has it.
    Standard,
    /// What a Notary signer built with Go 1.15 computed. Its library handed HMAC one hash for inner and outer use, and
    /// that release of Go kept the state of a hash between rounds: the first round ran the outer hash twice,
    /// `U1 = H(opad || H(opad || salt || 1))`, where `H(opad || H(ipad || salt || 1))` is right. Later rounds are. No
    /// other program opens such a key, so it should be sealed anew.
    Go115,
}

impl Derivation {
    /// RFC 7518 section 4.8: the salt input is the algorithm's name, a zero byte and the salt.
    pub(super) fn wrapping_key(self, passphrase: &str, salt: &[u8], iterations: Iterations) -> KwAes128 {
        let salt = [KEY_WRAP.as_bytes(), &[0], salt].concat();
        let mut key = Zeroizing::new([0; WRAPPING_KEY_BYTES]);
        match self {
            Self::Standard => {
                let prf = pbkdf2::PBKDF2_HMAC_SHA256;
                pbkdf2::derive(prf, iterations.count(), &salt, passphrase.as_bytes(), key.as_mut());
            }
            Self::Go115 => derive_as_go115(passphrase.as_bytes(), &salt, iterations, &mut key),
        }
        KwAes128::new((&*key).into())
    }
}

fn derive_as_go115(passphrase: &[u8], salt: &[u8], iterations: Iterations, key: &mut [u8; WRAPPING_KEY_BYTES]) {
    let outer_pad = outer_pad(passphrase);
    let mut round = Zeroizing::new([0; SHA256_OUTPUT_LEN]);
    let inner = hash(&[outer_pad.as_ref(), salt, &1_u32.to_be_bytes()]);
    round.copy_from_slice(hash(&[outer_pad.as_ref(), inner.as_ref()]).as_ref());
    let mut sum = round.clone();
    let prf = hmac::Key::new(hmac::HMAC_SHA256, passphrase);
    for _ in 1..iterations.count().get() {
        let next = hmac::sign(&prf, round.as_ref());
        round.copy_from_slice(next.as_ref());
        sum.iter_mut().zip(round.iter()).for_each(|(sum, byte)| *sum ^= byte);
    }
    key.iter_mut().zip(sum.iter()).for_each(|(key, byte)| *key = *byte);
}

/// RFC 2104: the key, hashed if it is longer than a block and filled up with zeros, combined with the pad.
fn outer_pad(passphrase: &[u8]) -> Zeroizing<[u8; BLOCK_BYTES]> {
    let hashed = hash(&[passphrase]);
    let key = if passphrase.len() > BLOCK_BYTES { hashed.as_ref() } else { passphrase };
    let mut pad = Zeroizing::new([OUTER_PAD; BLOCK_BYTES]);
    pad.iter_mut().zip(key).for_each(|(pad, byte)| *pad ^= byte);
    pad
}

fn hash(parts: &[&[u8]]) -> digest::Digest {
    let mut context = digest::Context::new(&SHA256);
    parts.iter().for_each(|part| context.update(part));
    context.finish()
}

/// Go 1.15's HMAC over one shared hash, and the library's PBKDF2 on top, step by step as they ran.
#[cfg(test)]
pub(super) mod go115 {
    use ring::digest::{Context, SHA256};

    /// `crypto/hmac` of Go 1.15, where `hash` is both its inner and its outer hash.
    struct Hmac {
        hash: Context,
        ipad: Vec<u8>,
        opad: Vec<u8>,
        /// The states it kept at its first `Reset`: after the inner and after the outer pad.
        kept: Option<(Context, Context)>,
    }

    impl Hmac {
        fn new(key: &[u8]) -> Self {
            let mut hash = Context::new(&SHA256);
            let mut block = key.to_vec();
            if key.len() > 64 {
                hash.update(key);
                block = hash.clone().finish().as_ref().to_vec();
            }
            block.resize(64, 0);
            let ipad: Vec<u8> = block.iter().map(|byte| byte ^ 0x36).collect();
            let opad = block.iter().map(|byte| byte ^ 0x5c).collect();
            hash.update(&ipad);
            Self { hash, ipad, opad, kept: None }
        }

        fn reset(&mut self) {
            if let Some((inner, _)) = &self.kept {
                self.hash = inner.clone();
                return;
            }
            self.hash = Context::new(&SHA256);
            self.hash.update(&self.ipad);
            let inner = self.hash.clone();
            // "outer.Reset()": the same hash.
            self.hash = Context::new(&SHA256);
            self.hash.update(&self.opad);
            self.kept = Some((inner, self.hash.clone()));
        }

        fn write(&mut self, bytes: &[u8]) {
            self.hash.update(bytes);
        }

        fn sum(&mut self) -> Vec<u8> {
            let inner = self.hash.clone().finish();
            self.hash = self.kept.as_ref().unwrap().1.clone();
            self.hash.update(inner.as_ref());
            self.hash.clone().finish().as_ref().to_vec()
        }
    }

    pub(in crate::seal) fn derive(passphrase: &str, salt: &[u8], iterations: u32) -> Vec<u8> {
        let mut prf = Hmac::new(passphrase.as_bytes());
        prf.reset();
        prf.write(salt);
        prf.write(&1_u32.to_be_bytes());
        let mut round = prf.sum();
        let mut sum = round.clone();
        for _ in 1..iterations {
            prf.reset();
            prf.write(&round);
            round = prf.sum();
            sum.iter_mut().zip(&round).for_each(|(sum, byte)| *sum ^= byte);
        }
        sum.truncate(16);
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wrong_first_round_is_what_go_1_15_ran() {
        for passphrase in ["", "sekrit", &"p".repeat(64), &"p".repeat(65), &"long ".repeat(100)] {
            for count in [1_000, 8_192] {
                let iterations = Iterations::try_from(count).unwrap();
                let mut key = [0; 16];
                derive_as_go115(passphrase.as_bytes(), b"salt", iterations, &mut key);
                assert_eq!(key.as_slice(), go115::derive(passphrase, b"salt", iterations.count().get()));
            }
        }
    }

    #[test]
    fn only_the_first_round_differs() {
        let (passphrase, salt, iterations) = (b"sekrit", b"salt", Iterations::MIN);
        let mut right = [0; 32];
        pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, iterations.count(), salt, passphrase, &mut right);
        let mut wrong = [0; 16];
        derive_as_go115(passphrase, salt, iterations, &mut wrong);
        assert_ne!(right[..16], wrong);
    }
}
