//! Keys sealed as OpenSSL did before PKCS#8: RFC 1421 headers, a key from one round of MD5. Read only; what is read is
//! sealed anew when it is stored.

use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeDecrypt, KeyIvInit};
use md5::{Digest, Md5};
use zeroize::Zeroizing;

use super::OpenFailed;

/// The header that names cipher and IV.
pub const DEK_INFO: &str = "DEK-Info";
const SALT_BYTES: usize = 8;

/// Opens `sealed` as a `DEK-Info` header says. What comes out may be noise if the passphrase is wrong.
pub fn open(dek_info: &str, sealed: &[u8], passphrase: &str) -> Result<Zeroizing<Vec<u8>>, OpenFailed> {
    let unusable = |why: String| OpenFailed::Unusable(why);
    let (cipher, iv) = dek_info.split_once(',').unwrap_or((dek_info, ""));
    let iv = hex::decode(iv.trim()).map_err(|_| unusable("its DEK-Info header has no initialisation vector".into()))?;
    let open = match cipher.trim() {
        "AES-128-CBC" => cbc_open::<cbc::Decryptor<aes::Aes128>>,
        "AES-192-CBC" => cbc_open::<cbc::Decryptor<aes::Aes192>>,
        "AES-256-CBC" => cbc_open::<cbc::Decryptor<aes::Aes256>>,
        "DES-EDE3-CBC" => cbc_open::<cbc::Decryptor<des::TdesEde3>>,
        "DES-CBC" => cbc_open::<cbc::Decryptor<des::Des>>,
        other => {
            let other: String = other.chars().take(32).collect();
            return Err(unusable(format!(
                "it is sealed with cipher {other:?}; convert it with `openssl pkcs8 -topk8`"
            )));
        }
    };
    open(sealed, passphrase, &iv)
}

fn cbc_open<C: BlockModeDecrypt + KeyIvInit>(
    sealed: &[u8],
    passphrase: &str,
    iv: &[u8],
) -> Result<Zeroizing<Vec<u8>>, OpenFailed> {
    let wrong_iv = || OpenFailed::Unusable("its initialisation vector does not fit its cipher".to_owned());
    let salt = iv.get(..SALT_BYTES).ok_or_else(wrong_iv)?;
    let key = derive(passphrase, salt, C::key_size());
    let cipher = C::new_from_slices(&key, iv).map_err(|_| wrong_iv())?;
    let mut text = Zeroizing::new(sealed.to_vec());
    let length = cipher.decrypt_padded::<Pkcs7>(&mut text).map_err(|_| OpenFailed::WrongPassphrase)?.len();
    text.truncate(length);
    Ok(text)
}

/// OpenSSL's `EVP_BytesToKey` with MD5 and one round.
fn derive(passphrase: &str, salt: &[u8], bytes: usize) -> Zeroizing<Vec<u8>> {
    let mut key = Zeroizing::new(Vec::with_capacity(bytes + Md5::output_size()));
    let mut last = Zeroizing::new(Vec::new());
    while key.len() < bytes {
        let digest = Md5::new().chain_update(last.as_slice()).chain_update(passphrase).chain_update(salt).finalize();
        last = Zeroizing::new(digest.to_vec());
        key.extend_from_slice(&last);
    }
    key.truncate(bytes);
    key
}
