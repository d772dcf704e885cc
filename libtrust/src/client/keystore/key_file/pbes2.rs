//! PKCS#8 sealed with a passphrase: PBES2 of RFC 8018.

use pkcs5::pbes2::{EncryptionScheme, Kdf, PBES2_OID, Parameters, Pbkdf2Params, Pbkdf2Prf, Salt};
use ring::rand::{SecureRandom, SystemRandom};
use x509_cert::der::asn1::OctetStringRef;
use x509_cert::der::{Decode, Encode, Reader, SliceReader};
use x509_cert::spki::AlgorithmIdentifierRef;
use zeroize::Zeroizing;

use super::{OpenFailed, SealFailed};
use crate::keys::tlv;

/// Rounds of PBKDF2-HMAC-SHA1 when sealing: 25 times those of Notary's own files. Opening took 27 ms where the processor
/// has SHA instructions, and must stay below 100 ms where it has none. Notary and Docker read any count, but a command
/// of theirs opens a key several times.
pub const ROUNDS: u32 = 50_000;
/// Most rounds when opening; some seconds. A hostile file could ask for hours.
const MAX_ROUNDS: u32 = 10_000_000;
/// Most memory that scrypt may ask for, in bytes, and most passes over it. OpenSSL's default takes 16 MiB and one.
const MAX_SCRYPT_BYTES: u64 = 256 << 20;
const MAX_SCRYPT_PASSES: u16 = 16;
/// Notary writes 8. A longer one costs nothing, and its readers take any length.
const SALT_BYTES: usize = 16;
const BLOCK_BYTES: usize = 16;

const OCTET_STRING: u8 = 0x04;
const OBJECT_IDENTIFIER: u8 = 0x06;
const SEQUENCE: u8 = 0x30;

/// Opens an `EncryptedPrivateKeyInfo`. What comes out may be noise if the passphrase is wrong.
pub fn open(der: &[u8], passphrase: &str) -> Result<Zeroizing<Vec<u8>>, OpenFailed> {
    let (algorithm, sealed) = outer(der).map_err(|_| unusable("it is not an EncryptedPrivateKeyInfo"))?;
    if algorithm.oid != PBES2_OID {
        return Err(unusable(&format!(
            "it is sealed with algorithm {}; convert it with `openssl pkcs8 -topk8 -v2 aes-256-cbc`",
            algorithm.oid
        )));
    }
    let parameters = algorithm.parameters.ok_or_else(|| unusable("its sealing has no parameters"))?;
    let parameters = Parameters::try_from(parameters)
        .map_err(|why| unusable(&format!("it is sealed in a way that is not known ({why})")))?;
    bounded(&parameters.kdf)?;
    let mut text = Zeroizing::new(sealed.to_vec());
    let length = match parameters.decrypt_in_place(passphrase, &mut text) {
        Ok(plain) => plain.len(),
        Err(pkcs5::Error::DecryptFailed) => return Err(OpenFailed::WrongPassphrase),
        Err(other) => return Err(unusable(&format!("it cannot be opened: {other}"))),
    };
    text.truncate(length);
    Ok(text)
}

/// Seals PKCS#8 in the form that Notary and Docker read: PBKDF2 with HMAC-SHA1 (they take every PRF for it) and
/// AES-256-CBC.
pub fn seal(plain: &[u8], passphrase: &str, rounds: u32) -> Result<Zeroizing<Vec<u8>>, SealFailed> {
    let (mut salt, mut iv) = ([0; SALT_BYTES], [0; BLOCK_BYTES]);
    let random = SystemRandom::new();
    random.fill(&mut salt).and_then(|()| random.fill(&mut iv)).map_err(|_| SealFailed)?;
    let kdf = Kdf::Pbkdf2(Pbkdf2Params {
        salt: Salt::new(salt).map_err(|_| SealFailed)?,
        iteration_count: rounds,
        key_length: None,
        prf: Pbkdf2Prf::HmacWithSha1,
    });
    let parameters = Parameters { kdf, encryption: EncryptionScheme::Aes256Cbc { iv } };
    let mut text = Zeroizing::new(Vec::with_capacity(plain.len() + BLOCK_BYTES));
    text.extend_from_slice(plain);
    text.resize(plain.len() + BLOCK_BYTES, 0);
    let sealed = parameters.encrypt_in_place(passphrase, &mut text, plain.len()).map_err(|_| SealFailed)?;
    let parameters = parameters.to_der().map_err(|_| SealFailed)?;
    let algorithm = tlv(SEQUENCE, &[&tlv(OBJECT_IDENTIFIER, &[PBES2_OID.as_bytes()]), &parameters]);
    Ok(tlv(SEQUENCE, &[&algorithm, &tlv(OCTET_STRING, &[sealed])]))
}

fn outer(der: &[u8]) -> Result<(AlgorithmIdentifierRef<'_>, &[u8]), x509_cert::der::Error> {
    let mut reader = SliceReader::new(der)?;
    let parts = reader.sequence(|inner| {
        let algorithm = AlgorithmIdentifierRef::decode(inner)?;
        Ok::<_, x509_cert::der::Error>((algorithm, <&OctetStringRef>::decode(inner)?.as_bytes()))
    })?;
    reader.finish()?;
    Ok(parts)
}

fn bounded(kdf: &Kdf) -> Result<(), OpenFailed> {
    let too_much = match kdf {
        Kdf::Pbkdf2(asked) => !(1..=MAX_ROUNDS).contains(&asked.iteration_count),
        Kdf::Scrypt(asked) => {
            let cost = u64::from(asked.cost_parameter);
            let bytes = cost.saturating_mul(128).saturating_mul(asked.block_size.into());
            // The library takes the logarithm of the cost without looking.
            cost < 2 || bytes > MAX_SCRYPT_BYTES || asked.parallelization > MAX_SCRYPT_PASSES
        }
        _ => true,
    };
    if too_much {
        Err(unusable("its sealing asks for more work or memory than any honest writer does"))
    } else {
        Ok(())
    }
}

fn unusable(why: &str) -> OpenFailed {
    OpenFailed::Unusable(why.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sealed_opens_and_is_bounded() {
        let sealed = seal(b"plain", "passphrase", 7).unwrap();
        assert_eq!(*open(&sealed, "passphrase").unwrap(), b"plain");
        let greedy = seal(b"plain", "passphrase", 1).unwrap();
        // The count is one byte, after the salt.
        let at = greedy.windows(3).position(|three| three == [2, 1, 1]).unwrap();
        let mut none = greedy.to_vec();
        none[at + 2] = 0;
        assert!(matches!(open(&none, "passphrase"), Err(OpenFailed::Unusable(_))));
        assert!(
            bounded(&Kdf::Pbkdf2(Pbkdf2Params {
                salt: Salt::new([0; 8]).unwrap(),
                iteration_count: MAX_ROUNDS + 1,
                key_length: None,
                prf: Pbkdf2Prf::HmacWithSha1,
            }))
            .is_err()
        );
    }
}
