//! `auth`: who may ask. Absent, or `type: none`, is everyone; `token` is the registries' token authentication. Anything
//! else is refused: Notary serves everyone for every `type` it does not know, and a typo must not be a hole.

use std::path::PathBuf;

use notary_service::config::{ConfigError, Found, Section, Tree};
use serde_json::{Value, json};

/// The sections's own keys.
pub(super) const KEYS: &[&str] = &["type", "options"];

/// Notary's, then ours.
const OPTIONS: &[&str] = &["realm", "service", "issuer", "rootcertbundle", "autoredirect", "jwks", "jwks_ca_file"];

/// `auth.options`: whose tokens are believed, and where clients get them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenOptions {
    /// `realm`, required: the address at which clients ask for a token.
    pub realm: String,
    /// `service`, required: what a token's `aud` must name.
    pub service: String,
    /// `issuer`, required: what a token's `iss` must be.
    pub issuer: String,
    /// `rootcertbundle`: PEM certificates whose keys sign tokens, or are authorities of those that do.
    pub bundle: Option<PathBuf>,
    /// `jwks`: a set of keys (RFC 7517) besides or instead of the bundle.
    pub jwks: Option<JwksLocation>,
    /// `jwks_ca_file`: PEM certificates of authorities trusted for the `jwks` address in place of the system's.
    pub jwks_ca: Option<PathBuf>,
    /// `autoredirect`: the realm is `https://HOST/auth/token` of the host the client asked.
    pub auto_redirect: bool,
}

/// Where a set of keys is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JwksLocation {
    /// In a file.
    File(PathBuf),
    /// Behind an `https` address.
    Url(String),
}

/// Reads the section; nothing means that everyone is served.
pub(super) fn read(mut section: Section<'_>) -> Result<Option<TokenOptions>, ConfigError> {
    const TYPE: &str = "token, or none to serve everyone";
    let kind = section.take("type");
    let mut options = section.section("options", OPTIONS)?;
    match kind {
        None => match OPTIONS.iter().find_map(|key| options.take(key)) {
            // Options that nothing reads are a restriction that does not hold.
            Some(_) => Err(section.missing("type", TYPE)),
            None => Ok(None),
        },
        Some(kind) => match kind.text().as_deref() {
            Some("none") => Ok(None),
            Some("token") => TokenOptions::read(options).map(Some),
            _ => Err(kind.invalid(TYPE)),
        },
    }
}

/// The section as it could be written.
pub(super) fn describe(options: Option<&TokenOptions>) -> Value {
    let Some(options) = options else { return json!({ "type": "none" }) };
    let jwks = options.jwks.as_ref().map(|location| match location {
        JwksLocation::File(path) => json!(path),
        JwksLocation::Url(url) => json!(url),
    });
    json!({
        "type": "token",
        "options": {
            "realm": options.realm,
            "service": options.service,
            "issuer": options.issuer,
            "rootcertbundle": options.bundle,
            "autoredirect": options.auto_redirect,
            "jwks": jwks,
            "jwks_ca_file": options.jwks_ca,
        },
    })
}

impl TokenOptions {
    fn read(mut section: Section<'_>) -> Result<Self, ConfigError> {
        let realm =
            header_text(&mut section, "realm", "the address of the token service, such as https://auth.example/token")?;
        let service = header_text(&mut section, "service", "the name of this service, as tokens have it in aud")?;
        let issuer = header_text(&mut section, "issuer", "the issuer of tokens, as they have it in iss")?;
        let bundle = section.path("rootcertbundle")?;
        let jwks = section.take("jwks").map(|found| location(&section, &found)).transpose()?;
        let jwks_ca = section.path("jwks_ca_file")?;
        let auto_redirect = section.take("autoredirect").map(|found| truth(&found)).transpose()?.unwrap_or_default();
        if bundle.is_none() && jwks.is_none() {
            return Err(
                section.missing("rootcertbundle", "the path of PEM certificates, or jwks, to check tokens with")
            );
        }
        if jwks_ca.is_some() && !matches!(jwks, Some(JwksLocation::Url(_))) {
            return Err(section.missing("jwks", "an https address, because jwks_ca_file is about one"));
        }
        Ok(Self { realm, service, issuer, bundle, jwks, jwks_ca, auto_redirect })
    }
}

/// Text that can stand in a header as it is.
fn header_text(section: &mut Section<'_>, key: &str, expected: &'static str) -> Result<String, ConfigError> {
    let found = section.take(key).ok_or_else(|| section.missing(key, expected))?;
    match found.text() {
        Some(text) if text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) => Ok(text),
        _ => Err(found.invalid(format!("{expected}; printable ASCII characters only"))),
    }
}

fn location(section: &Section<'_>, found: &Found) -> Result<JwksLocation, ConfigError> {
    let text = found.text().ok_or_else(|| found.invalid("the path or https address of a JWK set"))?;
    if let Some(rest) = text.strip_prefix("https://") {
        if rest.split('/').next().is_some_and(|authority| authority.contains('@')) {
            return Err(found.refused("expected an address without user and password: it is shown in logs"));
        }
        Ok(JwksLocation::Url(text))
    } else if text.contains("://") {
        Err(found.unsupported("who can change the keys on their way can sign any token; use https or a file"))
    } else {
        Ok(JwksLocation::File(section.resolve(&text)))
    }
}

fn truth(found: &Found) -> Result<bool, ConfigError> {
    match &found.value {
        Tree::Bool(value) => Ok(*value),
        _ => found.text().and_then(|text| text.parse().ok()).ok_or_else(|| found.invalid("true or false")),
    }
}
