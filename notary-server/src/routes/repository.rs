//! Paths below `/tuf/`: TUF 1.0 repositories.
//!
//! ```text
//! /tuf/GUN/metadata/            POST: publish
//! /tuf/GUN/metadata/ROLE.json   the current file of a role; VERSION.ROLE.json that version
//! /tuf/GUN/targets/HASH.NAME    a target
//! /tuf/GUN/                     DELETE
//! /tuf/GUN/_changefeed          changes; /tuf/_changefeed those of all
//! ```
//!
//! Read before the percent-encoding is taken away: a role's name may hold slashes, encoded in one segment.

use http::Method;
use libtrust::dialect::Dialect;
use libtrust::metadata::Version;
use libtrust::names::{Gun, InvalidGun, RoleName};

use super::route::{Route, TargetFile, Which};
use crate::percent;

/// What stands before every path.
pub(super) const PREFIX: &str = "/tuf/";

const FEED: &str = "_changefeed";

/// Reads what stands behind [`PREFIX`], percent-encoded.
pub(super) fn parse(method: &Method, rest: &str) -> Option<Route> {
    let is_read = *method == Method::GET || *method == Method::HEAD;
    let (before, file) = rest.rsplit_once('/').unwrap_or(("", rest));
    match (method, file) {
        (&Method::GET, FEED) if before.is_empty() => Some(Route::Changefeed(Dialect::Tuf, None)),
        (&Method::GET, FEED) => {
            Some(gun(before)?.map_or(Route::NoSuchFile, |gun| Route::Changefeed(Dialect::Tuf, Some(gun))))
        }
        (&Method::POST, "") => Some(Route::Publish(Dialect::Tuf, gun(before.strip_suffix("/metadata")?)?)),
        (&Method::DELETE, "") => Some(gun(before)?.map_or(Route::NoSuchFile, |gun| Route::Delete(Dialect::Tuf, gun))),
        (_, "") => None,
        _ if is_read => {
            let (name, folder) = before.rsplit_once('/')?;
            let named = gun(name)?;
            Some(match (folder, named) {
                ("metadata", Ok(gun)) => metadata(gun, file),
                ("targets", Ok(gun)) => target(gun, file),
                ("metadata" | "targets", Err(_)) => Route::NoSuchFile,
                _ => return None,
            })
        }
        _ => None,
    }
}

/// The name of a repository; nothing if no path can mean it.
fn gun(text: &str) -> Option<Result<Gun, InvalidGun>> {
    let name = percent::decode(text)?;
    let is_clean = name.split('/').all(|segment| !matches!(segment, "" | "." | ".."));
    is_clean.then(|| name.parse())
}

fn metadata(gun: Gun, file: &str) -> Route {
    let found = file.strip_suffix(".json").and_then(|name| {
        let (name, which) = match name.split_once('.') {
            Some((digits, role)) if !role.is_empty() && !digits.is_empty() && is_number(digits) => {
                let version = digits.parse::<u64>().ok().and_then(|number| Version::try_from(number).ok())?;
                (role, Which::Version(version))
            }
            _ => (name, Which::Current),
        };
        Some((RoleName::in_tuf(&percent::decode(name)?).ok()?, which))
    });
    found.map_or(Route::NoSuchFile, |(role, which)| Route::File(Dialect::Tuf, gun, role, which))
}

fn target(gun: Gun, file: &str) -> Route {
    let Some(name) = percent::decode(file) else { return Route::NoSuchFile };
    let digest = name.split_once('.').filter(|(digest, name)| is_digest(digest) && !name.is_empty());
    let target = match digest {
        Some((digest, name)) => TargetFile { digest: Some(digest.to_ascii_lowercase()), name: name.to_owned() },
        None => TargetFile { digest: None, name: name.into_owned() },
    };
    Route::Target(gun, target)
}

fn is_number(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit())
}

/// SHA-256 or SHA-512 in hex.
fn is_digest(text: &str) -> bool {
    [64, 128].contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn get(path: &str) -> Route {
        Route::parse(&Method::GET, path)
    }

    fn file(gun: &str, role: &str, which: Which) -> Route {
        Route::File(Dialect::Tuf, gun.parse().unwrap(), RoleName::in_tuf(role).unwrap(), which)
    }

    fn v(number: u64) -> Which {
        Which::Version(Version::try_from(number).unwrap())
    }

    #[test]
    fn metadata_is_found_under_the_names_of_the_specification() {
        for (path, expected) in [
            ("/tuf/a/b/metadata/timestamp.json", file("a/b", "timestamp", Which::Current)),
            ("/tuf/a/metadata/12.root.json", file("a", "root", v(12))),
            ("/tuf/a/metadata/1.bin-0f.json", file("a", "bin-0f", v(1))),
            ("/tuf/a%2Fb/metadata/root.json", file("a/b", "root", Which::Current)),
            ("/tuf/a/metadata/metadata/root.json", file("a/metadata", "root", Which::Current)),
        ] {
            assert_eq!(get(path), expected, "{path}");
        }
    }

    #[test]
    fn wide_names_are_one_segment_and_escape_nothing() {
        for (path, role) in [
            ("7.a%2Fb.json", "a/b"),
            ("7...json", "."),
            ("7....json", ".."),
            ("7.a%2F%2Fb.json", "a//b"),
            ("7.%2E%2E%2Froot.json", "../root"),
            ("7.1.root.json", "1.root"),
            ("7.x.json.json", "x.json"),
            ("7.%C3%A5%20%23%3F%25.json", "å #?%"),
        ] {
            assert_eq!(get(&format!("/tuf/a/metadata/{path}")), file("a", role, v(7)), "{path}");
        }
        assert_eq!(get("/tuf/a/metadata/...json"), file("a", "..", Which::Current));
        assert_eq!(get("/tuf/a/metadata/2%2Eroot.json"), file("a", "2.root", Which::Current));
    }

    #[test]
    fn names_that_no_file_has_are_not_found() {
        for name in
            ["0.root.json", "99999999999999999999.root.json", ".json", "%0A.json", "%FF.json", "root.key", "root"]
        {
            assert_eq!(get(&format!("/tuf/a/metadata/{name}")), Route::NoSuchFile, "{name}");
        }
        for path in ["/tuf", "/tuf/", "/tuf/a", "/tuf/a/metadata/", "/tuf/a/other/x.json", "/tuf/metadata/root.json"] {
            assert_eq!(get(path), Route::Unknown, "{path}");
        }
        let long = format!("/tuf/{}/metadata/root.json", "a".repeat(256));
        assert_eq!(get(&long), Route::NoSuchFile);
    }

    #[test]
    fn methods_choose() {
        let gun: Gun = "a/b".parse().unwrap();
        let ask = |method: Method, path: &str| Route::parse(&method, path);
        assert_eq!(ask(Method::POST, "/tuf/a/b/metadata/"), Route::Publish(Dialect::Tuf, Ok(gun.clone())));
        assert_eq!(ask(Method::DELETE, "/tuf/a/b/"), Route::Delete(Dialect::Tuf, gun.clone()));
        assert_eq!(ask(Method::GET, "/tuf/a/b/_changefeed"), Route::Changefeed(Dialect::Tuf, Some(gun)));
        assert_eq!(ask(Method::GET, "/tuf/_changefeed"), Route::Changefeed(Dialect::Tuf, None));
        assert_eq!(ask(Method::POST, "/tuf/a/b/metadata/root.json"), Route::Unknown);
        assert_eq!(ask(Method::POST, "/tuf/a/b/"), Route::Unknown);
    }

    #[test]
    fn targets_are_one_segment_with_or_without_a_digest() {
        let sum = "ab".repeat(32);
        let target = |digest: Option<&str>, name: &str| {
            let target = TargetFile { digest: digest.map(str::to_owned), name: name.to_owned() };
            Route::Target("a/b".parse().unwrap(), target)
        };
        assert_eq!(get(&format!("/tuf/a/b/targets/{sum}.1.2")), target(Some(&sum), "1.2"));
        assert_eq!(get(&format!("/tuf/a/b/targets/{}.x", sum.to_uppercase())), target(Some(&sum), "x"));
        assert_eq!(
            get(&format!("/tuf/a/b/targets/{sum}.sha256%3A{sum}")),
            target(Some(&sum), &format!("sha256:{sum}"))
        );
        assert_eq!(get("/tuf/a/b/targets/3.20"), target(None, "3.20"));
    }

    #[test]
    fn unclean_paths_are_redirected_or_unknown() {
        assert_eq!(get("/tuf/a/../b/metadata/root.json"), Route::Redirect("/tuf/b/metadata/root.json".to_owned()));
        assert_eq!(get("/tuf//a/metadata/root.json"), Route::Redirect("/tuf/a/metadata/root.json".to_owned()));
        assert_eq!(get("/tuf/a%2F..%2Fb/metadata/root.json"), Route::Unknown);
    }

    proptest! {
        #[test]
        fn any_path_gets_an_answer(path in "(/|%[0-9a-f]{2}|\\PC|/metadata/|/targets/|\\.json|root|[0-9]){0,40}") {
            let _ = get(&format!("/tuf/{path}"));
        }

        #[test]
        fn every_role_is_found_under_its_encoded_name(role in "\\PC{1,60}", version in 1u64..1_000_000) {
            if let Ok(name) = RoleName::in_tuf(&role) {
                let encoded: String = role.bytes().map(|b| format!("%{b:02X}")).collect();
                let expected = Route::File(Dialect::Tuf, "a".parse().unwrap(), name, v(version));
                prop_assert_eq!(get(&format!("/tuf/a/metadata/{version}.{encoded}.json")), expected);
            }
        }
    }
}
