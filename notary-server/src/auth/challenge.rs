//! `Www-Authenticate`: where to get a token, and for what (RFC 6750 and the registries' token authentication).

use http::header::HOST;
use http::{HeaderMap, HeaderValue, Uri};

use super::access::Needed;

/// Longest host name that is repeated in a challenge, in bytes.
const MAX_HOST: usize = 255;

/// Where clients get tokens.
#[derive(Debug, Clone)]
pub(super) struct Challenger {
    pub(super) realm: String,
    pub(super) service: String,
    pub(super) auto_redirect: bool,
}

impl Challenger {
    /// The header's value: realm, service, scope and error, in Notary's order.
    pub(super) fn challenge(
        &self,
        uri: &Uri,
        headers: &HeaderMap,
        needed: Option<&Needed<'_>>,
        error: Option<&str>,
    ) -> HeaderValue {
        let redirected = if self.auto_redirect { own_realm(uri, headers) } else { None };
        let realm = redirected.as_deref().unwrap_or(&self.realm);
        let mut text = format!("Bearer realm={},service={}", quoted(realm), quoted(&self.service));
        if let Some(scope) = needed.and_then(Needed::scope) {
            text.push_str(&format!(",scope={}", quoted(&scope)));
        }
        if let Some(error) = error {
            text.push_str(&format!(",error={}", quoted(error)));
        }
        HeaderValue::from_bytes(text.as_bytes()).unwrap_or_else(|_| HeaderValue::from_static("Bearer"))
    }
}

/// `https://HOST/auth/token` of the host the client asked, if that is a host and nothing else.
fn own_realm(uri: &Uri, headers: &HeaderMap) -> Option<String> {
    let host = match headers.get(HOST) {
        Some(host) => host.to_str().ok()?,
        // Where HTTP/2 has it.
        None => uri.authority()?.as_str(),
    };
    is_host(host).then(|| format!("https://{host}/auth/token"))
}

/// A name, IPv4 address or bracketed IPv6 address, perhaps with a port.
fn is_host(text: &str) -> bool {
    if text.len() > MAX_HOST {
        return false;
    }
    let (name, rest) = if let Some(bracketed) = text.strip_prefix('[') {
        let Some((address, rest)) = bracketed.split_once(']') else { return false };
        if address.parse::<std::net::Ipv6Addr>().is_err() {
            return false;
        }
        ("v6", rest)
    } else {
        text.split_at(text.find(':').unwrap_or(text.len()))
    };
    let name_is_good = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b));
    let port_is_good = match rest.strip_prefix(':') {
        Some(port) => port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok(),
        None => rest.is_empty(),
    };
    name_is_good && port_is_good
}

/// A quoted string (RFC 9110, 5.6.4): nothing inside can end it.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use libtrust::names::RoleName;

    use super::super::access::Requirement;
    use libtrust::dialect::Dialect;

    use super::*;
    use crate::routes::route::{Route, Which};

    fn challenger(auto_redirect: bool) -> Challenger {
        Challenger { realm: "https://auth.example/token".to_owned(), service: "notary".to_owned(), auto_redirect }
    }

    fn challenge(gun: &str) -> String {
        let route = Route::Publish(Dialect::Notary, Ok(gun.parse().unwrap()));
        let Requirement::Access(needed) = Requirement::of(&route) else { panic!() };
        let value =
            challenger(false).challenge(&Uri::default(), &HeaderMap::new(), Some(&needed), Some("invalid_token"));
        String::from_utf8(value.as_bytes().to_vec()).unwrap()
    }

    #[test]
    fn it_reads_as_notarys() {
        assert_eq!(
            challenge("ex.test/a"),
            "Bearer realm=\"https://auth.example/token\",service=\"notary\",\
             scope=\"repository:ex.test/a:push,pull\",error=\"invalid_token\""
        );
    }

    #[test]
    fn a_name_cannot_add_parameters() {
        assert!(
            challenge(r#"a",realm="https://evil/"#).contains(r#"repository:a\",realm=\"https://evil/:push,pull","#)
        );
        assert!(challenge(r#"a\",x="#).contains(r#"repository:a\\\",x=:push,pull"#));
        assert!(!challenge("a:pull repository:b").contains("scope="));
        assert!(challenge("ünï").contains("scope=\"repository:ünï:push,pull\""));
    }

    #[test]
    fn the_realm_follows_the_host_only_if_it_is_one() {
        let route = Route::File(Dialect::Notary, "a".parse().unwrap(), RoleName::Root, Which::Current);
        let Requirement::Access(needed) = Requirement::of(&route) else { panic!() };
        let realm = |host: &str| {
            let headers = HeaderMap::from_iter([(HOST, HeaderValue::from_bytes(host.as_bytes()).unwrap())]);
            let value = challenger(true).challenge(&Uri::default(), &headers, Some(&needed), None);
            value.to_str().unwrap().split('"').nth(1).unwrap().to_owned()
        };
        assert_eq!(realm("trust.example:4443"), "https://trust.example:4443/auth/token");
        assert_eq!(realm("[::1]:4443"), "https://[::1]:4443/auth/token");
        for host in ["", "a b", "user@evil", "a/b", "a?b", "evil\"x", "a:b", "a:99999", "a:1:2", "[::1", "[x]", "é"] {
            assert_eq!(realm(host), "https://auth.example/token", "{host}");
        }
        let uri = Uri::from_static("https://two.example/v2/");
        let value = challenger(true).challenge(&uri, &HeaderMap::new(), None, None);
        assert_eq!(value, "Bearer realm=\"https://two.example/auth/token\",service=\"notary\"");
    }
}
