//! One sealed PEM block around a text.

use zeroize::Zeroizing;

use super::{OpenFailed, Pem, SealFailed, pbes2};

const LABEL: &str = "TRUST KEY BACKUP";
const FORMAT: &str = "format";
const VERSION: &str = "1";

/// Seals a text.
pub fn seal_backup(plain: &str, passphrase: &str) -> Result<Zeroizing<String>, SealFailed> {
    let content = pbes2::seal_backup(plain.as_bytes(), passphrase)?;
    let headers = vec![(FORMAT.to_owned(), VERSION.to_owned())];
    Ok(Pem { label: LABEL.to_owned(), headers, content }.to_text())
}

/// Opens what [`seal_backup`] sealed.
pub fn open_backup(text: &[u8], passphrase: &str) -> Result<Zeroizing<Vec<u8>>, OpenFailed> {
    let blocks = Pem::parse_all(text).map_err(|fault| OpenFailed::Unusable(fault.to_string()))?;
    let [block] = blocks.as_slice() else {
        return Err(OpenFailed::Unusable("it is not one PEM block".to_owned()));
    };
    if block.label != LABEL || block.header(FORMAT) != Some(VERSION) {
        return Err(OpenFailed::Unusable(format!("it is not a {LABEL} of format {VERSION}")));
    }
    pbes2::open_backup(&block.content, passphrase)
}
