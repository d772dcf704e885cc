//! A request line becomes a route.
//!
//! Names hold slashes, so this is not a table of patterns but one parser: the path without its percent-encoding, split at
//! the last `/_trust/` that makes sense, as Notary's greedy patterns do.

use http::Method;
use libtrust::dialect::Dialect;
use libtrust::metadata::Version;
use libtrust::names::{Gun, InvalidGun, RoleName};

use super::repository;
use crate::percent;
use crate::storage::Sha256;

/// Longest path that is looked at, in bytes: an image name and a role name, percent-encoded, and what stands around them.
const MAX_PATH: usize = 4096;

/// What a request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// `GET /v2/`: is this a trust server?
    Ping,
    /// `POST /v2/GUN/_trust/tuf/` or `POST /tuf/GUN/metadata/`.
    Publish(Dialect, Result<Gun, InvalidGun>),
    /// `GET` or `HEAD` of a metadata file.
    File(Dialect, Gun, RoleName, Which),
    /// `GET` or `HEAD` of a target of a TUF repository.
    Target(Gun, TargetFile),
    /// A metadata file under a name that cannot exist.
    NoSuchFile,
    /// `GET /v2/GUN/_trust/tuf/ROLE.key`.
    Key(Gun, RoleName),
    /// `POST /v2/GUN/_trust/tuf/ROLE.key`.
    RotateKey(Gun, RoleName),
    /// `DELETE /v2/GUN/_trust/tuf/` or `DELETE /tuf/GUN/`.
    Delete(Dialect, Gun),
    /// `GET /v2/GUN/_trust/changefeed` or `GET /v2/_trust/changefeed`; below `/tuf/` `_changefeed`.
    Changefeed(Dialect, Option<Gun>),
    /// The path is not in its clean form; this is.
    Redirect(String),
    /// A method that no path knows.
    MethodNotAllowed,
    /// Anything else.
    Unknown,
}

/// Which file of a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// The current one.
    Current,
    /// The one with this digest.
    Checksum(Sha256),
    /// The one with this version.
    Version(Version),
}

/// A target as its address names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetFile {
    /// The digest it must have, in lower-case hex: 64 digits of SHA-256 or 128 of SHA-512.
    pub digest: Option<String>,
    /// Its name.
    pub name: String,
}

impl Route {
    /// Reads method and percent-encoded path.
    #[must_use]
    pub fn parse(method: &Method, raw_path: &str) -> Self {
        if ![Method::GET, Method::POST, Method::PUT, Method::HEAD, Method::DELETE].contains(method) {
            return Self::MethodNotAllowed;
        }
        // Names have at most 255 bytes each; looking for them in more would only cost time.
        if raw_path.len() > MAX_PATH {
            return Self::Unknown;
        }
        if let Some(rest) = raw_path.strip_prefix(repository::PREFIX)
            && cleaned(raw_path).is_none()
        {
            return repository::parse(method, rest).unwrap_or(Self::Unknown);
        }
        let Some(path) = percent::decode(raw_path) else { return Self::Unknown };
        if let Some(clean) = cleaned(&path) {
            return Self::Redirect(percent::encode_path(&clean));
        }
        let Some(rest) = path.strip_prefix("/v2/") else { return Self::Unknown };
        if rest.is_empty() && method == Method::GET {
            return Self::Ping;
        }
        collection(method, rest).unwrap_or(Self::Unknown)
    }

    /// The collection it is about.
    #[must_use]
    pub const fn gun(&self) -> Option<&Gun> {
        match self {
            Self::Publish(_, Ok(gun))
            | Self::File(_, gun, ..)
            | Self::Target(gun, _)
            | Self::Key(gun, _)
            | Self::RotateKey(gun, _)
            | Self::Delete(_, gun)
            | Self::Changefeed(_, Some(gun)) => Some(gun),
            _ => None,
        }
    }
}

fn collection(method: &Method, rest: &str) -> Option<Route> {
    const FEED: &str = "_trust/changefeed";
    if method == Method::GET
        && let Some(before) = rest.strip_suffix(FEED)
    {
        if before.is_empty() {
            return Some(Route::Changefeed(Dialect::Notary, None));
        }
        if let Some(gun) = before.strip_suffix('/').filter(|gun| !gun.is_empty()) {
            return Some(gun.parse().map_or(Route::NoSuchFile, |gun| Route::Changefeed(Dialect::Notary, Some(gun))));
        }
    }
    // Greedy: the longest name whose remainder makes sense.
    rest.rmatch_indices("/_trust/tuf/").find_map(|(at, separator)| {
        let (gun, tail) = (rest.get(..at)?, rest.get(at + separator.len()..)?);
        if gun.is_empty() || gun.contains('*') { None } else { resource(method, gun, tail) }
    })
}

fn resource(method: &Method, gun: &str, tail: &str) -> Option<Route> {
    let named = gun.parse::<Gun>();
    if tail.is_empty() {
        return match *method {
            Method::POST => Some(Route::Publish(Dialect::Notary, named)),
            Method::DELETE => Some(named.map_or(Route::NoSuchFile, |gun| Route::Delete(Dialect::Notary, gun))),
            _ => None,
        };
    }
    if let Some(role) = tail.strip_suffix(".key") {
        let role = match role {
            "snapshot" => RoleName::Snapshot,
            "timestamp" => RoleName::Timestamp,
            _ => return None,
        };
        return match *method {
            Method::GET => Some(named.map_or(Route::NoSuchFile, |gun| Route::Key(gun, role))),
            Method::POST => Some(named.map_or(Route::NoSuchFile, |gun| Route::RotateKey(gun, role))),
            _ => None,
        };
    }
    if *method != Method::GET && *method != Method::HEAD {
        return None;
    }
    let file = tail.strip_suffix(".json")?;
    let (role, which) = file_name(file)?;
    let route = match (named, role.parse(), which) {
        (Ok(gun), Ok(role), Some(which)) => Route::File(Dialect::Notary, gun, role, which),
        _ => Route::NoSuchFile,
    };
    Some(route)
}

/// Splits `ROLE`, `ROLE.SUM` or `VER.ROLE`. The inner nothing is a well-formed name that no file can have.
fn file_name(file: &str) -> Option<(&str, Option<Which>)> {
    if let Some((role, sum)) = file.rsplit_once('.')
        && [64, 96, 128].contains(&sum.len())
        && sum.bytes().all(|b| b.is_ascii_hexdigit())
        && is_role(role)
    {
        // Only SHA-256 names files, in either case of letters.
        let digest = hex::decode(sum).ok().and_then(|digest| digest.try_into().ok());
        return Some((role, digest.map(Which::Checksum)));
    }
    if let Some((digits, role)) = file.split_once('.')
        && !digits.is_empty()
        && digits.bytes().all(|b| b.is_ascii_digit())
        && is_role(role)
    {
        let version = digits.parse::<u64>().ok().and_then(|n| Version::try_from(n).ok());
        return Some((role, version.map(Which::Version)));
    }
    is_role(file).then_some((file, Some(Which::Current)))
}

/// What Notary's pattern takes for a role; wider than what can exist.
fn is_role(text: &str) -> bool {
    match text {
        "root" | "snapshot" | "timestamp" | "targets" => true,
        _ => text.strip_prefix("targets/").is_some_and(|rest| {
            rest.split('/').all(|segment| !segment.is_empty() && !segment.contains(char::is_whitespace))
        }),
    }
}

/// The clean form of a path, if it is not that already: no empty, `.` or `..` segments.
fn cleaned(path: &str) -> Option<String> {
    let dirty = !path.starts_with('/')
        || path.contains("//")
        || path.split('/').any(|segment| segment == "." || segment == "..");
    if !dirty {
        return None;
    }
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            other => segments.push(other),
        }
    }
    let trailing = path.ends_with('/') && !segments.is_empty();
    Some(format!("/{}{}", segments.join("/"), if trailing { "/" } else { "" }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn get(path: &str) -> Route {
        Route::parse(&Method::GET, path)
    }

    fn file(gun: &str, role: &str, which: Which) -> Route {
        Route::File(Dialect::Notary, gun.parse().unwrap(), role.parse().unwrap(), which)
    }

    fn v(number: u64) -> Which {
        Which::Version(Version::try_from(number).unwrap())
    }

    #[test]
    fn metadata_is_found_under_all_its_names() {
        let sum = "ab".repeat(32);
        assert_eq!(get("/v2/a/b/_trust/tuf/root.json"), file("a/b", "root", Which::Current));
        assert_eq!(get("/v2/a/_trust/tuf/001.root.json"), file("a", "root", v(1)));
        assert_eq!(get("/v2/a/_trust/tuf/7.targets/x.json"), file("a", "targets/x", v(7)));
        let by_sum = file("a", "targets/x", Which::Checksum([0xab; 32]));
        assert_eq!(get(&format!("/v2/a/_trust/tuf/targets/x.{sum}.json")), by_sum);
        assert_eq!(get(&format!("/v2/a/_trust/tuf/targets/x.{}.json", sum.to_uppercase())), by_sum);
        assert_eq!(get("/v2/a%2Fb/_trust/tuf/root.json"), file("a/b", "root", Which::Current));
    }

    #[test]
    fn names_are_greedy() {
        assert_eq!(get("/v2/a/_trust/tuf/b/_trust/tuf/root.json"), file("a/_trust/tuf/b", "root", Which::Current));
    }

    #[test]
    fn files_that_cannot_exist_are_told_apart_from_unknown_paths() {
        for path in ["0.root.json", "99999999999999999999.root.json", "targets/A.json", "targets/a.b.json"] {
            assert_eq!(get(&format!("/v2/a/_trust/tuf/{path}")), Route::NoSuchFile, "{path}");
        }
        let long = format!("/v2/{}/_trust/tuf/root.json", "a".repeat(256));
        assert_eq!(get(&long), Route::NoSuchFile);
        for path in ["/", "/v2", "/v2/a/_trust/tuf", "/v2/a/_trust/tuf/other.json", "/v2/a*/_trust/tuf/root.json"] {
            assert_eq!(get(path), Route::Unknown, "{path}");
        }
    }

    #[test]
    fn endless_paths_are_not_looked_at() {
        let path = format!("/v2/{}", "a/_trust/tuf/targets".repeat(1000));
        assert_eq!(get(&path), Route::Unknown);
    }

    #[test]
    fn methods_choose() {
        let gun: Gun = "a".parse().unwrap();
        assert_eq!(Route::parse(&Method::POST, "/v2/a/_trust/tuf/"), Route::Publish(Dialect::Notary, Ok(gun.clone())));
        assert_eq!(Route::parse(&Method::DELETE, "/v2/a/_trust/tuf/"), Route::Delete(Dialect::Notary, gun.clone()));
        assert_eq!(get("/v2/a/_trust/tuf/snapshot.key"), Route::Key(gun.clone(), RoleName::Snapshot));
        let rotate = Route::parse(&Method::POST, "/v2/a/_trust/tuf/timestamp.key");
        assert_eq!(rotate, Route::RotateKey(gun.clone(), RoleName::Timestamp));
        assert_eq!(get("/v2/a/_trust/tuf/root.key"), Route::Unknown);
        assert_eq!(get("/v2/_trust/changefeed"), Route::Changefeed(Dialect::Notary, None));
        assert_eq!(get("/v2/a/_trust/changefeed"), Route::Changefeed(Dialect::Notary, Some(gun)));
        assert_eq!(get("/v2/"), Route::Ping);
        assert_eq!(Route::parse(&Method::PATCH, "/v2/"), Route::MethodNotAllowed);
        assert!(matches!(
            Route::parse(&Method::HEAD, "/v2/a/_trust/tuf/root.json"),
            Route::File(_, _, RoleName::Root, Which::Current)
        ));
    }

    #[test]
    fn unclean_paths_are_redirected_before_anything_else() {
        let to = |path: &str| Route::Redirect(path.to_owned());
        assert_eq!(get("//v2/a/_trust/tuf/root.json"), to("/v2/a/_trust/tuf/root.json"));
        assert_eq!(get("/v2/a/../b/_trust/tuf/"), to("/v2/b/_trust/tuf/"));
        assert_eq!(get("/../.."), to("/"));
        assert_eq!(get("/v2/%2e%2e/a%20b/"), to("/a%20b/"));
    }

    proptest! {
        #[test]
        fn any_path_gets_an_answer(path in "(/|%[0-9a-f]{2}|\\PC|_trust/tuf/|\\.json|root|targets|[0-9]){0,40}") {
            let _ = get(&path);
            if let Route::Redirect(clean) = get(&format!("/{path}")) {
                prop_assert!(!matches!(get(&clean), Route::Redirect(_)), "{clean}");
                prop_assert!(clean.starts_with('/') && !clean.starts_with("//"));
            }
        }
    }
}
