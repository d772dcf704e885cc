//! The certificate around a root key: self-signed, for one collection, as Notary's clients make it.

use chrono::{DateTime, TimeDelta, Utc};
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256, PublicKeyData, SignatureAlgorithm, SigningKey,
};

use super::PublishError;
use crate::client::Signer;
use crate::dialect::Dialect;
use crate::keys::{CertificateBundle, KeyType, PublicKey, ecdsa_der};
use crate::names::Gun;

/// How long the certificate is valid: ten years of 365 days, as Notary's clients give it.
const LIFETIME: TimeDelta = TimeDelta::days(10 * 365);
/// Length of an uncompressed P-256 point: the end of its `SubjectPublicKeyInfo`.
const POINT_BYTES: usize = 65;

/// A certificate for `gun` over the signer's key, valid from `now`.
pub(super) fn self_signed(gun: &Gun, signer: &dyn Signer, now: DateTime<Utc>) -> Result<PublicKey, PublishError> {
    let public = signer.public_key();
    let unfit = |why: String| PublishError::RootCertificate { gun: gun.clone(), why };
    let is_p256 = public.key_type == KeyType::Ecdsa && public.public.len() == 26 + POINT_BYTES;
    let point = public.public.split_at_checked(26).filter(|_| is_p256).map(|(_, point)| point);
    let point = point.ok_or_else(|| unfit(format!("a certificate for a {} key must be given", public.key_type)))?;
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, gun.as_str());
    params.not_before = std::time::SystemTime::from(now).into();
    params.not_after = std::time::SystemTime::from(now + LIFETIME).into();
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::CodeSigning];
    let certificate = params.self_signed(&Subject { signer, point }).map_err(|e| unfit(e.to_string()))?;
    let pem = CertificateBundle::to_pem(&[certificate.der()]);
    Ok(PublicKey::new(KeyType::EcdsaX509, pem.into_bytes()))
}

struct Subject<'a> {
    signer: &'a dyn Signer,
    point: &'a [u8],
}

impl PublicKeyData for Subject<'_> {
    fn der_bytes(&self) -> &[u8] {
        self.point
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ECDSA_P256_SHA256
    }
}

impl SigningKey for Subject<'_> {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        let id = Dialect::Notary.key_id(self.signer.public_key());
        let signature = self.signer.sign(&id, message).map_err(|_| rcgen::Error::RemoteKeyError)?;
        ecdsa_der(&signature.bytes, 32).ok_or(rcgen::Error::RemoteKeyError)
    }
}
