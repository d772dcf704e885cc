//! PKCS#8 sealed with a passphrase: PBES2 of RFC 8018.

use pkcs5::pbes2::{DES_EDE3_CBC_OID, EncryptionScheme, Kdf, PBES2_OID, Parameters, Pbkdf2Params, Pbkdf2Prf, Salt};
use ring::rand::{SecureRandom, SystemRandom};
use x509_cert::der::asn1::{AnyRef, OctetStringRef};
use x509_cert::der::{Decode, Encode, Reader, SliceReader};
use x509_cert::spki::AlgorithmIdentifierRef;
use zeroize::Zeroizing;

use super::{OpenFailed, SealFailed};
use crate::keys::tlv;

/// Rounds of PBKDF2-HMAC-SHA1 when sealing: 50 times those of Notary's own files. Opening takes about 30 ms where the
/// processor has SHA instructions, and must stay below 100 ms where it has none. Notary and Docker read any count, but a
/// command of theirs opens a key several times.
pub const ROUNDS: u32 = 100_000;
/// Most rounds when opening; some seconds. A hostile file could ask for hours.
const MAX_ROUNDS: u32 = 10_000_000;
/// Most memory that scrypt may ask for, in bytes, and most passes over it. OpenSSL's default takes 16 MiB and one.
const MAX_SCRYPT_BYTES: u64 = 256 << 20;
const MAX_SCRYPT_PASSES: u16 = 16;
/// Notary writes 8. A longer one costs nothing, and its readers take any length.
const SALT_BYTES: usize = 16;
const BLOCK_BYTES: usize = 16;
const DES_BLOCK_BYTES: usize = 8;

const OCTET_STRING: u8 = 0x04;
const OBJECT_IDENTIFIER: u8 = 0x06;
const SEQUENCE: u8 = 0x30;

/// Rounds of PBKDF2-HMAC-SHA256 for a backup, which is opened rarely, and may lie about for years.
const BACKUP_ROUNDS: u32 = 600_000;
const NONCE_BYTES: usize = 12;

/// Opens an `EncryptedPrivateKeyInfo`. What comes out may be noise if the passphrase is wrong.
pub fn open(der: &[u8], passphrase: &str) -> Result<Zeroizing<Vec<u8>>, OpenFailed> {
    let (parameters, sealed) = read(der)?;
    decrypt(&parameters, sealed, passphrase)
}

/// Opens what [`seal_backup`] sealed, whole and unchanged or not at all.
pub fn open_backup(der: &[u8], passphrase: &str) -> Result<Zeroizing<Vec<u8>>, OpenFailed> {
    let (parameters, sealed) = read(der)?;
    if !matches!(parameters.encryption, EncryptionScheme::Aes256Gcm { .. }) {
        return Err(unusable("it is not sealed with AES-256-GCM"));
    }
    decrypt(&parameters, sealed, passphrase)
}

/// Seals PKCS#8 in the form that Notary and Docker read: PBKDF2 with HMAC-SHA1 (they take every PRF for it) and
/// AES-256-CBC.
pub fn seal(plain: &[u8], passphrase: &str, rounds: u32) -> Result<Zeroizing<Vec<u8>>, SealFailed> {
    let encryption = EncryptionScheme::Aes256Cbc { iv: random()? };
    encrypt(Pbkdf2Prf::HmacWithSha1, rounds, encryption, plain, passphrase)
}

/// Seals a text of any length so that a change to it is noticed: PBKDF2 with HMAC-SHA256 and AES-256-GCM.
pub fn seal_backup(plain: &[u8], passphrase: &str) -> Result<Zeroizing<Vec<u8>>, SealFailed> {
    let encryption = EncryptionScheme::Aes256Gcm { nonce: random::<NONCE_BYTES>()? };
    encrypt(Pbkdf2Prf::HmacWithSha256, BACKUP_ROUNDS, encryption, plain, passphrase)
}

fn read(der: &[u8]) -> Result<(Parameters, &[u8]), OpenFailed> {
    let (algorithm, sealed) = outer(der).map_err(|_| unusable("it is not an EncryptedPrivateKeyInfo"))?;
    if algorithm.oid != PBES2_OID {
        return Err(unusable(&format!(
            "it is sealed with algorithm {}; convert it with `openssl pkcs8 -topk8 -v2 aes-256-cbc`",
            algorithm.oid
        )));
    }
    let parameters = algorithm.parameters.ok_or_else(|| unusable("its sealing has no parameters"))?;
    if !has_whole_iv(parameters).unwrap_or(false) {
        return Err(unusable("its initialisation vector does not fit its cipher"));
    }
    let parameters = Parameters::try_from(parameters)
        .map_err(|why| unusable(&format!("it is sealed in a way that is not known ({why})")))?;
    bounded(&parameters.kdf)?;
    Ok((parameters, sealed))
}

fn decrypt(parameters: &Parameters, sealed: &[u8], passphrase: &str) -> Result<Zeroizing<Vec<u8>>, OpenFailed> {
    let mut text = Zeroizing::new(sealed.to_vec());
    let length = match parameters.decrypt_in_place(passphrase, &mut text) {
        Ok(plain) => plain.len(),
        Err(pkcs5::Error::DecryptFailed) => return Err(OpenFailed::WrongPassphrase),
        Err(other) => return Err(unusable(&format!("it cannot be opened: {other}"))),
    };
    text.truncate(length);
    Ok(text)
}

fn encrypt(
    prf: Pbkdf2Prf,
    rounds: u32,
    encryption: EncryptionScheme,
    plain: &[u8],
    passphrase: &str,
) -> Result<Zeroizing<Vec<u8>>, SealFailed> {
    let salt = Salt::new(random::<SALT_BYTES>()?).map_err(|_| SealFailed)?;
    let kdf = Kdf::Pbkdf2(Pbkdf2Params { salt, iteration_count: rounds, key_length: None, prf });
    let parameters = Parameters { kdf, encryption };
    // Room for the padding, or for a tag of the same size.
    let mut text = Zeroizing::new(Vec::with_capacity(plain.len() + BLOCK_BYTES));
    text.extend_from_slice(plain);
    text.resize(plain.len() + BLOCK_BYTES, 0);
    let sealed = parameters.encrypt_in_place(passphrase, &mut text, plain.len()).map_err(|_| SealFailed)?;
    let parameters = parameters.to_der().map_err(|_| SealFailed)?;
    let algorithm = tlv(SEQUENCE, &[&tlv(OBJECT_IDENTIFIER, &[PBES2_OID.as_bytes()]), &parameters]);
    Ok(tlv(SEQUENCE, &[&algorithm, &tlv(OCTET_STRING, &[sealed])]))
}

fn random<const N: usize>() -> Result<[u8; N], SealFailed> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| SealFailed)?;
    Ok(bytes)
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

/// The library cuts the IV of 3DES to size without looking at its length. It looks at all others.
fn has_whole_iv(parameters: AnyRef<'_>) -> Result<bool, x509_cert::der::Error> {
    parameters.sequence(|inner| {
        AlgorithmIdentifierRef::decode(inner)?;
        let cipher = AlgorithmIdentifierRef::decode(inner)?;
        let Some(iv) = cipher.parameters.filter(|_| cipher.oid == DES_EDE3_CBC_OID) else { return Ok(true) };
        Ok(iv.decode_as::<&OctetStringRef>()?.as_bytes().len() == DES_BLOCK_BYTES)
    })
}

fn bounded(kdf: &Kdf) -> Result<(), OpenFailed> {
    let too_much = match kdf {
        Kdf::Pbkdf2(asked) => !(1..=MAX_ROUNDS).contains(&asked.iteration_count),
        Kdf::Scrypt(asked) => {
            let cost = asked.cost_parameter;
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
    fn a_short_vector_of_3des_is_refused() {
        let null = [0x05, 0x00];
        let oid = |oid: &[u8]| tlv(OBJECT_IDENTIFIER, &[oid]);
        let vector = tlv(OCTET_STRING, &[&[0; 7]]);
        let cipher = tlv(SEQUENCE, &[&oid(DES_EDE3_CBC_OID.as_bytes()), &vector]);
        let kdf = tlv(SEQUENCE, &[&oid(pkcs5::pbes2::PBKDF2_OID.as_bytes()), &null]);
        let parameters = tlv(SEQUENCE, &[&kdf, &cipher]);
        let algorithm = tlv(SEQUENCE, &[&oid(PBES2_OID.as_bytes()), &parameters]);
        let sealed = tlv(SEQUENCE, &[&algorithm, &tlv(OCTET_STRING, &[&[0; 8]])]);
        assert_eq!(open(&sealed, "x"), Err(unusable("its initialisation vector does not fit its cipher")));
    }

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
