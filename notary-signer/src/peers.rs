//! Who calls, and what they may do.
//!
//! A client is known by the certificate the TLS handshake verified: by its subject's common name and by the DNS names
//! among its alternative names. A name in a list fits whichever of them is the same but for the case of ASCII letters; there are no
//! patterns.

use std::collections::BTreeSet;
use std::fmt;
use std::net::SocketAddr;

use notary_service::listen::Peer;
use x509_cert::Certificate;
use x509_cert::der::asn1::{PrintableStringRef, TeletexStringRef, Utf8StringRef};
use x509_cert::der::oid::ObjectIdentifier;
use x509_cert::der::{Decode, Tag, Tagged};
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");
/// Stands for every client in a list.
const EVERYBODY: &str = "*";

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    address: SocketAddr,
    /// In lower case: the common name, then the DNS names. Empty if there is no certificate, or no such name in it.
    names: Vec<String>,
}

impl Caller {
    /// Reads the names out of the certificate of a connection. One that cannot be read has no names.
    #[must_use]
    pub fn of(peer: &Peer) -> Self {
        let certificate = peer.certificate.as_ref().and_then(|der| Certificate::from_der(der).ok());
        let mut names = certificate.as_ref().map(names).unwrap_or_default();
        names.retain(|name| !name.is_empty() && !name.chars().any(char::is_control));
        Self { address: peer.address, names }
    }

    /// Where the call came from.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The name for logs: the first there is.
    #[must_use]
    pub fn name(&self) -> &str {
        self.names.first().map_or("anonymous", String::as_str)
    }
}

fn names(certificate: &Certificate) -> Vec<String> {
    let certificate = certificate.tbs_certificate();
    let common =
        certificate.subject().iter().filter(|attribute| attribute.oid == COMMON_NAME).filter_map(|attribute| {
            let value = &attribute.value;
            match value.tag() {
                Tag::Utf8String => Utf8StringRef::try_from(value).ok().map(|text| text.as_str().to_ascii_lowercase()),
                Tag::PrintableString => {
                    PrintableStringRef::try_from(value).ok().map(|text| text.as_str().to_ascii_lowercase())
                }
                Tag::TeletexString => {
                    TeletexStringRef::try_from(value).ok().map(|text| text.as_str().to_ascii_lowercase())
                }
                _ => None,
            }
        });
    let alternatives = certificate.get_extension::<SubjectAltName>().ok().flatten().map(|(_, names)| names.0);
    let dns = alternatives.into_iter().flatten().filter_map(|name| match name {
        GeneralName::DnsName(name) => Some(name.as_str().to_ascii_lowercase()),
        _ => None,
    });
    common.chain(dns).collect()
}

/// What a call does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Signs with a key.
    Sign,
    /// Reads a public key.
    LookUp,
    /// Makes a key.
    Create,
    /// Deletes a key.
    Delete,
}

/// To whom something is granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grant {
    /// To nobody.
    Nobody,
    /// To whoever completed the TLS handshake.
    Everybody,
    /// To clients with one of these names, in lower case.
    Named(BTreeSet<String>),
}

impl Grant {
    /// To the clients with these names; `*` is everybody.
    #[must_use]
    pub fn to(names: Vec<String>) -> Self {
        if names.is_empty() {
            return Self::Nobody;
        }
        if names.iter().any(|name| name == EVERYBODY) {
            return Self::Everybody;
        }
        Self::Named(names.iter().map(|name| name.trim().to_ascii_lowercase()).collect())
    }

    /// As a list that [`Grant::to`] would read.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        match self {
            Self::Nobody => Vec::new(),
            Self::Everybody => vec![EVERYBODY],
            Self::Named(names) => names.iter().map(String::as_str).collect(),
        }
    }

    fn includes(&self, caller: &Caller) -> bool {
        match self {
            Self::Nobody => false,
            Self::Everybody => true,
            Self::Named(names) => caller.names.iter().any(|name| names.contains(name)),
        }
    }
}

/// Who may do what. Looking a key up is free to those who may do anything with keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorization {
    signing: Grant,
    creation: Grant,
    deletion: Grant,
}

impl Default for Authorization {
    /// As Notary, but for deletion: Notary's server never asks for it, so whoever does is not one.
    fn default() -> Self {
        Self { signing: Grant::Everybody, creation: Grant::Everybody, deletion: Grant::Nobody }
    }
}

impl Authorization {
    /// By the operator's lists. Servers make keys and never delete any, so deletion has one of its own.
    #[must_use]
    pub const fn listed(signing: Grant, key_management: Grant, key_deletion: Grant) -> Self {
        Self { signing, creation: key_management, deletion: key_deletion }
    }

    /// The operator's lists, if there are any: for signing, key management, key deletion.
    #[must_use]
    pub fn lists(&self) -> Option<[&Grant; 3]> {
        (*self != Self::default()).then_some([&self.signing, &self.creation, &self.deletion])
    }

    /// Decides whether a caller may do something.
    ///
    /// # Errors
    /// [`Denied`] if not.
    pub fn permit(&self, caller: &Caller, action: Action) -> Result<(), Denied> {
        let is_permitted = match action {
            Action::Sign => self.signing.includes(caller),
            Action::Create => self.creation.includes(caller),
            Action::Delete => self.deletion.includes(caller),
            Action::LookUp => {
                [&self.signing, &self.creation, &self.deletion].iter().any(|grant| grant.includes(caller))
            }
        };
        if is_permitted { Ok(()) } else { Err(Denied { name: caller.name().to_owned(), action }) }
    }
}

/// A caller may not do that.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name} may not {action}; the signer's {} does not name it", list(*.action))]
pub struct Denied {
    /// Who.
    pub name: String,
    /// What.
    pub action: Action,
}

fn list(action: Action) -> &'static str {
    match action {
        Action::Sign => "authorization.signing",
        Action::LookUp => "authorization",
        Action::Create => "authorization.key_management",
        Action::Delete => "authorization.key_deletion",
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sign => "sign",
            Self::LookUp => "look keys up",
            Self::Create => "create keys",
            Self::Delete => "delete keys",
        })
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair};

    use super::*;

    fn caller(common_name: &str, dns: &[&str]) -> Caller {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(dns.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap();
        params.distinguished_name.push(DnType::CommonName, common_name);
        let certificate = params.self_signed(&key).unwrap().der().clone();
        Caller::of(&Peer { address: ([127, 0, 0, 1], 1).into(), certificate: Some(certificate) })
    }

    fn nobody() -> Caller {
        Caller::of(&Peer { address: ([127, 0, 0, 1], 1).into(), certificate: None })
    }

    fn listed(signing: &[&str], key_management: &[&str]) -> Authorization {
        let grant = |names: &[&str]| Grant::to(names.iter().map(|name| (*name).to_owned()).collect());
        Authorization::listed(grant(signing), grant(key_management), grant(&["deletes"]))
    }

    #[test]
    fn a_caller_is_known_by_common_name_and_dns_names() {
        let authorization = listed(&["trust.example"], &[]);
        assert!(authorization.permit(&caller("Trust.Example", &[]), Action::Sign).is_ok());
        assert!(authorization.permit(&caller("x", &["a.example", "TRUST.example"]), Action::Sign).is_ok());
        // KELVIN SIGN is a k in lower case, and no k.
        let doker = listed(&["doker"], &[]);
        assert!(doker.permit(&caller("do\u{212a}er", &[]), Action::Sign).is_err());
        for other in ["trust.example.org", "x.trust.example", "trust", ""] {
            assert!(authorization.permit(&caller(other, &[]), Action::Sign).is_err(), "{other}");
        }
        assert!(authorization.permit(&nobody(), Action::Sign).is_err());
    }

    #[test]
    fn each_list_is_for_its_own_calls() {
        let (signs, manages, deletes) = (caller("signs", &[]), caller("manages", &[]), caller("deletes", &[]));
        let authorization = listed(&["signs"], &["manages"]);
        assert!(authorization.permit(&signs, Action::Sign).is_ok());
        assert!(authorization.permit(&manages, Action::Sign).is_err());
        for (action, who, list) in [
            (Action::Create, &manages, "authorization.key_management"),
            (Action::Delete, &deletes, "authorization.key_deletion"),
        ] {
            assert!(authorization.permit(who, action).is_ok());
            let denied = authorization.permit(&signs, action).unwrap_err().to_string();
            assert!(denied.contains("signs may not") && denied.contains(list), "{denied}");
        }
        assert!(authorization.permit(&manages, Action::Delete).is_err());
        for caller in [&signs, &manages, &deletes] {
            assert!(authorization.permit(caller, Action::LookUp).is_ok());
        }
        assert!(authorization.permit(&caller("other", &[]), Action::LookUp).is_err());
    }

    #[test]
    fn by_default_everybody_signs_and_nobody_deletes() {
        let authorization = Authorization::default();
        for action in [Action::Sign, Action::LookUp, Action::Create] {
            assert!(authorization.permit(&nobody(), action).is_ok());
        }
        assert!(authorization.permit(&caller("any", &[]), Action::Delete).is_err());
    }

    #[test]
    fn a_star_is_everybody_and_no_pattern() {
        assert!(listed(&["*"], &["*"]).permit(&caller("any", &[]), Action::Create).is_ok());
        assert!(listed(&["*.example"], &[]).permit(&caller("a.example", &[]), Action::Sign).is_err());
    }
}
