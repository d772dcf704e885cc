//! Checking a server's certificate: by the authorities named for it, else by the operating system's, which are read only
//! when they are needed. Reading them takes some milliseconds, as long as the rest of a lookup.

use std::sync::{Arc, OnceLock};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use super::{TlsFileError, named_certificate};

#[derive(Debug)]
pub(super) struct ServerVerifier {
    named: Option<Arc<WebPkiServerVerifier>>,
    /// The same, whole.
    certificates: Vec<CertificateDer<'static>>,
    /// `None` where the named ones replace it.
    system: Option<OnceLock<Result<Arc<WebPkiServerVerifier>, Error>>>,
    provider: Arc<CryptoProvider>,
}

impl ServerVerifier {
    pub(super) fn new(
        named: RootCertStore,
        certificates: Vec<CertificateDer<'static>>,
        with_system: bool,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Self, TlsFileError> {
        let build = |roots| {
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
                .build()
                .map_err(|error| TlsFileError::unusable("TLS", error.to_string()))
        };
        let named = if named.is_empty() { None } else { Some(build(named)?) };
        Ok(Self { named, certificates, system: with_system.then(OnceLock::new), provider: Arc::clone(provider) })
    }

    fn system(&self) -> Result<&Arc<WebPkiServerVerifier>, Error> {
        let Some(system) = &self.system else { return Err(CertificateError::UnknownIssuer.into()) };
        let load = || {
            let mut roots = RootCertStore::empty();
            // One bad file among many is for the system's owner; it makes nobody trusted.
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            if roots.is_empty() {
                return Err(Error::General(
                    "this system has no trusted authorities; install ca-certificates".to_owned(),
                ));
            }
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&self.provider))
                .build()
                .map_err(|error| Error::General(error.to_string()))
        };
        system.get_or_init(load).as_ref().map_err(Clone::clone)
    }
}

impl ServerCertVerifier for ServerVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if let Some(result) = named_certificate::verify(&self.certificates, end_entity, server_name, now) {
            return result.map(|()| ServerCertVerified::assertion());
        }
        let verify = |verifier: &WebPkiServerVerifier| {
            verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
        };
        let refused = match self.named.as_deref().map(verify) {
            Some(Ok(verified)) => return Ok(verified),
            Some(Err(error)) => Some(error),
            None => None,
        };
        let answer = self.system().and_then(|system| verify(system));
        match refused {
            // This one says more: the certificate is from a named authority, and bad.
            Some(error) if error != CertificateError::UnknownIssuer.into() => answer.map_err(|_| error),
            _ => answer,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
