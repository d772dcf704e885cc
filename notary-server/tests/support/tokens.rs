//! Makes registry tokens, good and bad. Test only: the product cannot sign one.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD, Engine as _};
use notary_server::auth::keys::registry_key_id;
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DnType, IsCa, Issuer, KeyPair, PKCS_ECDSA_P256_SHA256,
    PublicKeyData as _,
};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use serde_json::{Value, json};

pub const ISSUER: &str = "auth.example";
pub const SERVICE: &str = "trust.example";

/// A key with a certificate.
pub struct Signer {
    pub key: KeyPair,
    pub certificate: Certificate,
    params: CertificateParams,
}

fn params(name: &str, is_ca: bool, years: (i32, i32)) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = if is_ca { IsCa::Ca(BasicConstraints::Unconstrained) } else { IsCa::ExplicitNoCa };
    params.not_before = rcgen::date_time_ymd(years.0, 1, 1);
    params.not_after = rcgen::date_time_ymd(years.1, 1, 1);
    params
}

/// The dates of certificates that are valid when tests play.
pub const NOW: (i32, i32) = (2020, 2040);

impl Signer {
    /// Signs its own certificate.
    pub fn alone(name: &str, is_ca: bool, years: (i32, i32)) -> Self {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let params = params(name, is_ca, years);
        Self { certificate: params.self_signed(&key).unwrap(), key, params }
    }

    /// Has a certificate from another.
    pub fn under(parent: &Self, name: &str, is_ca: bool, years: (i32, i32)) -> Self {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let params = params(name, is_ca, years);
        let issuer = Issuer::from_params(&parent.params, &parent.key);
        Self { certificate: params.signed_by(&key, &issuer).unwrap(), key, params }
    }

    /// The id that registries give its key.
    pub fn id(&self) -> String {
        registry_key_id(&self.key.subject_public_key_info())
    }

    pub fn jwk(&self) -> Value {
        let spki = self.key.subject_public_key_info();
        let point = &spki[spki.len() - 64..];
        let (x, y) = point.split_at(32);
        json!({"kty": "EC", "crv": "P-256", "x": encode(x), "y": encode(y)})
    }

    pub fn x5c(&self) -> Value {
        json!(BASE64_STANDARD.encode(self.certificate.der()))
    }

    /// A signature in the form of ES256.
    pub fn sign(&self, message: &str) -> Vec<u8> {
        let random = SystemRandom::new();
        let key =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &self.key.serialize_der(), &random).unwrap();
        key.sign(&random, message.as_bytes()).unwrap().as_ref().to_vec()
    }

    /// A token with any header and claims, signed.
    pub fn token(&self, header: &str, claims: &str) -> String {
        let message = format!("{}.{}", encode(header), encode(claims));
        format!("{message}.{}", encode(self.sign(&message)))
    }

    /// A good token of this key by id.
    pub fn grant(&self, access: &[(&str, &str, &[&str])], expires: i64) -> String {
        self.token(
            &json!({"typ": "JWT", "alg": "ES256", "kid": self.id()}).to_string(),
            &claims(access, expires).to_string(),
        )
    }
}

pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// Good claims: type, name and actions of each access.
pub fn claims(access: &[(&str, &str, &[&str])], expires: i64) -> Value {
    let access: Vec<Value> =
        access.iter().map(|(kind, name, actions)| json!({"type": kind, "name": name, "actions": actions})).collect();
    json!({"iss": ISSUER, "sub": "alice", "aud": SERVICE, "exp": expires, "nbf": expires - 600, "access": access})
}
